"""reconcile: finds rows that no longer exist in the tenant and marks them deleted.

Nothing in the API tells of a deletion; a deleted row just stops appearing. So the keys of everything are read
(a sweep, by the cheapest request of each endpoint) and compared with what the warehouse holds. Vanished rows
get `_omnium_deleted_at`; rows that came back lose it. A sweep that did not complete marks nothing.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from omnium_source import Sync
from omnium_source.errors import (
    ConfigurationError,
    Forbidden,
    OmniumError,
    Stopped,
    Unreachable,
    WrongCredentials,
)
from omnium_source.http.client import Traffic
from omnium_source.resources import Resource, select
from omnium_source.windows.window import Reading

from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.home import Settings
from omnium_elt.report.run_report import Progress, ResourceReport, RunReport
from omnium_elt.steps.load import connect, personal_data, told
from omnium_elt.warehouse.destination import Warehouse

log = logging.getLogger("omnium.reconcile")

IDS_A_STATEMENT = 1_000


def reconcile(settings: Settings, progress: Progress, force: bool = False) -> RunReport:
    """Mark what has vanished, in every selected resource that was loaded before.

    `rows` of a resource's report counts the marks set and taken back. Marking more than
    `settings.deletion_limit` of a resource's rows at once is refused unless `force`.
    Raises OmniumEltError or UsageError where nothing can be read at all.
    """
    report = RunReport.begin("reconcile", settings.run_id)
    try:
        resources = select(settings.resources, settings.exclude)
        with (
            connect(settings) as client,
            Warehouse(settings.home, settings.destination) as warehouse,
            ThreadPoolExecutor(20, "omnium-page") as executor,
        ):
            personal = personal_data(settings, warehouse.personal_mark)
            reading = Reading(spool=settings.home.spool, **settings.source_options.get("reading", {}))
            sync = Sync(client, executor, personal, reading)
            loaded = [row for row in resources if row.rule != "versions" and row.name in warehouse.tables]
            for resource in loaded:
                one = ResourceReport(resource.name)
                report.resources.append(one)
                sweep = _Sweep(settings, progress, one, warehouse, sync)
                sweep.run(resource, force)
            report.notes += client.clock.remarks()
    except ConfigurationError as error:
        raise UsageError(*told(error)) from error
    except (WrongCredentials, Unreachable) as error:
        raise OmniumEltError(*told(error)) from error
    report.notes += [f"{one.name}: {one.error}" for one in report.resources if one.error]
    return report.finish("interrupted" if settings.stop.is_set() else None)


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

    def run(self, resource: Resource, force: bool) -> None:
        """Sweep, compare, mark; the outcome stands in the report."""
        started, traffic, report = time.monotonic(), Traffic(), self._report
        self._progress.start(resource.name, None)
        try:
            if self._settings.stop.is_set():
                raise Stopped("stopped on request")
            held = self._held(resource)
            present = self._sync.keys(resource, traffic=traffic)
            report.total_hits, report.complete = len(present), True
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
        finally:
            report.seconds = time.monotonic() - started
            report.requests, report.retries = traffic.requests, traffic.retries
            report.throttled, report.bytes = traffic.throttled, traffic.bytes
            self._progress.finish(resource.name, report.status)

    def _held(self, resource: Resource) -> dict[str, bool]:
        """Row id → whether it is marked deleted, as the warehouse has it before the sweep."""
        table = self._warehouse.name_of(resource.name)
        rows = self._warehouse.query(f"select _dlt_id, _omnium_deleted_at is not null as gone from {table}")
        return dict(zip(rows["_dlt_id"].to_pylist(), rows["gone"].to_pylist(), strict=True))

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
        now = datetime.now(UTC).isoformat(sep=" ", timespec="microseconds")
        for value, keys in ((f"timestamp with time zone '{now}'", vanished), ("null", returned)):
            for some in _chunks(keys):
                ids = ", ".join(f"'{key}'" for key in some)
                self._warehouse.execute(
                    f"update {table} set _omnium_deleted_at = {value} where _dlt_id in ({ids})"
                )
        return len(vanished) + len(returned)


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), IDS_A_STATEMENT):
        yield keys[start : start + IDS_A_STATEMENT]
