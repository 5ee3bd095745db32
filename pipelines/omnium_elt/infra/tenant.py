"""The tenant as the settings describe it: its API users, the treatment of personal data, and the source's errors."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from omnium_source.errors import ConfigurationError, OmniumError, Stopped, Unreachable, WrongCredentials
from omnium_source.http.client import OmniumClient, tenant_of
from omnium_source.pii.masking import PersonalData
from omnium_source.pii.personal_key import check_mark, key_for

from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Settings

WRITER = "SOURCES__OMNIUM__WRITER"
"""Prefix of the settings of the API user that writes."""
IDENTIFYING = ("stores", "suppliers")
"""Resources that identify a tenant: they have few rows, which rarely change and are not personal."""
Ids = Callable[[str], set[str]]
"""Returns the row ids of a resource; an empty set if none are known."""
NEW_USER = "this API user is a new one, and gets none of its {}"
"""How a user of another tenant shows; `{}`: the resource by which."""


def connect(settings: Settings, held: Ids | None, **options: Any) -> OmniumClient:
    """Connect as the API user that reads; `options` of `OmniumClient` override the settings.

    `held`: the row ids in the home; None if the caller calls `refuse_other_rows` itself. Raises UsageError if the home
    holds the rows of another tenant.
    """
    check_tenant(settings)
    options = {"token_path": settings.home.token, **settings.client_options, **options}
    client = _client(settings, settings.client_id, settings.client_secret, **options)
    with closed_on_error(client):
        if held is not None:
            refuse_other_rows(settings, client, held)
    return client


def connect_writer(settings: Settings, held: Ids | None, **options: Any) -> OmniumClient:
    """Connect as the API user that writes; its token is not saved.

    `held`: the row ids in the home; None: nothing is compared. Raises UsageError if the user is of another tenant.
    """
    client = _client(settings, settings.writer_id, settings.writer_secret, section=WRITER, **options)
    with closed_on_error(client):
        if held is not None and (name := differing(held, ids_shown(settings, client))):
            raise UsageError(
                f"{WRITER}__CLIENT_ID is of another tenant: it gets none of the home's {name}",
                "Set the API user of the tenant whose rows the home holds.",
            )
    return client


@contextmanager
def closed_on_error(client: OmniumClient) -> Iterator[None]:
    """Close a client that the caller will not get, because something fails within the `with` block."""
    try:
        yield
    except BaseException:
        client.close()
        raise


def _client(settings: Settings, user: str, secret: str, **options: Any) -> OmniumClient:
    limits = ("max_concurrency", "max_requests_per_second", "stop")
    options = {name: getattr(settings, name) for name in limits} | options
    return OmniumClient(settings.base_url, user, secret, **options)


def fault_of_writer(settings: Settings) -> str | None:
    """What is wrong with the settings of the API user that writes; None if nothing."""
    for value, name in ((settings.writer_id, "CLIENT_ID"), (settings.writer_secret, "CLIENT_SECRET")):
        if not value:
            return f"{WRITER}__{name} is missing"
    if settings.writer_id == settings.client_id:
        return f"{WRITER}__CLIENT_ID is the API user that reads"
    return None


def check_tenant(settings: Settings) -> None:
    """Raise UsageError if the home holds rows that were read from another host.

    Rows of both would be mixed, and the first tenant's cursors would skip older rows of the second.
    """
    held, tenant = _held(settings), tenant_of(settings.base_url)
    if held and held != tenant:
        raise another_tenant(settings, f"{held}, and this is {tenant}")


def refuse_other_rows(settings: Settings, client: OmniumClient, held: Ids) -> None:
    """Raise UsageError if a new API user gets stores or suppliers, and none of them is in the home.

    All tenants share one host, but no API users. Raises WrongCredentials, Unreachable.
    """
    if is_another_user(settings, user_of(settings)) and (
        name := differing(held, ids_shown(settings, client))
    ):
        raise another_tenant(settings, f"another tenant: {NEW_USER.format(name)}")


def differing(one: Ids, other: Ids) -> str | None:
    """A resource by which two tenants differ: both have rows of it, and none in common. None if nothing shows that."""
    for name in IDENTIFYING:
        known = one(name)
        if known and (shown := other(name)) and known.isdisjoint(shown):
            return name
    return None


def ids_shown(settings: Settings, client: OmniumClient) -> Ids:
    """The row ids that an API user gets; none if it may not read the resource, or if reading fails."""
    # Imported late, as `check` and `write` need neither otherwise.
    from omnium_source.resources import RESOURCES
    from omnium_source.sync import Sync
    from omnium_source.windows.window import Reading

    def shown(name: str) -> set[str]:
        # The ids of these resources are not personal, so that no key is needed.
        with ThreadPoolExecutor(4, "omnium-page") as executor:
            sync = Sync(client, executor, PersonalData("include", b""), Reading(**settings.reading_options))
            try:
                return sync.keys(RESOURCES[name])
            except (WrongCredentials, Unreachable, Stopped):
                raise
            except OmniumError:
                return set()  # reading the resource reports the error; the other one may tell

    return shown


def another_tenant(settings: Settings, whose: str) -> UsageError:
    """The refusal of a home that holds the rows of another tenant; `whose` they are, and why that shows."""
    return UsageError(
        f"{settings.home.root} holds the rows of {whose}",
        f"Choose another --home; or, where both are the same tenant, take {settings.home.tenant} away.",
    )


def note_tenant(settings: Settings, user: str = "") -> None:
    """Record the tenant whose rows the home holds, and the API user; call before the first rows are loaded.

    `user`: as of `user_of`, if not the user of the settings read the rows.
    """
    noted = {"host": tenant_of(settings.base_url), "user": user or user_of(settings)}
    if read_object(settings.home.tenant) != noted:
        write_json(settings.home.tenant, noted)


def is_another_user(settings: Settings, user: str) -> bool:
    """Whether another API user than `user` read the rows of the home; False if it is unknown who did."""
    return read_object(settings.home.tenant).get("user", user) != user


def user_of(settings: Settings) -> str:
    """A digest of the API user that reads; hashed, because somebody may have swapped id and secret."""
    return hashlib.sha256(settings.client_id.encode()).hexdigest()[:16]


def _held(settings: Settings) -> str | None:
    """The host whose rows the home holds; None if it is unknown: there are no rows, or the file is damaged."""
    host = read_object(settings.home.tenant).get("host")
    return host if isinstance(host, str) else None


def personal_data(settings: Settings, kept_mark: str | None) -> PersonalData:
    """The treatment of personal data, with the key of this installation, which is created on the first load.

    Raises ConfigurationError if the destination's rows were treated differently, as `kept_mark` shows.
    """
    path, may_be_made = settings.home.personal_key, kept_mark is None
    key = key_for(settings.personal_key, path, may_be_made=may_be_made)
    personal = PersonalData(settings.personal, key)
    check_mark(kept_mark, personal.mark)
    return personal


@contextmanager
def translating_errors() -> Iterator[None]:
    """Turn errors of the source that end a step into errors of the program.

    Raises UsageError for a wrong setting or wrong credentials, OmniumEltError if the server cannot be reached.
    """
    try:
        yield
    except (ConfigurationError, WrongCredentials) as error:
        raise UsageError(*_what_and_remedy(error)) from error
    except Unreachable as error:
        raise OmniumEltError(*_what_and_remedy(error)) from error


def _what_and_remedy(error: OmniumError) -> tuple[str, str]:
    """Split the message of a source's error into what failed and the remedy, the two lines that the user sees."""
    what, _, remedy = str(error).rpartition(": ")
    what, remedy = (what, remedy) if what else (remedy, "")
    return (what, f"{remedy[0].upper()}{remedy[1:].removesuffix('.')}.") if remedy else (what, "")
