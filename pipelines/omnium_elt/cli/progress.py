"""Progress on the terminal: bars, or lines for a log file."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from omnium_source.text import printable

from omnium_elt.cli.rendering import escaped, stderr
from omnium_elt.infra.run_report import Progress


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Bars with counts and time left where stderr is a terminal, plain lines elsewhere."""
    console = stderr()
    if not console.is_terminal:
        yield PlainLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    with RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
        transient=True,
    ) as bars:
        yield Bars(bars)


class Bars:
    """Progress as bars."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Add a bar, or learn the total of one."""
        if resource in self._tasks:
            self._bars.update(self._tasks[resource], total=total)
        else:
            self._tasks[resource] = self._bars.add_task(resource, total=total)

    def advance(self, resource: str, rows: int) -> None:
        """Move a bar."""
        if resource not in self._tasks:
            self.start(resource, None)
        self._bars.advance(self._tasks[resource], rows)

    def finish(self, resource: str, status: str) -> None:
        """Take the bar away: the summary at the end says what came out."""
        if resource in self._tasks:
            self._bars.remove_task(self._tasks.pop(resource))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(escaped(text))


class PlainLines:
    """Progress as lines for log files: one at the end of each resource, and every half minute between."""

    EVERY_SECONDS = 30.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, int] = {}
        self._totals: dict[str, int | None] = {}
        self._last_line_at: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Take the time."""
        with self._lock:
            now = time.monotonic()
            self._totals[resource] = total
            self._rows.setdefault(resource, 0)
            self._last_line_at.setdefault(resource, now)
            self._started.setdefault(resource, now)

    def advance(self, resource: str, rows: int) -> None:
        """Count, and say so now and then."""
        with self._lock:
            now = time.monotonic()
            self._started.setdefault(resource, now)
            self._rows[resource] = self._rows.get(resource, 0) + rows
            if now - self._last_line_at.setdefault(resource, now) >= self.EVERY_SECONDS:
                self._last_line_at[resource] = now
                total = self._totals.get(resource)
                self._say(f"{resource}: {self._rows[resource]:,}{f' of {total:,}' if total else ''}")

    def finish(self, resource: str, status: str) -> None:
        """Say what it came to; the end of an end says nothing."""
        with self._lock:
            if (resource in self._started and status != "skipped") or status in ("failed", "forbidden"):
                now = time.monotonic()
                seconds = now - self._started.pop(resource, now)
                rows = self._rows.pop(resource, 0)
                self._last_line_at.pop(resource, None)
                self._say(f"{resource}: {status}{f', {rows:,}' if rows else ''} ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        """Say a line."""
        self._say(text)

    def _say(self, text: str) -> None:
        print(printable(text), file=sys.stderr, flush=True)
