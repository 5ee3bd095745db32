"""Cuts a window that is too large, or whose counts do not match: by time, or by rank where a search shows it.

Shown         what the first page of a window showed
Splitter      cuts the windows of one resource
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from omnium_source.http.paginators import REACH, Connection
from omnium_source.normalize.columns import microseconds
from omnium_source.pages import Page
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import EARLIEST, EPOCH, LATEST, Row, Window, cut, stamps_at, value_at

BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Where cutting starts if nothing shows how old the oldest row is; the first part stays open for older rows."""
OVERLAPS = tuple(dt.timedelta(milliseconds=step) for step in (1, 1_000, 60_000))
"""How much neighbouring windows may overlap. The API description says neither whether windows include their bounds nor
how finely a server compares times, so the smallest overlap is used in which the server shows a row that is known to
exist."""
NARROWEST_OVERLAPS = 4
"""A window no longer than this many overlaps is not cut."""
FEWEST_PARTS = 6
"""The fewest parts of a scroll if several are read at once: the newest is read alone, after the others."""
SHORTEST_CUT = dt.timedelta(seconds=10)
"""A window no longer than this is not cut only for its size: rows that share a stamp, such as those of an import, would
be read with each of its parts."""
ZONES = dt.timedelta(days=1)
"""How far a stamp may lie from the time that the server takes it for, if one of the two has no time zone."""
FIRST_STAMP = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""What .NET writes for a date that was never set; it counts as a stamp."""
NEWEST_SHARE = 0.25
"""Length of the newest part relative to the others: it is short, because nothing else is read meanwhile."""


@dataclass(frozen=True)
class Shown:
    """The server's count of a window and its first page, whose rows are decoded only if they are used."""

    total: int = 0
    page: Page | None = None

    @property
    def count(self) -> int:
        """The number of rows on the page."""
        return self.page.count - self.page.no_rows if self.page else 0

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of the page."""
        return self.page.rows if self.page else ()


@dataclass(frozen=True)
class Axis:
    """Two bounds of a window, and the path of the stamp that they bound."""

    low: str
    high: str
    path: str


CREATION = Axis("created_lower", "created_upper", "created")


@dataclass(frozen=True)
class _Asked:
    """A window to cut, unless it is no longer than `shortest`."""

    window: Window
    shown: Shown
    connection: Connection
    shortest: dt.timedelta


class Splitter:
    """Cuts windows of one resource; remembers how finely its server compares times.

    One class, as each way of cutting needs what the others found out about the server.
    """

    def __init__(self, run: ResourceRun) -> None:
        self.run, self._resource = run, run.resource
        self._cursor = Axis("lower", "upper", run.resource.cursor)
        self.axes = [self._cursor] if run.resource.is_bounded else []
        self.axes += [CREATION] if run.resource.created_lower else []
        self._overlaps: dict[str, dt.timedelta] = {}
        self._windows_showing: dict[int, list[Window]] = {}
        """The windows that were to be cut, by a hash of the rows that their first page showed."""
        self._has_guessed = False

    def split(
        self, window: Window, shown: Shown, connection: Connection, *, is_needed: bool = True
    ) -> list[Window]:
        """Smaller windows that cover this one, oldest first; empty if no filter can split it.

        `is_needed`: the window cannot be read at once; otherwise it can, but that takes long.
        """
        asked = _Asked(window, shown, connection, dt.timedelta(0) if is_needed else SHORTEST_CUT)
        if not self._heeds_bounds(asked):
            return []  # the server ignores bounds: each part would show everything again
        by_time = self._cut_by_time(asked) if self._resource.scrolls else []
        if by_time or not is_needed:
            # A cut by rank splits off one part; several parts by time can be read side by side.
            return by_time
        return self._cut_by_rank(asked) or self._cut_by_time(asked)

    def _heeds_bounds(self, asked: _Asked) -> bool:
        """Whether the server heeds bounds, as far as can be seen.

        It does not if a row lies outside its window by more than time zones explain, or if two windows that share no
        moment show the same first page.
        """
        for axis in self.axes:
            lower, upper = getattr(asked.window, axis.low), getattr(asked.window, axis.high)
            for stamp in self._stamps(asked, axis) if lower or upper else ():
                if (lower and lower - stamp > ZONES) or (upper and stamp - upper > ZONES):
                    return False
        shown = repr(asked.shown.rows)
        others = self._windows_showing.setdefault(hash(shown), []) if asked.shown.rows else []
        others.append(asked.window)
        return not any(_are_apart(asked.window, other) for other in others)

    def _cut_by_time(self, asked: _Asked) -> list[Window]:
        """Windows of the same length, of which the newest may be shorter."""
        total, target = asked.shown.total, self.run.largest_window
        stamps = self._stamps(asked, self._cursor)
        is_side_by_side = self._resource.scrolls and self.run.reading.windows_at_once > 1
        fewest = FEWEST_PARTS if is_side_by_side and total > target else 2
        count = min(64, max(fewest, -(-3 * total // (2 * target))))
        stamps_differ = not stamps or min(stamps) != max(stamps)
        # The oldest row of the first page may be the oldest of all, unless the newest come first. That is
        # assumed only once: after a wrong guess, each further one would cut off just another page.
        is_newest_first = stamps_differ and stamps == sorted(stamps, reverse=True)
        oldest = None if is_newest_first or self._has_guessed else min(stamps, default=None)
        self._has_guessed = self._has_guessed or not asked.window.lower
        for axis in self.axes if stamps_differ else self.axes[::-1]:
            if parts := self._cut_evenly(asked, axis, count, oldest if axis is self._cursor else None):
                return parts
        return []

    def _cut_evenly(self, asked: _Asked, axis: Axis, count: int, oldest: dt.datetime | None) -> list[Window]:
        lower = getattr(asked.window, axis.low) or oldest or BEGINNING
        upper = max(getattr(asked.window, axis.high) or self.run.client.server_time(), lower)
        length = upper - lower
        if length <= max(asked.shortest, NARROWEST_OVERLAPS * OVERLAPS[0]) or not self._finds_all(
            asked, axis
        ):
            return []
        overlap = self.overlap(asked.shown.rows, axis, asked.connection)
        if length <= NARROWEST_OVERLAPS * overlap:
            return []
        # Windows that are narrower than their overlap would be read over and over.
        count = min(count, int(length / (2 * overlap)))
        step = length / (count - 1 + (NEWEST_SHARE if count >= FEWEST_PARTS else 1))
        marks = [lower + step * number for number in range(1, count)]
        return cut(asked.window, marks, axis.low, axis.high, overlap)

    def _cut_by_rank(self, asked: _Asked) -> list[Window]:
        """Two windows, one of which holds as many rows as a search shows.

        The last page that can be seen gives the stamp to cut at, whichever stamp the server sorts by.
        """
        resource, window = self._resource, asked.window
        can_page = resource.search and resource.paged
        if self.run.largest_window < REACH or not can_page or asked.shown.total < REACH:
            return []
        number = REACH // resource.take - 1 + asked.connection.learned.page_base
        last = asked.connection.page(self.run.body(window), number)
        for axis in self.axes:
            stamps = self._stamps(asked, axis) + stamps_at(last.rows, axis.path)
            if not stamps or stamps[0] == stamps[-1]:
                continue
            # Cut at the stamp of the last page that is nearest to the first page.
            visible = stamps[-len(last.rows) :]
            if stamps in (sorted(stamps), sorted(stamps, reverse=True)) and self._finds_all(asked, axis):
                mark = min(visible) if stamps[0] < stamps[-1] else max(visible)
                low_end, high_end = getattr(window, axis.low), getattr(window, axis.high)
                overlap = self.overlap(asked.shown.rows, axis, asked.connection)
                if (not low_end or mark > low_end) and (not high_end or mark + 2 * overlap < high_end):
                    return cut(window, [mark], axis.low, axis.high, overlap)
        return []

    def _stamps(self, asked: _Asked, axis: Axis) -> list[dt.datetime]:
        return stamps_at(asked.shown.rows, axis.path)

    def _finds_all(self, asked: _Asked, axis: Axis) -> bool:
        """Whether bounds on creation find all rows of a window: a row without that stamp would be in none of its parts.

        Rows that bounds on the cursor do not find are only in the window without bounds (`stamps.py`).
        """
        if axis is not CREATION:
            return True
        if axis in self.axes:
            window = asked.window
            first = replace(window, created_lower=window.created_lower or FIRST_STAMP)
            everything = self.run.count(window, asked.connection)
            if (
                self.run.server.is_at_limit(everything)
                or self.run.count(first, asked.connection) < everything
            ):
                self.axes = [other for other in self.axes if other is not CREATION]
        return axis in self.axes

    def overlap(self, rows: Sequence[Row], axis: Axis, connection: Connection) -> dt.timedelta:
        """How much neighbouring windows must share so that no row falls between them.

        A server that excludes the bounds and compares whole seconds shows nothing between a millisecond before a row
        and a millisecond after it. So the server is asked for a row that is known to exist.
        """
        values = [microseconds(value_at(row, axis.path)) for row in rows]
        moments = [EPOCH + dt.timedelta(milliseconds=stamp // 1_000) for stamp in values if stamp is not None]
        possible = [moment for moment in moments if EARLIEST < moment < LATEST]
        for moment in possible[:1] if axis.low not in self._overlaps else ():
            for overlap in OVERLAPS:
                around = Window(**{axis.low: moment - overlap, axis.high: moment + overlap})
                if self.run.count(around, connection):
                    self._overlaps[axis.low] = overlap
                    break
        return self._overlaps.get(axis.low, OVERLAPS[0])


def _are_apart(one: Window, other: Window) -> bool:
    """Whether two windows share no moment."""
    bounds = ((one.lower, other.upper), (other.lower, one.upper))
    created = ((one.created_lower, other.created_upper), (other.created_lower, one.created_upper))
    return any(lower and upper and lower > upper for lower, upper in (*bounds, *created))
