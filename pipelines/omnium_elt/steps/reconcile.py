"""reconcile: compares the keys in the warehouse with those of the tenant, and corrects what differs.

The API reports no deletions; a deleted row just stops appearing. So a sweep reads all keys, by the cheapest request
of each endpoint, and compares them with those in the warehouse. Vanished rows get `_omnium_deleted_at`; rows that
came back lose it. An incomplete sweep marks nothing.

Rows that the tenant has and the warehouse lacks are read. First an ordinary load reads what is new since the cursor,
as a row may have come after the last load; if rows are still missing, the full resource is read again.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from omnium_source.errors import Forbidden, OmniumError, Stopped, Unreachable, WrongCredentials
from omnium_source.resources import LEFT_OUT, RESOURCES, Resource, select
from omnium_source.sync import Sync
from omnium_source.windows.window import Reading, moment_of

from omnium_elt.infra.errors import explain
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, ResourceReport, RunReport
from omnium_elt.infra.tenant import connect, personal_data, translating_errors
from omnium_elt.steps.load import load
from omnium_elt.steps.resource_progress import ResourceProgress
from omnium_elt.steps.turns import Turns
from omnium_elt.warehouse.database import id_lists, instant
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.odd_values import forget_mended

log = logging.getLogger("omnium.reconcile")


def reconcile(
    settings: Settings, progress: Progress, force: bool = False, report: RunReport | None = None
) -> RunReport:
    """Mark vanished rows and read missing ones, in every selected resource that was loaded before.

    The results go into `report`, which is also returned. `rows` of a resource counts marks that were set or removed,
    and rows that were read. Marking more than `settings.deletion_limit` of a resource's rows at once is refused unless
    `force`. Raises OmniumEltError or UsageError if nothing can be read at all.
    """
    report = report or RunReport.begin("reconcile", settings.run_id)
    with translating_errors():
        _Reconcile(settings, progress, report, force).run()
    report.notes += [f"{one.name}: {one.error}" for one in report.resources if one.error]
    return report.finish("interrupted" if settings.stop.is_set() else None)


def is_compared(resource: Resource) -> bool:
    """Whether a reconcile covers the resource: versions of suppliers are read along their chain, without a search."""
    return resource.rule != "versions"


class _Reconcile:
    """One reconcile: sweeps, then loads of rows that the sweeps found missing.

    Each opens the warehouse on its own, as a load needs it exclusively.
    """

    def __init__(self, settings: Settings, progress: Progress, report: RunReport, force: bool) -> None:
        self._settings, self._progress, self._report, self._force = settings, progress, report, force
        self._reports: dict[str, ResourceReport] = {}
        self._missing: dict[str, set[str]] = {}
        """Per resource, the ids of rows that the tenant has and the warehouse lacks."""
        self._comparing = threading.Lock()
        """One resource at a time is compared: the keys that the warehouse holds take as much memory again."""

    def run(self) -> None:
        """Sweep every resource that was loaded before, and read what the warehouse lacks."""
        self._sweep_all()
        # A row that came after the last load is newer than the cursor, and is not an error to be reported.
        self._load_missing(full_refresh=False)
        lost = dict(self._missing)
        self._load_missing(full_refresh=True)
        for name, ids in lost.items():
            if found := len(ids - self._missing.get(name, set())):
                self._report.notes.append(
                    f"{name}: {found:,} rows of the tenant were missing here, and were read"
                )
        if self._missing:
            self._report_what_stays_missing()

    @contextmanager
    def _syncing(self) -> Iterator[tuple[Warehouse, Sync]]:
        settings = self._settings
        with (
            Warehouse(settings.home, settings.destination) as warehouse,
            connect(settings, warehouse.ids, stop=settings.stop.child()) as client,
            ThreadPoolExecutor(20, "omnium-page") as executor,
        ):
            personal = personal_data(settings, warehouse.personal_mark)
            reading = Reading(folder=settings.home.buffers, **settings.reading_options)
            yield warehouse, Sync(client, executor, personal, reading, choices=settings.fields)

    # -- sweeping ----------------------------------------------------------------------------------

    def _sweep_all(self) -> None:
        settings, report = self._settings, self._report
        resources = [row for row in select(settings.resources, settings.exclude) if is_compared(row)]
        with self._syncing() as (warehouse, sync):
            was_loaded = {*warehouse.tables, *warehouse.states}
            going = [
                ResourceProgress(row, ResourceReport(row.name)) for row in resources if row.name in was_loaded
            ]
            report.resources += [one.report for one in going]
            self._reports = {one.resource.name: one.report for one in going}
            turns = Turns(going, sync.client.stop)
            with ThreadPoolExecutor(len(going) or 1, "omnium-read") as readers:
                swept = [readers.submit(self._sweep_next, turns, warehouse, sync) for _ in going]
                for one in as_completed(swept):
                    if error := one.exception():
                        sync.client.stop.set()
                        raise error
            if any(one.rows for one in report.resources):
                forget_mended(warehouse)
            report.notes += sync.client.clock.remarks()
        not_loaded = [row.name for row in resources if row.name not in was_loaded]
        if not_loaded and (settings.resources or not report.resources):
            what = ", ".join(not_loaded) if settings.resources else "anything"
            report.notes.append(f"nothing was compared of {what}: not loaded yet, `omnium-elt load` reads it")

    def _sweep_next(self, turns: Turns, warehouse: Warehouse, sync: Sync) -> None:
        with turns.next() as one:
            self._sweep(one, warehouse, sync)

    def _sweep(self, one: ResourceProgress, warehouse: Warehouse, sync: Sync) -> None:
        """Read all keys of a resource, compare them, mark rows, and write the resource's report."""
        started, report, name = time.monotonic(), one.report, one.resource.name
        reading: dict[str, Any] = {"traffic": one.traffic, "on_rows": one.shown_by(self._progress)}
        self._progress.start(name, None)
        try:
            sync.client.stop.check()
            present = recent = sync.keys(one.resource, **reading)
            report.total_hits, report.complete = len(present), True
            if left_out := _left_out(warehouse, name):
                recent = sync.keys(one.resource, since=left_out, **reading)
            with self._comparing:
                held = _held(warehouse, name)
                if missing := recent - held.keys():
                    self._missing[name] = missing
                report.rows = self._mark(warehouse, name, held, present)
            report.status = "ok" if report.rows else "unchanged"
        except Forbidden as error:
            report.status, report.error = "forbidden", str(error)
        except Stopped:
            report.status = "skipped"
        except (WrongCredentials, Unreachable):
            raise
        except OmniumError as error:
            report.status, report.error = "failed", f"{error}; nothing was marked"
        except Exception as error:
            report.status, report.error = "failed", explain(error).message
            raise
        finally:
            report.seconds = time.monotonic() - started
            report.took(one.traffic)
            self._progress.finish(name, report.status)

    def _mark(self, warehouse: Warehouse, name: str, held: dict[str, bool], present: set[str]) -> int:
        """Mark vanished rows, unmark rows that came back; return the number of both."""
        vanished = sorted(key for key, is_gone in held.items() if not is_gone and key not in present)
        returned = sorted(key for key, is_gone in held.items() if is_gone and key in present)
        living = sum(not is_gone for is_gone in held.values())
        limit = self._settings.deletion_limit
        if vanished and len(vanished) > limit * living and not self._force:
            raise OmniumError(
                f"{len(vanished):,} of {living:,} rows have vanished, more than {limit:.0%}: if that is "
                "right, run `omnium-elt reconcile --force`"
            )
        table, now = warehouse.name_of(name), instant(dt.datetime.now(dt.UTC))
        for value, keys in ((now, vanished), ("null", returned)):
            for ids in id_lists(keys):
                warehouse.execute(f"update {table} set _omnium_deleted_at = {value} where _dlt_id in ({ids})")
        return len(vanished) + len(returned)

    # -- reading what is missing -------------------------------------------------------------------

    def _load_missing(self, *, full_refresh: bool) -> None:
        """Load the resources that lack rows; afterwards, `_missing` holds only what they still lack."""
        if not self._missing or self._settings.stop.is_set():
            return
        with self._syncing() as (warehouse, _):
            scopes: dict[dt.datetime | None, list[str]] = {}
            for name in self._missing:
                scopes.setdefault(_left_out(warehouse, name), []).append(name)
        for since, names in scopes.items():
            again = replace(
                self._settings,
                resources=tuple(names),
                exclude=(),
                since=since.date() if since else None,
                full_refresh=full_refresh,
            )
            loaded = load(again, self._progress)
            self._report.notes += loaded.notes
            self._report.committed |= loaded.committed
            for one in loaded.resources:
                self._reports[one.name].add(one)
        with self._syncing() as (warehouse, _):
            left = {name: ids - _held(warehouse, name).keys() for name, ids in self._missing.items()}
        self._missing = {name: ids for name, ids in left.items() if ids}

    def _report_what_stays_missing(self) -> None:
        """Report resources as failed whose missing rows are still in the tenant, and not deleted since the sweep."""
        with self._syncing() as (warehouse, sync):
            for name, ids in self._missing.items():
                if ids & sync.keys(RESOURCES[name], since=_left_out(warehouse, name)):
                    self._report.lacking.append(name)
                    one = self._reports[name]
                    why = one.error or "reading everything again did not bring them"
                    one.status = "failed"
                    one.error = f"{len(ids):,} rows of the tenant are missing here: {why}"


def _left_out(warehouse: Warehouse, name: str) -> dt.datetime | None:
    """The moment before which `--since` left out rows, which do not count as missing; None if it left out none."""
    return moment_of(warehouse.states.get(name, {}).get(LEFT_OUT))


def _held(warehouse: Warehouse, name: str) -> dict[str, bool]:
    """Row id → whether the row is marked as deleted in the warehouse."""
    if name not in warehouse.tables:
        return {}
    table = warehouse.name_of(name)
    return dict(warehouse.query(f"select _dlt_id, _omnium_deleted_at is not null from {table}"))
