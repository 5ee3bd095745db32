"""What a run reports: the object that `--json` prints, and the progress that it shows while it works."""

import functools
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Concatenate, Literal, ParamSpec

from omnium_source.http.traffic import Traffic

from omnium_elt.infra.home import Settings
from omnium_elt.infra.text import for_json

ResourceStatus = Literal["ok", "unchanged", "forbidden", "failed", "skipped"]
StepStatus = Literal["ok", "unchanged", "incomplete", "failed", "interrupted", "skipped"]
RunStatus = Literal["ok", "unchanged", "incomplete", "failed", "interrupted"]

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_LOCKED = 0, 1, 2, 3, 75

EXIT_STATUS: dict[str, int] = {
    "ok": EXIT_OK,
    "unchanged": EXIT_OK,
    "incomplete": EXIT_INCOMPLETE,
    "failed": EXIT_FAILED,
    "interrupted": EXIT_FAILED,
}


@dataclass
class ResourceReport:
    """What one resource (or one step) did in one run; counts are of this run alone.

    One record, as its fields are those of `resources[]` in `--json`.
    """

    name: str
    status: ResourceStatus = "skipped"
    rows: int = 0
    """Root rows written: new ones and changed ones."""
    requests: int = 0
    """HTTP requests answered, the retried ones included."""
    retries: int = 0
    throttled: int = 0
    """Answers 429."""
    bytes: int = 0
    """Bytes of the response bodies, uncompressed."""
    window_from: datetime | None = None
    window_to: datetime | None = None
    total_hits: int | None = None
    """The server's own count for the window."""
    complete: bool = False
    """Whether the distinct keys read equal `total_hits`."""
    seconds: float = 0.0
    error: str | None = None

    def took(self, traffic: Traffic) -> None:
        """Note the requests that were made for it."""
        self.requests, self.retries = traffic.requests, traffic.retries
        self.throttled, self.bytes = traffic.throttled, traffic.bytes

    def add(self, loaded: "ResourceReport") -> None:
        """Count what a load of the same resource wrote and cost as well."""
        for name in ("rows", "requests", "retries", "throttled", "bytes", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(loaded, name))
        self.error = self.error or loaded.error
        if self.status == "unchanged" and loaded.rows:
            self.status = "ok"

    @property
    def is_dead(self) -> bool:
        """Whether it failed before the server had answered anything about it."""
        return self.status == "failed" and self.total_hits is None and not self.rows


@dataclass
class StepReport:
    """A step beside the load: `reconcile`, `lake`, `transform` or `publish`."""

    name: str
    status: StepStatus = "skipped"
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass
class RunReport:
    """A whole run. `status` is None while it lasts; `finish()` decides it.

    One record, as its fields are those of `--json`.
    """

    run_id: str
    started_at: datetime
    command: str = "load"
    finished_at: datetime | None = None
    status: RunStatus | None = None
    resources: list[ResourceReport] = field(default_factory=list)
    steps: list[StepReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What needs a person's attention, a line each: drift, recommended lags, refused deletions."""
    error: str | None = None
    error_status: int | None = None
    """Exit status of the error that ended the run, where it is not the status's own."""
    committed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per resource the state that a destination elsewhere has committed, for the history; empty where it has none, or
    where the working database has it, which is asked itself."""
    lacking: list[str] = field(default_factory=list)
    """Resources with rows that `reconcile` found missing and could not read; not for `--json`."""

    @classmethod
    def begin(cls, command: str = "load", run_id: str | None = None) -> "RunReport":
        """Start a report now, under a run id that sorts by time."""
        return cls(run_id=run_id or new_run_id(), started_at=datetime.now(UTC), command=command)

    def finish(self, status: RunStatus | None = None) -> "RunReport":
        """Stamp the end and, where no status is given, take the worst one of resources and steps."""
        self.finished_at = datetime.now(UTC)
        self.status = status or self._judge()
        return self

    def _judge(self) -> RunStatus:
        steps = {step.status for step in self.steps}
        read = [resource for resource in self.resources if resource.status != "skipped"]
        if self.error or "failed" in steps or (read and all(resource.is_dead for resource in read)):
            return "failed"
        statuses = {resource.status for resource in read}
        if statuses & {"failed", "forbidden"} or "incomplete" in steps:
            return "incomplete"
        return "ok" if "ok" in statuses | steps else "unchanged"

    @property
    def rows(self) -> int:
        """Root rows written, over all resources."""
        return sum(resource.rows for resource in self.resources)

    @property
    def requests(self) -> int:
        """Requests answered, over all resources."""
        return sum(resource.requests for resource in self.resources)

    @property
    def exit_status(self) -> int:
        """The process's exit status for this run."""
        return self.error_status or EXIT_STATUS[self.status or "failed"]

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of `--json`: dates as ISO 8601 in UTC."""
        values = asdict(self)
        for internal in ("error_status", "committed", "lacking"):
            del values[internal]
        return dict(for_json(values))


class Progress:
    """Whoever shows a run's progress; of itself it shows nothing. Called from several threads."""

    def start(self, resource: str, total: int | None) -> None:
        """`resource` begins; `total` rows are expected, None where nobody knows."""

    def advance(self, resource: str, rows: int) -> None:
        """`rows` more rows of `resource` have arrived."""

    def finish(self, resource: str, status: str) -> None:
        """`resource` has ended with `status`."""

    def note(self, text: str) -> None:
        """Say one line that belongs to no count."""


Step = Callable[[Settings, Progress, RunReport], None]
"""A step adds what it did to the report; it raises when the run cannot go on."""
_Options = ParamSpec("_Options")
_Reported = Callable[Concatenate[Settings, Progress, _Options], StepReport]


def timed(step: _Reported[_Options]) -> _Reported[_Options]:
    """Have a step's report say how long it took, where it did something, and its progress end with it."""

    @functools.wraps(step)
    def measured(
        settings: Settings, progress: Progress, /, *arguments: _Options.args, **options: _Options.kwargs
    ) -> StepReport:
        started = time.monotonic()
        report = step(settings, progress, *arguments, **options)
        if report.status == "ok":
            report.seconds = time.monotonic() - started
            progress.finish(report.name, "ok")
        return report

    return measured


class Silent(Progress):
    """A Progress that shows nothing: for tests and for callers from Python."""


def new_run_id(moment: datetime | None = None) -> str:
    """Make a run id that sorts by time (now, or another `moment`, UTC) and is unique: `20260131T235959Z-3f9a`."""
    return f"{moment or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
