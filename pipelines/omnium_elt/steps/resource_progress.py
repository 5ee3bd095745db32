"""The progress of one resource in a run: which of its windows are read, and which are loaded."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from omnium_source.http.traffic import Traffic
from omnium_source.resources import Resource
from omnium_source.windows.gathered import Verified

from omnium_elt.infra.run_report import Progress, ResourceReport


@dataclass
class ResourceProgress:
    """One resource in a run: the windows that were read, and those that were committed to the destination.

    `outcome` and `error` tell how reading ended. `heard_at`: when rows or a count last came. Only `settle` writes the
    report.

    One record, as its fields change together while one resource is loaded.
    """

    resource: Resource
    report: ResourceReport
    traffic: Traffic = field(default_factory=Traffic)
    outcome: Literal["read", "forbidden", "failed", "skipped"] = "skipped"
    error: str | None = None
    seconds: float = 0.0
    heard_at: float = 0.0
    has_ended: bool = False
    is_reported: bool = False
    windows: list[Verified] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    committed: list[Verified] = field(default_factory=list)

    def shown_by(self, progress: Progress) -> Callable[[int, int | None], None]:
        """Return the callback for arriving rows; the largest total that it gets is shown as the expected count."""
        name, most = self.resource.name, 0

        def on_rows(rows: int, total: int | None) -> None:
            nonlocal most
            self.heard_at = time.monotonic()
            # A window that is split reports each part's smaller total again.
            if (total or 0) > most:
                most = total or 0
                progress.start(name, most)
            progress.advance(name, rows)

        return on_rows

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has come."""
        return time.monotonic() - self.heard_at

    @property
    def is_settled(self) -> bool:
        """Whether reading has ended, and all windows that were read are loaded."""
        return self.has_ended and len(self.committed) == len(self.windows)

    def settle(self, why_not_loaded: str = "") -> None:
        """Write the report; rows, bounds and status cover only the windows that are in the destination."""
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
