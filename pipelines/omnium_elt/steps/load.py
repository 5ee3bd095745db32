"""load: reads what is new in every resource, and loads it window by window.

Readers (threads) fetch and verify windows; the calling thread packs them into packages and loads these. A package
holds complete, verified windows together with the cursors that follow from them, so an interrupted run keeps what
its finished packages loaded.

    resources ──► readers, side by side ──► queue of verified windows ──► packages ──► destination
"""

import logging
import math
import queue
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
from omnium_source.errors import (
    ConfigurationError,
    Forbidden,
    Stopped,
    Unreachable,
    WrongCredentials,
)
from omnium_source.http.client import OmniumClient
from omnium_source.normalize.buffer import joined
from omnium_source.normalize.drift import in_words
from omnium_source.normalize.without_pandas import without_pandas
from omnium_source.normalize.worker_pool import WorkerPool
from omnium_source.resources import LEFT_OUT, Resource, select
from omnium_source.source import WORKERS
from omnium_source.sync import Sync, known_columns
from omnium_source.windows.gathered import Verified
from omnium_source.windows.window import Reading

from omnium_elt.infra import memory
from omnium_elt.infra.errors import explain
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, ResourceReport, RunReport
from omnium_elt.infra.tenant import connect, note_tenant, personal_data, translating_errors
from omnium_elt.steps.receipts import beside
from omnium_elt.steps.resource_progress import ResourceProgress
from omnium_elt.steps.turns import Turns
from omnium_elt.warehouse.database import LOCAL
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.odd_values import forget_mended
from omnium_elt.warehouse.one_transaction import Package

log = logging.getLogger("omnium.load")

PAGES = 20
"""Pages requested at the same time: as many as `max_concurrency` allows by default."""
PAGES_WHERE_TIGHT = 6
"""The same if memory is short, as a page may be several megabytes large."""
WHERE_TIGHT: dict[str, Any] = {"windows_at_once": 2, "memory_share": 0.25}
"""Fields of `Reading` if memory is short."""
WINDOWS_WAITING = 64
"""Maximum number of windows that wait to be loaded; then readers wait, too. Large windows wait on disk."""
ROWS_A_PACKAGE = 50_000
BYTES_A_PACKAGE = 400 * 1024 * 1024
TIMES_A_PACKAGE = 4
"""A full package also takes windows that are ready by then, up to this many times its size: if loading is slower than
reading, fewer and larger packages cost less."""
SECONDS_A_PACKAGE = 15.0
"""A package is closed when it holds ROWS_A_PACKAGE rows, or pages of BYTES_A_PACKAGE bytes, or rows that waited this
long, or when all reading has ended. Each costs a second or two however small it is: an everyday run should need one."""
FATAL = (WrongCredentials, Unreachable, ConfigurationError, OSError)
"""Errors that every other resource would meet as well; OSError comes from the disk on which windows wait."""


def load(settings: Settings, progress: Progress, report: RunReport | None = None) -> RunReport:
    """Read and load everything that is new; the results go into `report`, which is also returned.

    A resource that cannot be read is reported, and the others go on. Raises OmniumEltError if nothing can be
    read or loaded at all, UsageError for a wrong setting.
    """
    report = report or RunReport.begin("load", settings.run_id)
    memory.limit_allocator_caches()
    with translating_errors():
        resources = select(settings.resources, settings.exclude)
        with (
            memory.tuned_for_load(),
            without_pandas(),
            Warehouse(settings.home, settings.destination) as warehouse,
            # The load sets this token itself after a fatal error.
            connect(settings, warehouse.ids, stop=settings.stop.child()) as client,
            WorkerPool(1 if memory.is_tight() else WORKERS) as pool,
        ):
            _Load(settings, progress, report, client, warehouse, pool).run(resources)
    return report.finish("interrupted" if settings.stop.is_set() else None)


class _Load:
    """One load: reader threads read windows, and the calling thread packs them into packages.

    One class, as both sides share the queue, the room in it, and the error that ends them.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        report: RunReport,
        client: OmniumClient,
        warehouse: Warehouse,
        pool: WorkerPool,
    ) -> None:
        self._settings, self._progress, self._report = settings, progress, report
        self._client, self._warehouse, self._pool = client, warehouse, pool
        self._personal = personal_data(settings, warehouse.personal_mark)
        self._ready: queue.Queue[Verified | ResourceProgress] = queue.Queue()
        self._room = threading.Semaphore(WINDOWS_WAITING)
        self._is_tight = memory.is_tight()
        self._fatal: Exception | None = None
        # Windows that a killed run left in the buffers are in no package, and are read again.
        shutil.rmtree(settings.home.buffers, ignore_errors=True)
        settings.home.buffers.mkdir(exist_ok=True)
        reading = Reading.by(
            vars(settings),
            since=settings.since_midnight,
            folder=settings.home.buffers,
            **(WHERE_TIGHT if self._is_tight else {}),
            **settings.reading_options,
        )
        self._committed = dict(warehouse.states)
        self._states = {} if settings.full_refresh else warehouse.states
        self._executor = ThreadPoolExecutor(PAGES_WHERE_TIGHT if self._is_tight else PAGES, "omnium-page")
        types = known_columns(warehouse.tables)
        self._sync = Sync(client, self._executor, self._personal, reading, types, pool, settings.fields)
        self._has_loaded = False
        self._going: dict[str, ResourceProgress] = {}

    # -- reading, in threads -----------------------------------------------------------------------

    def run(self, resources: list[Resource]) -> None:
        """Read and load `resources`."""
        self._going = {row.name: ResourceProgress(row, ResourceReport(row.name)) for row in resources}
        going = list(self._going.values())
        self._report.resources = [one.report for one in going]
        try:
            self._read_and_load(going)
        except BaseException as error:
            self._settle_rest(going, error)
            raise
        self._settle_rest(going, self._fatal)
        if self._fatal:
            raise self._fatal
        self._note_drift(going)
        if self._has_loaded:
            forget_mended(self._warehouse)
            self._warehouse.record_run(self._report)

    def _read_and_load(self, going: list[ResourceProgress]) -> None:
        # Resources with a scroll first: they take longest, and the run should not end waiting for one.
        turns = Turns(sorted(going, key=lambda one: one.resource.scroll == ""), self._client.stop)
        with ThreadPoolExecutor(len(going), "omnium-read") as readers, self._executor:
            for _ in going:
                readers.submit(self._read_next, turns)
            try:
                self._load_as_it_comes(len(going))
            except BaseException:
                # Nothing takes the readers' windows any more: end them, or leaving the executor waits for ever.
                self._client.stop.set()
                self._room.release(len(going) * WINDOWS_WAITING)
                raise

    def _settle_rest(self, going: list[ResourceProgress], error: BaseException | None) -> None:
        """Settle the resources that are not settled yet; one with windows that were not loaded has failed."""
        why = explain(error).message if error else ""
        for one in going:
            one.has_ended = True
            if not one.is_reported:
                self._settle(one, why)
        self._report.notes += [note for one in going for note in one.notes] + self._client.clock.remarks()
        self._note_left_out()
        # A working database holds its states itself, so they need not be in the history.
        is_local = self._settings.destination in LOCAL
        self._report.committed = {
            name: {} if is_local else self._committed.get(name, {}) for name in self._going
        }

    def _settle(self, one: ResourceProgress, why_not_loaded: str = "") -> None:
        one.settle(why_not_loaded)
        self._progress.finish(one.resource.name, one.report.status)

    def _read_next(self, turns: Turns) -> None:
        with turns.next() as one:
            self._read(one)

    def _read(self, one: ResourceProgress) -> None:
        started = time.monotonic()
        name = one.resource.name
        self._progress.start(name, None)
        try:
            self._client.stop.check()
            for verified in self._windows(one):
                one.heard_at = math.inf  # while there is no room, the server is not to blame
                self._room.acquire()
                one.heard_at = time.monotonic()
                one.windows.append(verified)
                self._ready.put(verified)
                if self._client.stop.is_own:
                    raise Stopped("nothing can be loaded any more")
            one.outcome = "read"
        except Forbidden as error:
            one.outcome, one.error = "forbidden", str(error)
        except Stopped:
            one.outcome = "skipped"
        except FATAL as error:
            one.outcome, one.error = "failed", str(error)
            self._fatal = error
            self._client.stop.set()
        except Exception as error:
            one.outcome, one.error = "failed", str(error) or type(error).__name__
            log.exception("%s: reading failed", name)
        finally:
            one.seconds = time.monotonic() - started
            self._ready.put(one)

    def _windows(self, one: ResourceProgress) -> Iterator[Verified]:
        name = one.resource.name
        return self._sync.windows(
            one.resource,
            self._committed.get(name, {}),
            anew=self._settings.full_refresh,
            hashes=self._warehouse.hashes(name),
            traffic=one.traffic,
            on_rows=one.shown_by(self._progress),
            notes=one.notes,
        )

    # -- loading, in this thread -------------------------------------------------------------------

    def _load_as_it_comes(self, readers: int) -> None:
        waiting: list[Verified] = []
        since = time.monotonic()
        while readers or waiting:
            # Rows wait SECONDS_A_PACKAGE at most; windows without rows wait as long as there are readers.
            is_urgent = any(one.written for one in waiting)
            left = max(0.0, since + SECONDS_A_PACKAGE - time.monotonic()) if is_urgent else None
            try:
                came = self._ready.get(timeout=left) if readers else None
            except queue.Empty:
                came = None
            if isinstance(came, Verified):
                if not waiting:
                    since = time.monotonic()
                waiting.append(came)
            elif came is not None:
                readers -= 1
                came.has_ended = True
                if not readers:
                    # No page is left to normalize, and the last package needs the workers' memory.
                    self._pool.close()
                if came.is_settled:
                    self._settle(came)
            is_due = time.monotonic() - since > SECONDS_A_PACKAGE or len(waiting) >= WINDOWS_WAITING
            rows, size = sum(one.written for one in waiting), sum(one.bytes for one in waiting)
            share = max(rows / ROWS_A_PACKAGE, size / BYTES_A_PACKAGE) * (4 if self._is_tight else 1)
            is_full = share >= 1 and (self._is_tight or share >= TIMES_A_PACKAGE or self._ready.empty())
            if waiting and (not readers or is_full or (is_due and rows)):
                waiting = self._load_package(waiting)
            elif len(waiting) >= WINDOWS_WAITING:
                self._room.release()  # windows without rows wait for one with rows, but do not block readers

    def _load_package(self, windows: list[Verified]) -> list[Verified]:
        """Load a package; return the windows left for the next one.

        Neighbouring windows share a moment, so both may hold the same row. They then go into two packages, as
        one package would insert the row twice.
        """
        package: dict[str, list[Verified]] = {}
        later: list[Verified] = []
        for window in windows:
            name = window.resource.name
            before = package.get(name, [])
            if any(not window.keys.isdisjoint(other.keys) for other in before) or any(
                left.resource.name == name for left in later
            ):
                later.append(window)
            else:
                package[name] = [*before, window]
        taken = [window for some in package.values() for window in some]
        matters = self._matters(taken)
        if matters and self._fatal is None:
            self._write(package, beside(self._report.run_id, taken))
            self._committed |= {name: windows[-1].state for name, windows in package.items()}
        for window in taken:
            window.tables.close()
            window.keys.clear()
            self._room.release()
        if self._fatal is None or not matters:
            for name, windows in package.items():
                one = self._going[name]
                one.committed += windows
                if one.is_settled:
                    self._settle(one)
        return later

    def _write(self, package: dict[str, list[Verified]], beside: dict[str, pa.Table]) -> None:
        """Load a package into the destination, together with the tables `beside` it."""
        rows = {
            name: joined([window.tables.finish() for window in windows]) for name, windows in package.items()
        }
        states = {name: windows[-1].state for name, windows in package.items()}
        note_tenant(self._settings)
        self._warehouse.load(Package(rows, states, self._personal.mark, beside))
        self._has_loaded = True
        if any(not one.has_ended for one in self._going.values()):
            # Leave the memory to pages that are being normalized; after the last package the checkpoint needs it.
            self._warehouse.forget_what_was_written()

    def _matters(self, windows: Iterable[Verified]) -> bool:
        """Whether the windows are worth a package: they hold rows, or a state that differs in more than its cursor."""
        return any(
            window.written
            or window.resource.name not in self._states
            or {**window.state, "cursor": ""} != {**self._states.get(window.resource.name, {}), "cursor": ""}
            for window in windows
        )

    # -- notes for the user --------------------------------------------------------------------------

    def _note_left_out(self) -> None:
        """Note what `--since` left out, in this run or an earlier one."""
        names: dict[str, list[str]] = {}
        for name in self._going:
            if left_out := self._committed.get(name, {}).get(LEFT_OUT):
                names.setdefault(str(left_out)[:10], []).append(name)
        for day, some in sorted(names.items()):
            self._report.notes.append(
                f"{', '.join(some)}: rows before {day} are not here, as --since left them out; "
                f"`omnium-elt load --full-refresh --resources {','.join(some)}` reads them"
            )

    def _note_drift(self, going: list[ResourceProgress]) -> None:
        drift = (drift for one in going for window in one.windows for drift in window.drift)
        self._report.notes += in_words(drift)
