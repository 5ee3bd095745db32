"""Progress on the terminal: bars, or lines for a log file."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omnium_source.text import printable

from omnium_elt.cli.rendering import escaped, stderr
from omnium_elt.infra.run_report import Progress


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Yield a progress display: bars with counts and time left if stderr is a terminal, else plain lines."""
    # Without a terminal its library is not even imported.
    if not sys.stderr.isatty() or not (console := stderr()).is_terminal:
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


class Bars(Progress):
    """Progress as bars."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Add a bar, or set the total of one that exists."""
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
        """Remove the bar; the summary of the run shows the result."""
        if resource in self._tasks:
            self._bars.remove_task(self._tasks.pop(resource))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(escaped(text))


@dataclass
class _Going:
    """A resource that is being read: its start, its rows so far, and when its last line was printed (monotonic s)."""

    started: float
    last_line_at: float
    rows: int = 0
    total: int | None = None


class PlainLines(Progress):
    """Progress as lines for log files: one at the end of each resource, and one every `EVERY_SECONDS` until then."""

    EVERY_SECONDS = 30.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going: dict[str, _Going] = {}

    def start(self, resource: str, total: int | None) -> None:
        """Record the start time and the total."""
        with self._lock:
            self._of(resource).total = total

    def advance(self, resource: str, rows: int) -> None:
        """Count the rows, and print the count every `EVERY_SECONDS`."""
        with self._lock:
            one, now = self._of(resource), time.monotonic()
            one.rows += rows
            if now - one.last_line_at >= self.EVERY_SECONDS:
                one.last_line_at = now
                self._say(f"{resource}: {one.rows:,}{f' of {one.total:,}' if one.total else ''}")

    def finish(self, resource: str, status: str) -> None:
        """Print the result once: nothing for a skipped resource, a line for a failed one even if it never started."""
        with self._lock:
            if (resource in self._going and status != "skipped") or status in ("failed", "forbidden"):
                one = self._of(resource)
                del self._going[resource]
                seconds = time.monotonic() - one.started
                self._say(f"{resource}: {status}{f', {one.rows:,}' if one.rows else ''} ({seconds:.1f} s)")

    def note(self, text: str) -> None:
        """Print a line."""
        self._say(text)

    def _of(self, resource: str) -> _Going:
        now = time.monotonic()
        return self._going.setdefault(resource, _Going(now, now))

    def _say(self, text: str) -> None:
        # A closed stderr or a full disk must not stop a run.
        with contextlib.suppress(OSError):
            print(printable(text), file=sys.stderr, flush=True)
