"""The tenant as the settings describe it: its API users, the treatment of personal data, and the source's errors."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omnium_source.errors import ConfigurationError, OmniumError, Unreachable, WrongCredentials
from omnium_source.http.client import OmniumClient, tenant_of
from omnium_source.pii.masking import PersonalData
from omnium_source.pii.personal_key import check_mark, key_for

from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Settings

WRITER = "SOURCES__OMNIUM__WRITER"
"""Prefix of the settings of the API user that writes."""


def connect(settings: Settings, **options: Any) -> OmniumClient:
    """Connect as the API user that reads; `options` of `OmniumClient` override the settings.

    Raises UsageError if the home holds the rows of another tenant.
    """
    check_tenant(settings)
    options = {"token_path": settings.home.token, **settings.client_options, **options}
    return _client(settings, settings.client_id, settings.client_secret, **options)


def connect_writer(settings: Settings, **options: Any) -> OmniumClient:
    """Connect as the API user that writes; its token is not saved."""
    return _client(settings, settings.writer_id, settings.writer_secret, section=WRITER, **options)


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
    """Raise UsageError if the home holds rows of another tenant.

    Rows of both would be mixed, and the first tenant's cursors would skip older rows of the second.
    """
    held, tenant = _held(settings), tenant_of(settings.base_url)
    if held and held != tenant:
        raise another_tenant(settings, f"{held}, and this is {tenant}")


def another_tenant(settings: Settings, whose: str) -> UsageError:
    """The refusal of a home that holds the rows of another tenant; `whose` they are, and why that shows."""
    return UsageError(
        f"{settings.home.root} holds the rows of {whose}",
        f"Choose another --home; or, where both are the same tenant, take {settings.home.tenant} away.",
    )


def note_tenant(settings: Settings) -> None:
    """Record the tenant whose rows the home holds, and the API user; call before the first rows are loaded."""
    noted = {"host": tenant_of(settings.base_url), "user": _user(settings)}
    if read_object(settings.home.tenant) != noted:
        write_json(settings.home.tenant, noted)


def is_another_user(settings: Settings) -> bool:
    """Whether another API user read the rows of the home. Tenants share one host, but no API users."""
    return read_object(settings.home.tenant).get("user", _user(settings)) != _user(settings)


def _user(settings: Settings) -> str:
    # Hashed, because somebody may have swapped id and secret.
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
