"""Smaller windows of one that is too large, or does not add up: by time, and by rank where a search shows it.

Shown         what the first page of a window showed
Splitter      cuts the windows of one resource
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sources.omnium.course import Course
from sources.omnium.errors import Incomplete
from sources.omnium.paging import REACH, Connection, SearchPages
from sources.omnium.values import microseconds
from sources.omnium.window import Row, Window, cut, stamps_at, value_at

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Where halving starts when nothing tells how old the oldest row is; older rows are read all the same."""
OVERLAPS = tuple(dt.timedelta(milliseconds=step) for step in (1, 1_000, 60_000))
"""Neighbouring windows share one of these: nobody says whether the bounds belong to a window or not, nor whether
the server compares them by the millisecond. The smallest that the server is found to see counts."""
NARROWEST = 4
"""Overlaps: a window as short as this is not split."""
FEWEST = 6
"""Windows that a scroll is split into, where several are read at once: the newest is read by itself, after the rest."""

SHORTEST = dt.timedelta(seconds=10)
"""A window as short as this is not split only because it is large, where a scroll can read it: rows that share a stamp,
as those of an import do, would be read with each of its pieces."""
NEWEST = 0.25
"""Its length, in lengths of the others: nothing else is read meanwhile."""


@dataclass(frozen=True)
class Shown:
    """The server's count of a window, and the rows of its first page."""

    total: int = 0
    rows: Sequence[Row] = ()


class Splitter:
    """Cuts windows of one resource; remembers how exactly its server compares times."""

    def __init__(self, course: Course) -> None:
        self._course, self._resource = course, course.resource
        self._overlaps: dict[str, dt.timedelta] = {}
        self._has_guessed = False
        self._all_are_created = True

    def split(
        self, window: Window, shown: Shown, connection: Connection, *, is_needed: bool = True
    ) -> list[Window]:
        """Smaller windows that cover this one, oldest first; empty where no filter can split it.

        `is_needed`: it cannot be read whole. Otherwise it could, and only takes long.
        """
        shortest = dt.timedelta(0) if is_needed else SHORTEST
        by_time = self._cut_by_time(window, shown, connection, shortest) if self._resource.scrolls else []
        if by_time or not is_needed:
            # A rank would cut one piece off; these several can be read side by side.
            return by_time
        return self._cut_by_rank(window, shown, connection) or (
            self._cut_by_time(window, shown, connection, shortest)
        )

    def _cut_by_time(
        self, window: Window, shown: Shown, connection: Connection, shortest: dt.timedelta
    ) -> list[Window]:
        """Windows of the same length."""
        resource, target = self._resource, self._course.target
        fewest = FEWEST if resource.scrolls and self._course.reading.windows_at_once > 1 else 2
        count = min(64, max(fewest if shown.total > target else 2, -(-3 * shown.total // (2 * target))))
        stamps = stamps_at(shown.rows, resource.cursor)
        stamps_differ = not stamps or min(stamps) != max(stamps)
        # The oldest of the first page may be the oldest of all, unless the newest come first. Once only: where it was
        # not, each further guess would cut off another page.
        is_newest_first = stamps_differ and stamps == sorted(stamps, reverse=True)
        lowest = None if is_newest_first or self._has_guessed else min(stamps, default=None)
        self._has_guessed = self._has_guessed or not window.lower

        def cut_evenly(lowest: dt.datetime | None, low: str, high: str, is_possible: bool) -> list[Window]:
            return self._cut_evenly(
                window, count, lowest, shortest, shown, connection, low, high, is_possible
            )

        def by_cursor() -> list[Window]:
            return cut_evenly(lowest, "lower", "upper", resource.is_bounded)

        def by_creation() -> list[Window]:
            is_possible = bool(resource.created_lower) and self._all_are_created
            return cut_evenly(None, "created_lower", "created_upper", is_possible)

        return (by_cursor() or by_creation()) if stamps_differ else (by_creation() or by_cursor())

    def _cut_evenly(
        self,
        window: Window,
        count: int,
        lowest: dt.datetime | None,
        shortest: dt.timedelta,
        shown: Shown,
        connection: Connection,
        low: str,
        high: str,
        is_possible: bool,
    ) -> list[Window]:
        lower = getattr(window, low) or lowest or BEGINNING
        upper = max(getattr(window, high) or self._course.client.server_time(), lower)
        if not is_possible or upper - lower <= max(shortest, NARROWEST * OVERLAPS[0]):
            return []
        if low == "created_lower" and not self._have_all(window, low, connection):
            self._all_are_created = False
            return []
        overlap = self._overlap(shown, connection, low, high)
        # Narrower pieces than what they share would be read over and over.
        count = min(count, int((upper - lower) / (2 * overlap)))
        if upper - lower <= NARROWEST * overlap:
            return []
        length = (upper - lower) / (count - 1 + (NEWEST if count >= FEWEST else 1))
        marks = [lower + length * number for number in range(1, count)]
        return cut(window, marks, low, high, overlap)

    def _have_all(self, window: Window, low: str, connection: Connection) -> bool:
        """Whether all rows of a window can be found by that bound: one without the stamp is in none of its pieces."""
        everything = self._count(window.body(self._resource), connection)
        bounded = replace(window, **{low: getattr(window, low) or dt.datetime(1, 1, 1, tzinfo=dt.UTC)})
        return self._count(bounded.body(self._resource), connection) >= everything

    def _overlap(self, shown: Shown, connection: Connection, low: str, high: str) -> dt.timedelta:
        """How much neighbouring windows must share so that no row falls between them.

        A server that leaves the bounds out and compares whole seconds shows nothing between two milliseconds
        before a row and two behind it. So ask for a row that is there.
        """
        path = self._resource.cursor if low == "lower" else "created"
        stamps = [stamp for row in shown.rows if (stamp := microseconds(value_at(row, path))) is not None]
        for stamp in stamps[:1] if low not in self._overlaps else ():
            moment = EPOCH + dt.timedelta(milliseconds=stamp // 1_000)
            for overlap in OVERLAPS:
                around = Window(**{low: moment - overlap, high: moment + overlap})
                if self._count(around.body(self._resource), connection):
                    self._overlaps[low] = overlap
                    break
        return self._overlaps.get(low, OVERLAPS[0])

    def _cut_by_rank(self, window: Window, shown: Shown, connection: Connection) -> list[Window]:
        """Two windows, one of which holds just as many rows as a search shows.

        The last page that can be seen tells the stamp to cut at, whichever stamp the server sorts by.
        """
        resource, base = self._resource, self._course.base
        if self._course.target < REACH or not (resource.search and resource.paged) or shown.total <= REACH:
            return []
        pages = SearchPages(connection, self._course.body(window), base, self._course.executor)
        last = pages.page(REACH // resource.take - 1 + base.number)
        paths = [(resource.cursor, "lower", "upper", resource.is_bounded)]
        paths += [("created", "created_lower", "created_upper", bool(resource.created_lower))]
        for path, low, high, is_possible in paths:
            stamps = stamps_at(shown.rows, path) + stamps_at(last.rows, path)
            if not is_possible or not stamps or stamps[0] == stamps[-1]:
                continue
            # The last page in the server's order: its end that lies nearer to the first page.
            visible = stamps[-len(last.rows) :]
            if stamps in (sorted(stamps), sorted(stamps, reverse=True)):
                mark = min(visible) if stamps[0] < stamps[-1] else max(visible)
                low_end, high_end = getattr(window, low), getattr(window, high)
                overlap = self._overlap(shown, connection, low, high)
                if (not low_end or mark > low_end) and (not high_end or mark + 2 * overlap < high_end):
                    return cut(window, [mark], low, high, overlap)
        return []

    def check_nothing_is_outside(self, connection: Connection) -> None:
        """Rows without the stamp are in no window: say so, rather than leave them out silently.

        Raises Incomplete."""
        everything = self._count({}, connection)
        stamped = self._count(
            Window(lower=dt.datetime(1, 1, 1, tzinfo=dt.UTC)).body(self._resource), connection
        )
        if stamped < everything:
            raise Incomplete(
                f"{self._resource.name}: {everything - stamped:,} of {everything:,} rows carry no "
                f"{self._resource.cursor}, and are too many to be read without it"
            )

    def _count(self, bounds: Mapping[str, Any], connection: Connection) -> int:
        """The server's own count, by a search or, where there is none, by a scroll."""
        resource = self._resource
        body = {**resource.body, **bounds}
        if resource.search:
            page = {"take": 1, "page": self._course.base.number} if resource.paged else {}
            return connection.post(resource.search, {**body, **page}).total or 0
        return connection.post(resource.scroll, {**body, "take": 1}, starts_scroll=True).total or 0
