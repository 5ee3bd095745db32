"""What the answers taught about the server, as far as one resource goes, in this run.

ServerFacts    page base, the limit of counts, how large rows are and how long answers take
SeenValues     values of filters that rows have shown
"""

import threading
from collections.abc import Sequence

from omnium_source.http.paginators import REACH, Learned, SearchPages
from omnium_source.pages import is_round
from omnium_source.resources import Resource
from omnium_source.windows.window import Reading, Row, texts_at

SCROLL_FROM = 1_000
"""Rows from which a scroll is used where there is one; fewer are a few pages, side by side."""
WINDOW_SECONDS = 10.0
"""How long one scroll should take where several are read side by side, if each batch takes as long as the first."""
FEWEST_ROWS = 5_000
"""In a window, however slow the answers."""
LARGE_COUNT = 5_000
"""From here on a count is proved even where it is not round: two requests beside fifty or more."""


class ServerFacts:
    """For use by several threads. `limit`: the count at which counts stop; `other_limits`: those of other resources."""

    def __init__(self, resource: Resource, other_limits: set[int]) -> None:
        self.learned = Learned.of(resource)
        self._other_limits = other_limits
        self.limit: int | None = None
        self.shows_beyond: set[str] = set()
        """Paths whose answers show rows beyond the count: those are read to their end, and nothing is hidden."""
        self.hides: set[str] = set()
        """Paths that show no more rows than they count, though there are more."""
        self._most_counted: dict[str, int] = {}
        self._changed: dict[str, frozenset[tuple[str, str]]] = {}
        self.row_bytes = 0.0
        """Of JSON, lately."""
        self._answer_seconds = 0.0
        """The shortest time that the first page of a window took."""
        self._has_checked_base = not resource.paged
        self._shown: dict[str, frozenset[str]] = {}

    def note_page(self, size: int, rows: int, seconds: float) -> None:
        """Learn from the first page of a window, which took so long."""
        self.row_bytes = size / rows
        self._answer_seconds = min(self._answer_seconds or seconds, seconds)

    def is_at_limit(self, count: int | None) -> bool:
        """Whether a count says nothing, because the server counts no further."""
        return self.limit is not None and (count or 0) >= self.limit

    def note_limit(self, count: int) -> None:
        """The server's counts stop here."""
        self.limit = min(count, self.limit or count)

    def note_count(self, path: str, count: int | None) -> None:
        """What the server counted once at this path: its limit there is no smaller."""
        if path in self.hides and (count or 0) > (self.limit or 0):
            self.limit, self.hides = None, set()  # rows had come while it was looked at
        self._most_counted[path] = max(count or 0, self._most_counted.get(path, 0))

    def is_doubtful(self, path: str, count: int | None, *, is_least: bool = False) -> bool:
        """Whether a count may be a limit that hides rows.

        One below another count of the same path is none. Round ones are doubted, those that the server itself calls
        the least there are, large ones, and those at which counts stop elsewhere.
        """
        if not count or count < self._most_counted.get(path, 0) or path in self.shows_beyond:
            return False
        return is_least or is_round(count) or count >= LARGE_COUNT or count in self._other_limits

    def corrects_base(self, pages: SearchPages) -> bool:
        """Whether pages were counted from the wrong number; looked at once, and then the right one is known."""
        if self._has_checked_base:
            return False
        self._has_checked_base = True
        before = self.learned.page_base
        self.learned.page_base = pages.find_base()
        return self.learned.page_base != before

    def shows_the_same(self, window: str, keys: frozenset[str]) -> bool:
        """Whether a window whose count says nothing shows the keys that it showed the last time."""
        is_same = self._shown.get(window) == keys
        self._shown[window] = keys
        return is_same

    def has_only_seen(self, window: str, changed: frozenset[tuple[str, str]]) -> bool:
        """Whether an earlier attempt at a window has seen all changes behind it: then this one was undisturbed."""
        before = self._changed.get(window)
        self._changed[window] = changed
        return before is not None and changed <= before

    def largest_window(self, resource: Resource, reading: Reading) -> int:
        """Rows that a window should hold at most."""
        if not resource.scrolls:
            return REACH
        rows = float(reading.window_rows)
        if self.row_bytes:
            rows = min(rows, reading.window_bytes / self.row_bytes)
        if self._answer_seconds and reading.windows_at_once > 1:
            in_time = resource.scroll_take * WINDOW_SECONDS / self._answer_seconds
            rows = min(rows, max(FEWEST_ROWS, in_time))
        return int(max(SCROLL_FROM, rows))


class SeenValues:
    """The values of a resource's filters that rows have shown; `is_noting` once a window had to be read again."""

    def __init__(self, resource: Resource) -> None:
        self._filters = resource.value_filters
        self._values: dict[str, set[str]] = {by.field: set() for by in self._filters}
        self.is_noting = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """From now on note what rows show."""
        self.is_noting = bool(self._filters)

    def add(self, rows: Sequence[Row]) -> None:
        """Note the values that these rows show."""
        found = {by.field: texts_at(rows, by.path) for by in self._filters}
        with self._lock:
            for field, values in found.items():
                self._values[field] |= values

    def of(self, field: str) -> frozenset[str]:
        """The values of a filter's field."""
        with self._lock:
            return frozenset(self._values[field])
