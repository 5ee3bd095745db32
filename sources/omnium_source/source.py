"""The dlt source: one dlt resource per row of the table of resources.

`omnium_source` walks the table in `resources.py` and makes one dlt resource of each row. A resource reads the
windows that are new since its cursor (kept in dlt's state), and hands their rows on as Arrow tables once a
window is known to be complete.
"""

import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource

from omnium_source.dlt_adapter import items, replacing
from omnium_source.dlt_private import active_pipeline
from omnium_source.dlt_probe import check_nesting
from omnium_source.dlt_run import Destination, limit_of_run, limited, running, source_section
from omnium_source.duckdb_file import give_own_name, refuse_same_name
from omnium_source.errors import ConfigurationError
from omnium_source.http.client import OmniumClient, tenant_of
from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT
from omnium_source.normalize.worker_pool import WorkerPool
from omnium_source.pii.masking import PersonalData
from omnium_source.pii.personal_key import check_mark, key_for
from omnium_source.resources import RESOURCES, Resource
from omnium_source.settings import check_source, documents, field_choices, read_argument, settings_found
from omnium_source.sync import Sync, known_columns
from omnium_source.windows.gathered import Verified
from omnium_source.windows.window import Reading, moment_of

log = logging.getLogger("omnium")

MARK = "personal_data"
"""Where dlt's state of the source keeps `PersonalData.mark`."""
TENANT = "tenant"
"""Where it keeps whose rows they are."""
LIMITED_ROWS = 1_000
"""Rows of a window where the resource has a limit, as `add_limit` counts windows."""
WORKERS = min(8, os.cpu_count() or 2)
"""Processes that make tables of large windows, at most. More than one for each core gains nothing, and eight keep up
with what the server's limits allow."""


@dlt.source(name="omnium", section="omnium", max_table_nesting=0)
def omnium_source(
    base_url: str = dlt.config.value,
    client_id: str = dlt.secrets.value,
    client_secret: str = dlt.secrets.value,
    pii: Any = None,
    pii_key: dlt.TSecretStrValue | None = None,
    since: Any = None,
    settling_lag_seconds: Any = None,
    full_pass_days: Any = None,
    window_rows: Any = None,
    max_concurrency: Any = None,
    max_requests_per_second: Any = None,
    token_path: Any = None,
) -> Iterable[DltResource]:
    """All resources of an Omnium tenant, one dlt resource per row of the table of resources.

    Arguments left out come from dlt's configuration (SOURCES__OMNIUM__BASE_URL, …__CLIENT_ID, …), else from the table
    of settings (`settings.py`), which has their ranges and defaults.

    Args:
        base_url: the tenant's environment, such as https://api.omnium.no. Plain http only to loopback.
        client_id: of the API user.
        client_secret: of the API user. It is in no log, error, trace or state.
        pii: what becomes of personal data: `include`, `hash` (keyed) or `exclude`.
        pii_key: key of the hashes, 16 bytes at least. Left out it is made once and kept beside dlt's state.
        since: read nothing that changed before this ISO date, where there is no cursor yet.
        settling_lag_seconds: how long before its last end a window starts, because the index is late.
        full_pass_days: days between two full reads of resources whose changes no filter shows.
        window_rows: rows that one window should hold at most.
        max_concurrency: requests in flight at most (20 is the server's limit).
        max_requests_per_second: sustained; the server allows 100.
        token_path: file for the access token between runs, written with mode 0600; None keeps it in memory.

    Raises:
        ConfigurationError: a setting is missing, unknown or makes no sense.
        OmniumError: while it is read; see `errors.py`.

    One function, as its arguments are the settings, each by its name.
    """
    arguments = dict(locals())
    found = settings_found(documents(), source_section())
    check_source(found)
    choices = field_choices(found)
    settings = {name: read_argument(name, value) for name, value in arguments.items()}
    client = OmniumClient(
        base_url,
        client_id,
        client_secret,
        token_path=Path(settings["token_path"]) if settings["token_path"] else None,
        max_concurrency=settings["max_concurrency"],
        max_requests_per_second=settings["max_requests_per_second"],
    )
    reading = Reading.by(settings, since=moment_of(settings["since"]))
    give_own_name()
    executor = ThreadPoolExecutor(SERVER_LIMIT_CONCURRENT, "omnium-page")
    shared = _SharedPool()

    for resource in RESOURCES.values():

        def windows(resource: Resource = resource) -> Iterator[Verified]:
            give_own_name()
            refuse_same_name()
            destination = Destination.of_run()
            if destination:
                destination.check()
            _mark_tenant(base_url)
            personal = _personal_data(settings["pii"], settings["pii_key"])
            mark_personal(personal.mark)
            name, table = resource.name, str(running().table_name)
            columns = known_columns(tables_called(name, table, dlt.current.source_schema().tables))
            state, notes = dlt.current.resource_state(running().name), list[str]()
            anew = destination is not None and destination.is_emptied
            hashes = destination.hashes if destination and state and not anew else None
            with shared.pool() as pool:
                small = replace(reading, window_rows=min(LIMITED_ROWS, reading.window_rows))
                sync = Sync(
                    client, executor, personal, small if limit_of_run() else reading, columns, pool, choices
                )
                yield from sync.windows(resource, state, hashes=hashes, notes=notes, anew=anew)
            for note in notes:
                log.warning("%s: %s", name, note)

        yield dlt_resource(resource, windows)


def dlt_resource(resource: Resource, windows: Callable[[], Iterable[Verified]]) -> DltResource:
    """A dlt resource that hands on `windows`; of each its files go then, and its state is kept."""
    check_nesting()

    def generate() -> Iterator[Any]:
        state = dlt.current.resource_state(running().name)
        for verified in limited(windows()):
            try:
                yield from items(verified.tables.finish(), verified.resource.name)
            finally:
                verified.tables.close()
            state.clear()
            state.update(verified.state)

    return replacing(resource, generate)


def mark_personal(mark: str) -> None:
    """Keep in dlt's state how personal data are treated. Raises ConfigurationError where it was otherwise."""
    keep_mark(dlt.current.source_state(), mark)


def keep_mark(state: Any, mark: str) -> None:
    """The same in a source's state that is there."""
    check_mark(state.setdefault(MARK, mark), mark)


def _mark_tenant(base_url: str) -> None:
    """Keep in dlt's state whose rows are read. Raises ConfigurationError where they were another tenant's.

    They would stand side by side, and the cursors of the one leave out what the other has of before.
    """
    tenant = tenant_of(base_url)
    held = dlt.current.source_state().setdefault(TENANT, tenant)
    if held != tenant:
        raise ConfigurationError(
            f"this pipeline holds the rows of {held}, and this is {tenant}\n"
            "Give each tenant a pipeline_name of its own, or a copy of the source (omnium_source.clone); or read "
            'everything anew: refresh="drop_sources".'
        )


def tables_called(name: str, table: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's tables by their names in the contract, where the root is called `table`."""
    return {
        name + known.removeprefix(table): columns
        for known, columns in tables.items()
        if known == table or known.startswith(f"{table}__")
    }


_KEY_OF_THIS_PROCESS = secrets.token_hex(32)
"""For rows that are looked at without a pipeline, which would keep a key."""


def _personal_data(mode: Any, key: str | None) -> PersonalData:
    """What becomes of personal data; the key is the configured one, else one kept in the pipeline's folder."""
    pipeline = active_pipeline()
    if pipeline is None:
        return PersonalData(mode, (key or _KEY_OF_THIS_PROCESS).encode())
    path = Path(pipeline.working_dir) / "personal_key"
    is_first = MARK not in dlt.current.source_state()
    return PersonalData(mode, key_for(key, path, may_be_made=is_first))


class _SharedPool:
    """Worker processes for all resources that are read at a time; they end with the last of these."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._pool: WorkerPool | None = None

    @contextlib.contextmanager
    def pool(self) -> Iterator[WorkerPool]:
        """The processes, while one more resource is read."""
        with self._lock:
            if self._pool is None:
                self._pool = WorkerPool(WORKERS)
            self._users += 1
            pool = self._pool
        try:
            yield pool
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    pool.close()
                    self._pool = None
