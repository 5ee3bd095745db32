"""One resource in a run: the windows that were read, and those that the destination has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from omnium_source.http.traffic import Traffic
from omnium_source.resources import Resource
from omnium_source.windows.gathered import Verified

from omnium_elt.infra.run_report import Progress, ResourceReport


@dataclass
class ResourceProgress:
    """One resource in this run: the windows that were read, and those that the destination has.

    `outcome` and `error` are those of reading. The report is written by `settle` alone.

    One record, as its fields change together while one resource is loaded.
    """

    resource: Resource
    report: ResourceReport
    traffic: Traffic = field(default_factory=Traffic)
    outcome: Literal["read", "forbidden", "failed", "skipped"] = "skipped"
    error: str | None = None
    seconds: float = 0.0
    has_ended: bool = False
    is_reported: bool = False
    windows: list[Verified] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    committed: list[Verified] = field(default_factory=list)

    def shown_by(self, progress: Progress) -> Callable[[int, int | None], None]:
        """What the reader calls as rows come; the first window tells how many there are in all."""
        name, most = self.resource.name, 0

        def on_rows(rows: int, total: int | None) -> None:
            nonlocal most
            # The parts of a window that is cut are counted one by one, and are fewer than the whole.
            if (total or 0) > most:
                most = total or 0
                progress.start(name, most)
            progress.advance(name, rows)

        return on_rows

    @property
    def is_settled(self) -> bool:
        """Whether all windows that were read are loaded, and no more will come."""
        return self.has_ended and len(self.committed) == len(self.windows)

    def settle(self, why_not_loaded: str = "") -> None:
        """Write the report: rows, windows and status are those of the windows that are in the destination."""
        report, windows = self.report, self.committed
        self.is_reported = True
        report.rows = sum(window.written for window in windows)
        report.window_from = windows[0].window.lower if windows else None
        report.window_to = windows[-1].window.end if windows else None
        hits = [window.total_hits for window in windows]
        report.total_hits = None if not hits or None in hits else sum(hit or 0 for hit in hits)
        report.seconds = self.seconds
        report.took(self.traffic)
        report.complete = self.outcome == "read" and self.is_settled
        report.error = self.error
        if len(windows) < len(self.windows):
            report.status = "failed"
            report.error = (
                report.error or f"read, and not loaded: {why_not_loaded or 'the load was broken off'}"
            )
        elif self.outcome == "read":
            report.status = "ok" if any(window.written for window in windows) else "unchanged"
        else:
            report.status = self.outcome
