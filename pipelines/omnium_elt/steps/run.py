"""run, and what all commands that write have in common: the lock, the log file, signals, history.

run         load, (reconcile,) (lake,) transform, publish
perform     any of these steps as a command of its own
"""

import contextlib
import dataclasses
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from omnium_elt.infra import history, lock, log
from omnium_elt.infra.errors import OmniumEltError, explain
from omnium_elt.infra.files import sweep
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, RunReport, Step, StepReport

_log = logging.getLogger("omnium.run")
LEAST_FREE_BYTES = 100_000_000
"""A run does not start with less free disk space than this."""


def load_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Load what is new."""
    from omnium_elt.steps.load import load

    load(settings, progress, report)


def lake_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Write the Parquet lake or the Delta tables, if the destination is one of them."""
    if settings.destination == "delta":
        from omnium_elt.steps.delta import publish_delta

        report.steps.append(publish_delta(settings, progress))
    if settings.destination == "parquet":
        from omnium_elt.steps.lake import publish_lake

        report.steps.append(publish_lake(settings, progress))


def lake_bucket_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Publish the lake to the bucket, if the destination is a lake and a bucket is set."""
    if settings.publish_to and settings.destination == "parquet":
        from omnium_elt.steps.bucket import publish_lake_to_bucket

        report.steps.append(publish_lake_to_bucket(settings, progress))


def transform_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Build the models."""
    from omnium_elt.steps.transform import transform

    built = transform(settings, progress, force=settings.full_refresh)
    report.steps.append(built)
    report.notes += [f"transform: {warning}" for warning in built.details.get("warnings", [])]


def publish_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Publish the new version: locally, and to the bucket if one is set."""
    from omnium_elt.steps.publish import publish

    report.steps.append(publish(settings, progress))
    lake_bucket_step(settings, progress, report)
    if settings.publish_to:
        from omnium_elt.steps.bucket import publish_to_bucket

        report.steps.append(publish_to_bucket(settings, progress))


def reconcile_step(force: bool) -> Step:
    """Return the step that marks vanished rows; `force` lifts the limit on their share."""

    def step(settings: Settings, progress: Progress, report: RunReport) -> None:
        from omnium_elt.steps.reconcile import reconcile

        reconcile(settings, progress, force, report)

    step.__name__ = "reconcile_step"
    return step


def due_reconcile_step(settings: Settings, progress: Progress, report: RunReport) -> None:
    """Reconcile if a resource of this run was in no reconcile of the last `reconcile_every_days`.

    Its rows and requests go into a step of their own in the report; each resource keeps the figures of the load.
    """
    every = settings.reconcile_every_days
    if every is None or not _is_due(settings, report, every):
        return
    from omnium_elt.steps.reconcile import reconcile

    found = reconcile(settings, progress)
    report.committed |= found.committed
    errors = {resource.name: resource.error for resource in found.resources}
    for resource in report.resources:
        if resource.name in found.lacking:
            resource.status, resource.error = "failed", errors[resource.name]
    failed = found.status in ("failed", "incomplete")
    report.notes += found.notes + [
        f"reconcile: {resource.name}: {resource.error}" for resource in found.resources if resource.error
    ]
    report.steps.append(
        StepReport(
            "reconcile",
            "skipped" if failed else "ok" if found.rows else "unchanged",
            seconds=sum(resource.seconds for resource in found.resources),
            details={"rows": found.rows, "requests": found.requests},
        )
    )


COOPERATIVE = ("load", "reconcile", "due_reconcile", "write")
"""Steps that check `stop` and end cleanly; a signal interrupts any other step at once."""

RUN: tuple[Step, ...] = (load_step, due_reconcile_step, lake_step, transform_step, publish_step)
COMMANDS: dict[str, tuple[Step, ...]] = {
    "run": RUN,
    "load": (load_step, lake_step, lake_bucket_step),
    "transform": (transform_step,),
    "publish": (publish_step,),
}


def run(settings: Settings, progress: Progress) -> RunReport:
    """Load, transform, publish. Errors end up in the report and are not raised."""
    return perform(settings, progress, "run", RUN)


def perform(settings: Settings, progress: Progress, command: str, steps: Sequence[Step]) -> RunReport:
    """Run `steps` in order under the home's lock, and save the report in the history.

    Errors end up in the report. What was done before a failure stays done, and is reported.
    """
    settings = dataclasses.replace(settings, run_id=settings.run_id or history.next_run_id(settings.home))
    report = RunReport.begin(command, settings.run_id)
    try:
        with _session(settings, command) as interruptible:
            _perform(settings, progress, report, steps, interruptible)
    except (Exception, KeyboardInterrupt) as error:  # outside the steps: home, lock, log or history
        _note_failure(report, error)
    return report if report.finished_at else report.finish()


def _perform(
    settings: Settings,
    progress: Progress,
    report: RunReport,
    steps: Sequence[Step],
    interruptible: Callable[[], contextlib.AbstractContextManager[None]],
) -> None:
    _log.info("%s %s begins", report.command, report.run_id)
    status = None
    for step in steps:
        name = step.__name__.removesuffix("_step")
        _log.info("%s: step %s begins", report.command, name)
        try:
            with contextlib.nullcontext() if name in COOPERATIVE else interruptible():
                step(settings, progress, report)
        except (Exception, KeyboardInterrupt) as error:
            _note_failure(report, error)
            if name != "load":
                is_stopped = report.status == "interrupted"
                report.steps.append(
                    StepReport(name, "interrupted" if is_stopped else "failed", error=report.error)
                )
        else:
            if settings.stop.is_set() or report.status == "interrupted":
                report.error = report.error or str(explain(KeyboardInterrupt()))
                report.status = "interrupted"
        if report.status in ("failed", "interrupted"):
            status = report.status
            break
    # `load` has set a status of its own. Judge all resources and steps instead: a bad resource still counts.
    report.status = None
    report.finish(status)
    if report.status == "failed" and not report.error:
        # No resource could be read, so the first error stands for all of them.
        report.error = next((resource.error for resource in report.resources if resource.error), None)
    _log.info("%s %s ends: %s", report.command, report.run_id, report.status)
    try:
        history.save(settings.home, report)
    except OSError as error:  # a full disk must not hide what the run did
        report.notes.append(f"the run history could not be written: {explain(error).message}")


def _note_failure(report: RunReport, error: BaseException) -> None:
    explanation = explain(error)
    _log.error("%s: %s", report.command, explanation, exc_info=error)
    report.error = str(explanation)
    report.error_status = explanation.exit_status
    is_stop = explanation.message.startswith("stopped")
    report.status = "interrupted" if is_stop else "failed"
    if not explanation.is_expected:
        report.notes.append("This was not foreseen; the log file holds the details.")


def _is_due(settings: Settings, report: RunReport, every_days: int) -> bool:
    """Whether a resource of this run was in no reconcile of the last `every_days`, as some may cover only a few."""
    from omnium_source.resources import RESOURCES
    from omnium_source.windows.strategy import EARLY

    from omnium_elt.steps.reconcile import is_compared

    due = {
        one.name
        for one in report.resources
        if one.status in ("ok", "unchanged") and is_compared(RESOURCES[one.name])
    }
    for past in history.runs(settings.home):
        seconds = history.seconds_since(past["started_at"], report.started_at)
        if not due or seconds is None or seconds >= every_days * 86_400 - EARLY.total_seconds():
            break
        if seconds < 0:
            continue  # it starts in the future: the clock was wrong, and the real time is unknown
        has_reconciled = past["command"] == "reconcile" and past["status"] in ("ok", "unchanged")
        has_reconciled |= any(s["name"] == "reconcile" and s["status"] != "skipped" for s in past["steps"])
        if has_reconciled:
            due -= {resource["name"] for resource in past["resources"]}
    return bool(due)


@contextlib.contextmanager
def _session(
    settings: Settings, command: str
) -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Create the home, take its lock, open the log and handle signals; yield `_Signals.interruptible`."""
    home = settings.home
    home.create()
    mask = log.Masker([settings.client_secret, settings.writer_secret, settings.personal_key])
    with (
        lock.hold(home.lock, command),
        log.logging_to(home.logs, f"{settings.run_id}-{command}", mask, settings.verbose),
        _Signals(settings.stop) as signals,
    ):
        for folder in (home.state, home.runs, home.writes, home.backfill, home.lake, home.delta):
            sweep(folder)
        free = shutil.disk_usage(home.root).free
        if free < LEAST_FREE_BYTES:
            raise OmniumEltError(
                f"{home.root}: only {free // 1_000_000} MB are left on the disk",
                "Make room, or choose another --home, and run again.",
            )
        yield signals.interruptible


class _Signals:
    """SIGINT and SIGTERM set `stop`; a second one, or one in an interruptible step, raises KeyboardInterrupt."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._at_once = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._at_once or self._stop.is_set():
            self._stop.set()
            raise KeyboardInterrupt
        self._stop.set()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal raise KeyboardInterrupt at once within the `with` block."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False
