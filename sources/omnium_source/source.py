"""The dlt source: one dlt resource per row of the table of resources.

`omnium_source` makes one dlt resource of each row of the table in `resources.py`. A resource reads what changed since
its cursor, which dlt's state keeps, and yields the rows of a window as Arrow tables once the window is complete.
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
"""Key of `PersonalData.mark` in dlt's state of the source."""
TENANT = "tenant"
"""Key of the tenant's name in dlt's state of the source."""
LIMITED_ROWS = 1_000
"""Most rows of a window of a resource with a limit: `add_limit` counts windows, so they have to be small."""
WORKERS = min(8, os.cpu_count() or 2)
"""Most processes that convert large windows to tables. More than one per core gains nothing, and eight keep up with
what the server's limits allow."""


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

    An argument that is left out comes from dlt's configuration (SOURCES__OMNIUM__BASE_URL, …__CLIENT_ID, …), or else
    is its default in the table of settings (`settings.py`), which also has the ranges.

    Args:
        base_url: the tenant's environment, such as https://api.omnium.no. Plain http is for loopback only.
        client_id: the API user.
        client_secret: the API user's secret. No log, error, trace or state contains it.
        pii: how personal data is treated: `include`, `hash` (keyed) or `exclude`.
        pii_key: the key of the hashes, at least 16 bytes. Without one, a key is made once and kept beside dlt's state.
        since: an ISO date. A first load leaves out older rows of history resources such as orders.
        settling_lag_seconds: how far a window reaches back before the end of the last one, as the index lags behind.
        full_pass_days: days between two full reads of resources that have no filter for changes.
        window_rows: the most rows that one window should hold.
        max_concurrency: the most requests in flight; 20 is the server's limit.
        max_requests_per_second: sustained rate; the server allows 100.
        token_path: file that keeps the access token between runs (mode 0600). None keeps the token in memory.

    Raises:
        ConfigurationError: a setting is missing, unknown or invalid.
        OmniumError: reading failed; see `errors.py`.

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
    """A dlt resource that yields the tables of `windows`.

    After each window its temporary files are removed, and its state replaces the resource's state in dlt.
    """
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
    """Keep in dlt's state how personal data is treated. Raises ConfigurationError if earlier runs did otherwise."""
    keep_mark(dlt.current.source_state(), mark)


def keep_mark(state: Any, mark: str) -> None:
    """Like `mark_personal`, with the source's state as an argument."""
    check_mark(state.setdefault(MARK, mark), mark)


def _mark_tenant(base_url: str) -> None:
    """Keep in dlt's state which tenant is read. Raises ConfigurationError if earlier runs read another one.

    Otherwise the rows of both would be mixed, and the cursors of the first tenant would skip old rows of the second.
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
    """A resource's tables by their names in the contract; `table` is the name of its root table in dlt."""
    return {
        name + known.removeprefix(table): columns
        for known, columns in tables.items()
        if known == table or known.startswith(f"{table}__")
    }


_KEY_OF_THIS_PROCESS = secrets.token_hex(32)
"""Key of the hashes when rows are read without a pipeline, which would keep one."""


def _personal_data(mode: Any, key: str | None) -> PersonalData:
    """How personal data is treated. The key is the configured one, or else one kept in the pipeline's folder."""
    pipeline = active_pipeline()
    if pipeline is None:
        return PersonalData(mode, (key or _KEY_OF_THIS_PROCESS).encode())
    path = Path(pipeline.working_dir) / "personal_key"
    is_first = MARK not in dlt.current.source_state()
    return PersonalData(mode, key_for(key, path, may_be_made=is_first))


class _SharedPool:
    """Worker processes that all running resources share; they end with the last of these resources."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._pool: WorkerPool | None = None

    @contextlib.contextmanager
    def pool(self) -> Iterator[WorkerPool]:
        """The processes, kept alive while a resource is read."""
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
