"""reconcile: holds the keys of the warehouse against those of the tenant, and mends what differs.

Nothing in the API tells of a deletion; a deleted row just stops appearing. So the keys of everything are read
(a sweep, by the cheapest request of each endpoint) and compared with what the warehouse holds. Vanished rows
get `_omnium_deleted_at`; rows that came back lose it. A sweep that did not complete marks nothing.

Keys that the tenant has and the warehouse lacks are read: first what is new since the cursor, as a row may have come
after the last load; what is missing then is read with the whole resource.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from omnium_source.errors import Forbidden, OmniumError, Stopped, Unreachable, WrongCredentials
from omnium_source.http.traffic import Traffic
from omnium_source.resources import LEFT_OUT, RESOURCES, Resource, select
from omnium_source.sync import Sync
from omnium_source.windows.window import Reading, moment_of

from omnium_elt.infra.errors import explain
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, ResourceReport, RunReport
from omnium_elt.infra.tenant import connect, personal_data, translating_errors
from omnium_elt.steps.load import load
from omnium_elt.warehouse.database import id_lists, instant
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.odd_values import forget_mended

log = logging.getLogger("omnium.reconcile")


def reconcile(
    settings: Settings, progress: Progress, force: bool = False, report: RunReport | None = None
) -> RunReport:
    """Mark what has vanished, in every selected resource that was loaded before; tell it in `report`, and return that.

    `rows` of a resource's report counts the marks set and taken back. Marking more than
    `settings.deletion_limit` of a resource's rows at once is refused unless `force`.
    Raises OmniumEltError or UsageError where nothing can be read at all.
    """
    report = report or RunReport.begin("reconcile", settings.run_id)
    with translating_errors():
        missing = _sweep_all(settings, progress, report, force)
        _heal(settings, progress, report, missing)
    report.notes += [f"{one.name}: {one.error}" for one in report.resources if one.error]
    return report.finish("interrupted" if settings.stop.is_set() else None)


@contextmanager
def _syncing(settings: Settings) -> Iterator[tuple[Warehouse, Sync]]:
    with (
        connect(settings) as client,
        Warehouse(settings.home, settings.destination) as warehouse,
        ThreadPoolExecutor(20, "omnium-page") as executor,
    ):
        personal = personal_data(settings, warehouse.personal_mark)
        reading = Reading(folder=settings.home.buffers, **settings.reading_options)
        yield warehouse, Sync(client, executor, personal, reading, choices=settings.fields)


def is_compared(resource: Resource) -> bool:
    """Whether a reconcile looks at it: versions of suppliers come by their chain, without a search."""
    return resource.rule != "versions"


def _sweep_all(settings: Settings, progress: Progress, report: RunReport, force: bool) -> dict[str, set[str]]:
    """Sweep every resource that was loaded before; return the row ids that the warehouse lacks."""
    missing: dict[str, set[str]] = {}
    resources = select(settings.resources, settings.exclude)
    not_loaded: list[str] = []
    with _syncing(settings) as (warehouse, sync):
        was_loaded = {*warehouse.tables, *warehouse.states}
        for resource in resources:
            if not is_compared(resource):
                continue
            if resource.name not in was_loaded:
                not_loaded.append(resource.name)
                continue
            one = ResourceReport(resource.name)
            report.resources.append(one)
            missing[resource.name] = _Sweep(settings, progress, one, warehouse, sync).run(resource, force)
        if any(one.rows for one in report.resources):
            forget_mended(warehouse)
        report.notes += sync.client.clock.remarks()
    if not_loaded and (settings.resources or not report.resources):
        what = ", ".join(not_loaded) if settings.resources else "anything"
        report.notes.append(f"nothing was compared of {what}: not loaded yet, `omnium-elt load` reads it")
    return {name: ids for name, ids in missing.items() if ids}


def _heal(settings: Settings, progress: Progress, report: RunReport, missing: dict[str, set[str]]) -> None:
    """Read what the warehouse lacks; a resource of which something stays missing is `failed`."""
    # A row may have come after the last load, and then lies behind the cursor: no difference.
    _load_again(settings, progress, report, missing, full_refresh=False)
    lost = {name: set(ids) for name, ids in missing.items()}
    _load_again(settings, progress, report, missing, full_refresh=True)
    for name, ids in lost.items():
        if found := len(ids - missing.get(name, set())):
            report.notes.append(f"{name}: {found:,} rows of the tenant were missing here, and were read")
    if not missing:
        return
    reports = {one.name: one for one in report.resources}
    with _syncing(settings) as (warehouse, sync):
        for name, ids in missing.items():
            # Nor is a row a difference that was deleted since the sweep.
            if ids & sync.keys(RESOURCES[name], since=_left_out(warehouse, name)):
                report.lacking.append(name)
                why = reports[name].error or "reading everything again did not bring them"
                reports[name].status = "failed"
                reports[name].error = f"{len(ids):,} rows of the tenant are missing here: {why}"


def _load_again(
    settings: Settings,
    progress: Progress,
    report: RunReport,
    missing: dict[str, set[str]],
    *,
    full_refresh: bool,
) -> None:
    """Load the resources that lack something; `missing` keeps what they lack even then."""
    if not missing or settings.stop.is_set():
        return
    with _syncing(settings) as (warehouse, _):
        scopes: dict[dt.datetime | None, list[str]] = {}
        for name in missing:
            scopes.setdefault(_left_out(warehouse, name), []).append(name)
    reports = {one.name: one for one in report.resources}
    for since, names in scopes.items():
        again = replace(
            settings,
            resources=tuple(names),
            exclude=(),
            since=since.date() if since else None,
            full_refresh=full_refresh,
        )
        loaded = load(again, progress)
        report.notes += loaded.notes
        report.committed |= loaded.committed
        for one in loaded.resources:
            _add(reports[one.name], one)
    with _syncing(settings) as (warehouse, _):
        for name in list(missing):
            missing[name] -= _held(warehouse, name).keys()
            if not missing[name]:
                del missing[name]


def _left_out(warehouse: Warehouse, name: str) -> dt.datetime | None:
    """The moment before which `--since` has left out rows; those are not missing."""
    return moment_of(warehouse.states.get(name, {}).get(LEFT_OUT))


def _add(report: ResourceReport, loaded: ResourceReport) -> None:
    """Count what a load wrote and cost with the sweep's."""
    report.rows += loaded.rows
    report.requests += loaded.requests
    report.retries += loaded.retries
    report.throttled += loaded.throttled
    report.bytes += loaded.bytes
    report.seconds += loaded.seconds
    report.error = report.error or loaded.error
    if report.status == "unchanged" and loaded.rows:
        report.status = "ok"


def _held(warehouse: Warehouse, name: str) -> dict[str, bool]:
    """Row id → whether it is marked deleted, as the warehouse has it."""
    if name not in warehouse.tables:
        return {}
    table = warehouse.name_of(name)
    return dict(warehouse.query(f"select _dlt_id, _omnium_deleted_at is not null from {table}"))


class _Sweep:
    """The sweep of one resource."""

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        report: ResourceReport,
        warehouse: Warehouse,
        sync: Sync,
    ) -> None:
        self._settings, self._progress, self._report = settings, progress, report
        self._warehouse, self._sync = warehouse, sync

    def run(self, resource: Resource, force: bool) -> set[str]:
        """Sweep, compare, mark; the outcome stands in the report. Returns the row ids that the warehouse lacks."""
        started, traffic, report = time.monotonic(), Traffic(), self._report
        missing: set[str] = set()
        self._progress.start(resource.name, None)
        try:
            self._settings.stop.check()
            held = _held(self._warehouse, resource.name)
            present = self._sync.keys(resource, traffic=traffic)
            report.total_hits, report.complete = len(present), True
            missing = self._in_scope(resource, present - held.keys(), traffic)
            report.rows = self._mark(resource, held, present, force)
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
            report.took(traffic)
            self._progress.finish(resource.name, report.status)
        return missing

    def _in_scope(self, resource: Resource, missing: set[str], traffic: Traffic) -> set[str]:
        """Those of the missing rows that `--since` has not left out."""
        left_out = _left_out(self._warehouse, resource.name)
        if not missing or not left_out:
            return missing
        return missing & self._sync.keys(resource, since=left_out, traffic=traffic)

    def _mark(self, resource: Resource, held: dict[str, bool], present: set[str], force: bool) -> int:
        vanished = sorted(key for key, is_gone in held.items() if not is_gone and key not in present)
        returned = sorted(key for key, is_gone in held.items() if is_gone and key in present)
        living = sum(not is_gone for is_gone in held.values())
        limit = self._settings.deletion_limit
        if vanished and len(vanished) > limit * living and not force:
            raise OmniumError(
                f"{len(vanished):,} of {living:,} rows have vanished, more than {limit:.0%}: if that is "
                "right, run `omnium-elt reconcile --force`"
            )
        table = self._warehouse.name_of(resource.name)
        now = instant(dt.datetime.now(dt.UTC))
        for value, keys in ((now, vanished), ("null", returned)):
            for ids in id_lists(keys):
                self._warehouse.execute(
                    f"update {table} set _omnium_deleted_at = {value} where _dlt_id in ({ids})"
                )
        return len(vanished) + len(returned)
