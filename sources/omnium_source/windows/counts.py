"""Finds out whether a server's count of a window is true or the limit of its counts, by counting parts of the window.

A limit is the same for every count. Cut a window into two parts that cover it, each lacking some row that was read. If
the window's count is a limit that hides rows, both parts together count more than that, or one of them stands at the
limit itself. So the sum is a proof, whatever the server's bounds include and however many rows share a stamp.

Verdict     what was found out about the count
CountProof  examines one count that may be a limit
"""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from omnium_source.errors import GaveUp, Incomplete, Refused, TooLarge
from omnium_source.http.paginators import Connection, Learned
from omnium_source.http.traffic import Budget
from omnium_source.pages import Page
from omnium_source.resources import RESOURCES
from omnium_source.windows.gathered import Gathered
from omnium_source.windows.splitter import CREATION, OVERLAPS, Axis, Shown, Splitter
from omnium_source.windows.window import EARLIEST, LATEST, Window, moment_at, stamps_at

MOST_SECONDS = 20.0
"""How long one other resource may be asked for its count, when a count is in doubt."""
LIKELY_LIMIT = 1_000
"""Rows. An unproved count that is a multiple of this is reported; smaller limits are unlikely."""
LIKELY_LARGE = ("orders", "event_log", "private_customers", "purchase_orders")
"""Resources that are large in most tenants, each with a role of its own."""


class Verdict(Enum):
    """What was found out about a count."""

    TRUE = "the window holds just as many rows"
    LIMIT = "the window holds more, and the server counts no further"
    UNSTAMPED = "all rows with a stamp are there; of those without one nobody can tell"
    UNKNOWN = "nothing of this endpoint tells the rows apart"


@dataclass(frozen=True)
class Span:
    """The oldest and the newest stamp of the rows that were read, and how many rows have none."""

    first: dt.datetime
    last: dt.datetime
    missing: int = 0

    @property
    def length(self) -> dt.timedelta:
        """The time between the two."""
        return self.last - self.first


@dataclass(frozen=True)
class CountProof:
    """Examines one count that may be a limit: that of the window of `rows`.

    `shown`: the count and the first page. `path` showed the rows; `counted_by` is the path asked for counts.
    `is_least`: the server says that its count is only a lower bound.
    """

    rows: Gathered
    splitter: Splitter
    shown: Shown
    path: str
    counted_by: str
    is_least: bool

    def hides_rows(self) -> bool:
        """Whether the count is a limit that hides rows, which is noted; else `rows.unproved` says what is not sure.

        Takes two requests for nearly every window; call it only for a doubtful count. Raises Incomplete if the count
        changes meanwhile.
        """
        run, verdict, total = self.rows.run, self._verdict(), self.shown.total
        if verdict is Verdict.LIMIT or (verdict is not Verdict.TRUE and self._is_suspicious()):
            run.note_limit(total)
            run.server.hides.add(self.path)
            run.client.count_limits.add(total)
            return True
        if verdict is not Verdict.TRUE or self.rows.count < total:
            self.rows.unproved = self._why_unproved(verdict)
        return False

    def _verdict(self) -> Verdict:
        found = Verdict.UNKNOWN
        for axis in self.splitter.axes:
            by_axis = self._by_time(axis)
            if by_axis is Verdict.LIMIT:
                by_axis = self._confirmed(axis)
            if by_axis in (Verdict.TRUE, Verdict.LIMIT):
                return by_axis
            found = by_axis if by_axis is Verdict.UNSTAMPED else found
        return found

    def _by_time(self, axis: Axis) -> Verdict:
        span = self._span(axis.path)
        if span is None:  # no row that was read has this stamp, or no request showed it
            if self.rows.query.body:
                return Verdict.UNKNOWN
            stamped = self._page(axis, EARLIEST, None)
            return Verdict.LIMIT if stamped and self._is_new(stamped) else Verdict.UNKNOWN
        # The widest overlap suits any server, and no request is needed to find that out. In a span this long,
        # each part still lacks some row that was read.
        overlap, is_wide = OVERLAPS[-1], span.length > 4 * OVERLAPS[-1]
        if not is_wide:
            overlap = self.splitter.overlap(self.shown.rows, axis, self.rows.connection)
        if span.length <= 4 * overlap:
            return self._outside(axis, span)
        middle = span.first + span.length / 2
        low, high = middle - overlap, middle + overlap
        older = self._ask(axis, None, high)
        younger = self._ask(axis, low, None)
        is_all_in_one = max(older, younger) >= self.shown.total
        if is_all_in_one and is_wide:
            return Verdict.LIMIT  # that part lacks rows that were read, and counts as many
        together = older + younger
        if together > self.shown.total:
            together -= self._ask(axis, low, high)
        if together > self.shown.total:
            return Verdict.LIMIT
        if is_all_in_one:  # or the server compares too coarsely to tell the rows apart
            return self._outside(axis, span)
        if together == self.shown.total:
            return Verdict.TRUE
        return Verdict.UNSTAMPED if span.missing else Verdict.UNKNOWN

    def _outside(self, axis: Axis, span: Span) -> Verdict:
        """Whether the server shows rows that are older or newer than all that were read, which lie close together.

        A server that compares by the minute shows the rows that were read again if a bound is too close to them. So the
        margin grows until no row comes.
        """
        for margin in (2 * overlap for overlap in OVERLAPS):
            sides = (None, span.first - margin), (span.last + margin, None)
            shown = [page for low, high in sides if (page := self._page(axis, low, high))]
            if any(self._is_new(page) for page in shown):
                return Verdict.LIMIT
            if not any(page.count for page in shown):
                break
        return Verdict.UNKNOWN

    def _ask(self, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> int:
        part = _part(self.rows.window, axis, low, high)
        return self._count(part) if part else 0

    def _page(self, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> Page | None:
        """The first page of a part, None if the part is empty."""
        run, more = self.rows.run, self.rows.query.body
        part = _part(self.rows.window, axis, low, high)
        if part is None:
            return None
        if self.counted_by == run.resource.search:
            return self.rows.connection.page(run.body(part, more))
        body = {**run.body(part, more, scroll=True), "take": run.resource.scroll_take}
        return self.rows.connection.post(self.counted_by, body, starts_scroll=True)

    def _confirmed(self, axis: Axis) -> Verdict:
        """LIMIT, unless rows were added meanwhile or the server ignores bounds. Raises Incomplete if rows are gone."""
        now = self._count(self.rows.window)
        if now > self.shown.total:
            return Verdict.TRUE  # a limit would not rise; the next count shows whether all rows are there
        if now < self.shown.total:
            text = f"its count went from {self.shown.total} to {now} while it was looked at"
            raise Incomplete(f"{self.rows.run.resource.name}: {text}")
        never = replace(self.rows.window, **{axis.low: LATEST, axis.high: None})
        return Verdict.LIMIT if self._count(never) < self.shown.total else Verdict.UNKNOWN

    def _count(self, window: Window) -> int:
        return self.rows.run.count(window, self.rows.connection, self.rows.query.body, self.counted_by)

    def _span(self, path: str) -> Span | None:
        """Between which stamps the rows lie that came, or those of the first page if only keys came."""
        if path in self.rows.stamps:
            first, last, missing = self.rows.stamps[path]
            return Span(moment_at(first), moment_at(last), missing) if first <= last else None
        stamps = stamps_at(self.shown.rows, path)
        return Span(min(stamps), max(stamps)) if stamps else None

    def _is_new(self, page: Page) -> bool:
        """Whether a page shows rows that were not read or, if none was read yet, that are not on the first page."""
        keys_of, first = self.rows.run.normalizer.keys_of, self.shown.page
        known = self.rows.keys or set(keys_of([first] if first else []))
        return not known.issuperset(keys_of([page]))

    def _is_suspicious(self) -> bool:
        """Whether something else suggests hidden rows: another resource's limit, or the other end of the order."""
        run, resource = self.rows.run, self.rows.run.resource
        if self.shown.total in run.client.count_limits:
            return True
        span = self._span("modified" if resource.sort == "Modified" else CREATION.path)
        can_be_sorted = (
            resource.sort and resource.search and resource.paged and span and span.first < span.last
        )
        if not can_be_sorted or not self.rows.keys:
            return False
        body = run.body(self.rows.window, self.rows.query.body)
        page = self.rows.connection.page({**body, "sortOrder": f"{resource.sort}Descending"})
        return page.total == self.shown.total and self._is_new(page)

    def _why_unproved(self, verdict: Verdict) -> str:
        """The message for a count that nothing proves; empty if a limit is unlikely."""
        resource, total = self.rows.run.resource, self.shown.total
        is_even, is_unstamped = total % LIKELY_LIMIT == 0, verdict is Verdict.UNSTAMPED
        if (
            is_unstamped
            and self.rows.window.is_unbounded
            and (is_even or not _counts_further(self.rows, total))
        ):
            what = f"rows carry no {resource.cursor}"
        elif self.rows.keys and self.rows.count < total:
            what = "some elements are no objects or come twice, and may stand for rows"
        elif self.is_least:
            what = "it calls this the least there are"
        elif self.path == resource.search and resource.paged and is_even:
            what = "nothing tells its rows apart by time"
        else:
            return ""
        return self.rows.says(
            f"{total:,} came, as many as the server counts; it may count no further, and as {what}, nobody can "
            "tell. They are loaded. Ask whoever runs the server whether there are more"
        )


def _part(window: Window, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> Window | None:
    """The window between two moments, None for a bound that stays as it is; None if no such window exists."""
    given = {axis.low: low, axis.high: high}
    part = replace(window, **{name: value for name, value in given.items() if value})
    lower, upper = getattr(part, axis.low), getattr(part, axis.high)
    return None if lower and upper and lower > upper else part


def _counts_further(rows: Gathered, count: int) -> bool:
    """Whether the server counts further than `count` in any resource: one index, one limit.

    That does not prove it, because each resource could have a limit of its own. It has to suffice for rows that only
    the total count reveals: those without a stamp, in a table of a hundred or two hundred rows. Takes at most one
    request for each of `LIKELY_LARGE`.
    """
    client = rows.run.client
    for resource in (RESOURCES[name] for name in LIKELY_LARGE):
        if client.most_counted > count or resource.name in client.asked_for_counts:
            continue
        client.asked_for_counts.add(resource.name)
        of_it = Connection(
            client, resource, rows.connection.traffic, Budget(MOST_SECONDS), Learned.of(resource)
        )
        with suppress(Refused, GaveUp, TooLarge):
            page = of_it.page(resource.body, take=1)
            client.most_counted = max(client.most_counted, page.total or 0)
    return client.most_counted > count
