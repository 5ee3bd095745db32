"""The report of a run, which `--json` prints, and the interface that shows its progress."""

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
    """What one resource did in one run; all counts are of this run only.

    One record, as its fields are those of `resources[]` in `--json`.
    """

    name: str
    status: ResourceStatus = "skipped"
    rows: int = 0
    """Root rows written, new or changed."""
    requests: int = 0
    """HTTP requests answered, including retried ones."""
    retries: int = 0
    throttled: int = 0
    """Answers with status 429."""
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
        """Take over the counts of the requests made for this resource."""
        self.requests, self.retries = traffic.requests, traffic.retries
        self.throttled, self.bytes = traffic.throttled, traffic.bytes

    def add(self, loaded: "ResourceReport") -> None:
        """Add the figures of a load of the same resource."""
        for name in ("rows", "requests", "retries", "throttled", "bytes", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(loaded, name))
        self.error = self.error or loaded.error
        if self.status == "unchanged" and loaded.rows:
            self.status = "ok"

    @property
    def is_dead(self) -> bool:
        """Whether the resource failed before the server answered anything about it."""
        return self.status == "failed" and self.total_hits is None and not self.rows


@dataclass
class StepReport:
    """What a step other than the load did, such as `reconcile`, `lake`, `transform` or `publish`."""

    name: str
    status: StepStatus = "skipped"
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass
class RunReport:
    """The report of one run. `status` is None until `finish()` sets it.

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
    """What needs the user's attention, a line each: drift, recommended lags, refused deletions."""
    error: str | None = None
    seconds: float | None = None
    """Duration on a clock that nobody can set; None while the run lasts."""
    error_status: int | None = None
    """Exit status of the error that ended the run; None: the exit status of `status`."""
    committed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per resource, the state that a remote destination has committed, for the history. Empty if it has none, or if the
    destination is local: the working database holds the states itself."""
    lacking: list[str] = field(default_factory=list)
    """Resources with rows that `reconcile` found missing and could not read; not in `--json`."""
    began: float = field(default_factory=time.monotonic)
    """Start on a clock that nobody can set; not in `--json`."""

    @classmethod
    def begin(cls, command: str = "load", run_id: str | None = None) -> "RunReport":
        """Start a report now; without `run_id`, it gets a new one."""
        return cls(run_id=run_id or new_run_id(), started_at=datetime.now(UTC), command=command)

    def finish(self, status: RunStatus | None = None) -> "RunReport":
        """Set the end time and the status; without `status`, the worst one of all resources and steps."""
        self.finished_at, self.seconds = datetime.now(UTC), time.monotonic() - self.began
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
        for internal in ("error_status", "committed", "lacking", "began"):
            del values[internal]
        return dict(for_json(values))


class Progress:
    """Shows the progress of a run; this base class shows nothing. Methods are called from several threads."""

    def start(self, resource: str, total: int | None) -> None:
        """`resource` begins; `total` rows are expected, None if unknown."""

    def advance(self, resource: str, rows: int) -> None:
        """`rows` more rows of `resource` have arrived."""

    def finish(self, resource: str, status: str) -> None:
        """`resource` has ended with `status`."""

    def note(self, text: str) -> None:
        """Show one line of text."""


Step = Callable[[Settings, Progress, RunReport], None]
"""A step adds what it did to the report; it raises when the run cannot go on."""
_Options = ParamSpec("_Options")
_Reported = Callable[Concatenate[Settings, Progress, _Options], StepReport]


def timed(step: _Reported[_Options]) -> _Reported[_Options]:
    """Set `seconds` in the report of a step that did something, and finish the step's progress."""

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
    """A Progress that shows nothing, for tests and for callers from Python."""


def new_run_id(moment: datetime | None = None) -> str:
    """Make a unique run id that sorts by time, such as `20260131T235959Z-3f9a`; `moment` is by default now."""
    return f"{moment or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
