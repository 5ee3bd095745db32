"""What the answers of this run showed about the server, for one resource.

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
"""Rows from which on a scroll is used if there is one; fewer rows are a few pages, read side by side."""
WINDOW_SECONDS = 10.0
"""How long one scroll should take if several are read side by side and each batch takes as long as the first."""
FEWEST_ROWS = 5_000
"""A window may hold this many rows, however slow the answers."""
LARGE_COUNT = 5_000
"""A count of at least this is proved even if it is not round: two requests, where the rows take fifty or more."""


class ServerFacts:
    """For use by several threads. `limit`: the count at which counts stop; `other_limits`: those of other resources."""

    def __init__(self, resource: Resource, other_limits: set[int]) -> None:
        self.learned = Learned.of(resource)
        self._other_limits = other_limits
        self.limit: int | None = None
        self.shows_beyond: set[str] = set()
        """Paths that show rows beyond the count: they are read to their end, so nothing is hidden."""
        self.hides: set[str] = set()
        """Paths that show no more rows than they count although there are more."""
        self._most_counted: dict[str, int] = {}
        self._changed: dict[str, frozenset[tuple[str, str]]] = {}
        self.row_bytes = 0.0
        """Bytes of JSON in a row, on the latest first page."""
        self._answer_seconds = 0.0
        """The shortest time that the first page of a window took."""
        self._has_checked_base = not resource.paged
        self._shown: dict[str, frozenset[str]] = {}

    def note_page(self, size: int, rows: int, seconds: float) -> None:
        """Learn from the first page of a window: its bytes, its rows and how long it took."""
        self.row_bytes = size / rows
        self._answer_seconds = min(self._answer_seconds or seconds, seconds)

    def is_at_limit(self, count: int | None) -> bool:
        """Whether a count says nothing because the server counts no further."""
        return self.limit is not None and (count or 0) >= self.limit

    def note_limit(self, count: int) -> None:
        """Note that the server's counts stop at `count`."""
        self.limit = min(count, self.limit or count)

    def note_count(self, path: str, count: int | None) -> None:
        """Note a count at this path, which proves that the limit there is not smaller."""
        if path in self.hides and (count or 0) > (self.limit or 0):
            self.limit, self.hides = None, set()  # there was no limit: rows were added while it was examined
        self._most_counted[path] = max(count or 0, self._most_counted.get(path, 0))

    def is_doubtful(self, path: str, count: int | None, *, is_least: bool = False) -> bool:
        """Whether a count may be a limit that hides rows.

        A count below another count of the same path is none. Doubtful counts are round, large, called a lower bound by
        the server itself, or the limit of another resource's counts.
        """
        if not count or count < self._most_counted.get(path, 0) or path in self.shows_beyond:
            return False
        return is_least or is_round(count) or count >= LARGE_COUNT or count in self._other_limits

    def corrects_base(self, pages: SearchPages) -> bool:
        """Whether pages were numbered from the wrong base; checks that once, and then uses the right one."""
        if self._has_checked_base:
            return False
        self._has_checked_base = True
        before = self.learned.page_base
        self.learned.page_base = pages.find_base()
        return self.learned.page_base != before

    def shows_the_same(self, window: str, keys: frozenset[str]) -> bool:
        """Whether a window whose count proves nothing shows the same keys as the last time."""
        is_same = self._shown.get(window) == keys
        self._shown[window] = keys
        return is_same

    def has_only_seen(self, window: str, changed: frozenset[tuple[str, str]]) -> bool:
        """Whether an earlier attempt at a window saw all changes after it, so that this one was undisturbed."""
        before = self._changed.get(window)
        self._changed[window] = changed
        return before is not None and changed <= before

    def largest_window(self, resource: Resource, reading: Reading) -> int:
        """The most rows that a window should hold."""
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
    """The filter values that rows have shown; `is_noting` is set once a window had to be read again."""

    def __init__(self, resource: Resource) -> None:
        self._filters = resource.value_filters
        self._values: dict[str, set[str]] = {by.field: set() for by in self._filters}
        self.is_noting = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Note from now on which values rows show."""
        self.is_noting = bool(self._filters)

    def add(self, rows: Sequence[Row]) -> None:
        """Note the values that these rows show."""
        found = {by.field: texts_at(rows, by.path) for by in self._filters}
        with self._lock:
            for field, values in found.items():
                self._values[field] |= values

    def of(self, field: str) -> frozenset[str]:
        """The values seen for a filter's field."""
        with self._lock:
            return frozenset(self._values[field])
