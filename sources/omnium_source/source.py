"""The dlt source: one dlt resource per row of the table of resources.

`omnium_source` walks the table in `resources.py` and makes one dlt resource of each row. A resource reads the
windows that are new since its cursor (kept in dlt's state), and hands their rows on as Arrow tables once a
window is known to be complete.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource

from omnium_source.dlt_adapter import APPEND, MERGE, OmniumResource, items, listed
from omnium_source.duckdb_file import give_own_name, refuse_same_name
from omnium_source.errors import ConfigurationError
from omnium_source.http.client import SERVER_LIMIT_CONCURRENT, OmniumClient
from omnium_source.normalize.buffer import Tables, joined
from omnium_source.pii.masking import Mode, PersonalData, check_mark, key_for
from omnium_source.resources import RESOURCES, Resource
from omnium_source.sync import Sync, known_columns
from omnium_source.windows.reader import Verified
from omnium_source.windows.window import Reading, moment_of

MARK = "personal_data"
"""Where dlt's state of the source keeps `PersonalData.mark`."""


@dlt.source(name="omnium", section="omnium", max_table_nesting=0)
def omnium_source(
    base_url: str = dlt.config.value,
    client_id: str = dlt.secrets.value,
    client_secret: str = dlt.secrets.value,
    pii: Mode = "hash",
    pii_key: str | None = None,
    since: str | None = None,
    settling_lag_seconds: float = 120.0,
    max_concurrency: int = 16,
    max_requests_per_second: float | None = None,
    token_path: str | None = None,
) -> Iterable[DltResource]:
    """All resources of an Omnium tenant, one dlt resource per row of the table of resources.

    Arguments left out come from dlt's configuration: SOURCES__OMNIUM__BASE_URL, …__CLIENT_ID,
    …__CLIENT_SECRET.

    Args:
        base_url: the tenant's environment, such as https://api.omnium.no. Plain http only to loopback.
        client_id: of the API user.
        client_secret: of the API user. It is in no log, error, trace or state.
        pii: what becomes of personal data: `include`, `hash` (keyed) or `exclude`.
        pii_key: key of the hashes, 16 bytes at least. Left out it is made once and kept beside dlt's state.
        since: read nothing that changed before this ISO date, where there is no cursor yet.
        settling_lag_seconds: how long before its last end a window starts, because the index is late.
        max_concurrency: requests in flight at most (20 is the server's limit).
        max_requests_per_second: sustained; the server allows 100.
        token_path: file for the access token between runs, written with mode 0600; None keeps it in memory.

    Raises:
        ConfigurationError: a setting is missing or makes no sense.
        OmniumError: while it is read; see `errors.py`.
    """
    give_own_name()
    client = OmniumClient(
        base_url,
        client_id,
        client_secret,
        token_path=Path(token_path) if token_path else None,
        max_concurrency=max_concurrency,
        max_requests_per_second=max_requests_per_second,
    )
    first_day = moment_of(since)
    if since and not first_day:
        raise ConfigurationError(f"since={since!r} is no ISO date such as 2025-01-31")
    reading = Reading(settling_lag=settling_lag_seconds, since=first_day)
    executor = ThreadPoolExecutor(SERVER_LIMIT_CONCURRENT, "omnium-page")

    def personal() -> PersonalData:
        path = Path(dlt.current.pipeline().working_dir) / "personal_key"
        is_first = MARK not in dlt.current.source_state()
        return PersonalData(pii, key_for(pii, pii_key, path, may_be_made=is_first))

    for resource in RESOURCES.values():

        def windows(resource: Resource = resource) -> Iterator[Verified]:
            refuse_same_name()
            treated = personal()
            mark_personal(treated.mark)
            sync = Sync(client, executor, treated, reading, known_columns(dlt.current.source_schema().tables))
            return sync.windows(resource, dlt.current.resource_state(resource.name))

        yield dlt_resource(resource, windows)


def dlt_resource(
    resource: Resource,
    windows: Iterable[Verified] | Callable[[], Iterable[Verified]],
    *,
    is_new: bool = False,
    lists: Path | None = None,
) -> DltResource:
    """A dlt resource that hands on `windows`, and keeps each one's state as soon as it is handed on.

    `is_new`: none of the rows is in the destination, so they need not be looked for there. `lists`: a folder for lists
    of files, where the destination takes them (`feed.listed`); the windows' files are not removed then.
    """

    def generate() -> Iterator[Any]:
        state = dlt.current.resource_state(resource.name)
        gathered: list[Tables] = []
        for verified in windows() if callable(windows) else windows:
            if lists is None:
                yield from feed(verified)
            else:
                gathered.append(verified.assembly.tables())
            state.clear()
            state.update(verified.state)
        if lists is not None:
            yield from listed(joined(gathered), resource.name, lists)

    disposition = APPEND if is_new else MERGE
    made = dlt.resource(generate, name=resource.name, write_disposition=disposition, primary_key="_dlt_id")
    made.__class__ = OmniumResource
    return made


def mark_personal(mark: str) -> None:
    """Keep in dlt's state how personal data are treated. Raises ConfigurationError where it was otherwise."""
    check_mark(dlt.current.source_state().setdefault(MARK, mark), mark)


def feed(verified: Verified) -> Iterator[Any]:
    """What dlt takes for one window; its files are removed afterwards."""
    try:
        yield from items(verified.assembly.tables(), verified.resource.name)
    finally:
        verified.assembly.close()
