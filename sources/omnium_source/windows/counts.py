"""Whether a server's count of a window is true, or where it stops counting: found out by counting parts of the window.

A limit is the same for every count. Cut a window in two parts that cover it, each without a row that was read: where
the count of the whole is a limit that hides rows, both parts together hold more than that, or one of them stands at the
limit itself. So the sum is a proof, whatever the server's bounds include and however many rows share a stamp.

Verdict     what became of the doubt
CountProof  a count that may be a limit, and what was read of its window: asks
counts_further  whether the server counts further anywhere
StampCheck  looks for rows that no window by time holds
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from omnium_source.errors import GaveUp, Incomplete, Refused, ScrollLost, TooLarge, Unstamped
from omnium_source.http.paginators import REACH, Connection, Page, Scroll, read_page
from omnium_source.http.traffic import Budget
from omnium_source.resources import RESOURCES
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.splitter import CREATION, NARROWEST_OVERLAPS, OVERLAPS, Axis, Splitter
from omnium_source.windows.window import EARLIEST, LATEST, Row, Window, key_of, stamps_at

MOST_SECONDS = 20.0
"""To ask one resource for its count, where another one's is in doubt."""


class Verdict(Enum):
    """What was found out about a count."""

    TRUE = "the window holds just as many rows"
    LIMIT = "the window holds more, and the server counts no further"
    UNSTAMPED = "all rows with a stamp are there; of those without one nobody can tell"
    UNKNOWN = "nothing of this endpoint tells the rows apart"


@dataclass(frozen=True)
class Span:
    """The oldest and the newest stamp of the rows that were read, and how many have none."""

    first: dt.datetime
    last: dt.datetime
    missing: int = 0

    @property
    def length(self) -> dt.timedelta:
        """From one to the other."""
        return self.last - self.first


@dataclass(frozen=True)
class CountProof:
    """Finds out about one count that may be a limit: the `total` of a `window`.

    `path`: what was asked for it, with `body`. `spans` by the stamps' paths. `is_new`: whether a page shows rows that
    were not read. `rows`: of the first page.
    """

    run: ResourceRun
    splitter: Splitter
    connection: Connection
    window: Window
    total: int
    path: str
    body: Mapping[str, Any]
    spans: Mapping[str, Span]
    is_new: Callable[[Page], bool]
    rows: Sequence[Row]

    def verdict(self) -> Verdict:
        """Whether the count is true. Two requests for nearly every window, and only where the count is doubtful.

        Raises Incomplete where the count changes meanwhile.
        """
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
        span = self.spans.get(axis.path)
        if span is None:  # none of the rows that were read has this stamp, or none was asked to show it
            if self.body:
                return Verdict.UNKNOWN
            stamped = self._page(axis, EARLIEST, None)
            return Verdict.LIMIT if stamped and self.is_new(stamped) else Verdict.UNKNOWN
        # The widest is known without a request, and parts that are so far apart share no row on any server.
        overlap, is_wide = OVERLAPS[-1], span.length > 4 * OVERLAPS[-1]
        if not is_wide:
            overlap = self.splitter.overlap(self.rows, axis, self.connection)
        if span.length <= 4 * overlap:
            return self._outside(axis, span)
        middle = span.first + span.length / 2
        low, high = middle - overlap, middle + overlap
        older = self._ask(axis, None, high)
        younger = self._ask(axis, low, None)
        is_all_in_one = max(older, younger) >= self.total
        if is_all_in_one and is_wide:
            return Verdict.LIMIT  # as that part lacks rows that were read
        together = older + younger
        if together > self.total:
            together -= self._ask(axis, low, high)
        if together > self.total:
            return Verdict.LIMIT
        if is_all_in_one:  # or the server compares no more finely than the rows lie apart
            return self._outside(axis, span)
        if together == self.total:
            return Verdict.TRUE
        return Verdict.UNSTAMPED if span.missing else Verdict.UNKNOWN

    def _outside(self, axis: Axis, span: Span) -> Verdict:
        """Whether rows are seen that are older, or younger, than all that were read, which lie close together.

        How close to them a bound may be nobody knows: a server that compares by the minute shows what was read, again.
        """
        for margin in (2 * overlap for overlap in OVERLAPS):
            sides = (None, span.first - margin), (span.last + margin, None)
            shown = [page for low, high in sides if (page := self._page(axis, low, high))]
            if any(self.is_new(page) for page in shown):
                return Verdict.LIMIT
            if not any(page.count for page in shown):
                break
        return Verdict.UNKNOWN

    def _part(self, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> Window | None:
        """The window between two moments, None for no bound of its own; None where there is no such window."""
        given = {axis.low: low, axis.high: high}
        part = replace(self.window, **{name: value for name, value in given.items() if value})
        lower, upper = getattr(part, axis.low), getattr(part, axis.high)
        return None if lower and upper and lower > upper else part

    def _ask(self, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> int:
        part = self._part(axis, low, high)
        return self._count(part) if part else 0

    def _page(self, axis: Axis, low: dt.datetime | None, high: dt.datetime | None) -> Page | None:
        """The first page of a part."""
        post, resource = self.connection.post, self.run.resource
        part = self._part(axis, low, high)
        if part is None:
            return None
        if self.path != resource.search:
            body = self.run.body(part, self.body, scroll=True)
            return post(self.path, {**body, "take": resource.scroll_take}, starts_scroll=True)
        page = {"take": resource.take, "page": self.run.server.base.number} if resource.paged else {}
        return post(self.path, {**self.run.body(part, self.body), **page})

    def _confirmed(self, axis: Axis) -> Verdict:
        """LIMIT, unless rows came meanwhile, or the server heeds no bounds. Raises Incomplete: rows went."""
        now = self._count(self.window)
        if now > self.total:
            return Verdict.TRUE  # no limit counts further; whether all rows are there the next count tells
        if now < self.total:
            text = f"its count went from {self.total} to {now} while it was looked at"
            raise Incomplete(f"{self.run.resource.name}: {text}")
        never = replace(self.window, **{axis.low: LATEST, axis.high: None})
        return Verdict.LIMIT if self._count(never) < self.total else Verdict.UNKNOWN

    def _count(self, window: Window) -> int:
        bounds = {**self.body, **window.body(self.run.resource)}
        return self.splitter.count_by(self.path, bounds, self.connection)


LIKELY_LARGE = ("orders", "event_log", "private_customers", "purchase_orders")
"""Resources that are large in most tenants, each under a role of its own."""


def counts_further(run: ResourceRun, connection: Connection, count: int) -> bool:
    """Whether the server counts further than this in any resource: one index, one limit.

    That is no proof, as each resource could have a limit of its own. It has to do for rows of which nothing but the
    count of the whole tells: those without a stamp, in a table of a hundred rows or two. Costs a request or a few.
    """
    client = run.client
    for resource in (RESOURCES[name] for name in LIKELY_LARGE):
        if client.most_counted > count or resource.name in client.asked_for_counts:
            continue
        client.asked_for_counts.add(resource.name)
        with suppress(Refused, GaveUp, TooLarge):
            page = client.post(
                resource.search,
                {**resource.body, "take": 1, "page": resource.page_base},
                what=resource.name,
                role=resource.role,
                budget=Budget(MOST_SECONDS),
                traffic=connection.traffic,
                read=read_page,
            )
            client.most_counted = max(client.most_counted, page.total or 0)
    return client.most_counted > count


class StampCheck:
    """Looks for rows that no window by time holds."""

    def __init__(self, run: ResourceRun, splitter: Splitter, connection: Connection) -> None:
        self._run, self._splitter, self._connection = run, splitter, connection
        self._sample: Sequence[Row] = ()

    @property
    def path(self) -> str:
        """Where the stamp stands in a row."""
        resource = self._run.resource
        return resource.cursor if resource.is_bounded else CREATION.path

    def pages_without(self, missing: int | None = None, *, is_again: bool = False) -> list[Page]:
        """The pages that show rows without the stamp, until `missing` of them were seen.

        `is_again`: an earlier run has looked everywhere, so only where new ones would stand is looked.
        """
        found: list[Page] = []
        keys: set[str] = set()
        for page in self._looked_at(is_countable=missing is not None, is_again=is_again):
            self._sample = self._sample or page.rows
            keys_here = {key_of(self._run.resource, row) for row in self._without(page)} - keys
            if keys_here:
                keys |= keys_here
                found.append(page)
            if missing is not None and len(keys) >= missing:
                break
        return found

    def stops_counting_at(self) -> int | None:
        """The count of everything, where pages show more rows than that, so that it is a limit; else None."""
        resource = self._run.resource
        if not resource.search or not resource.paged:
            return None
        everything = self._splitter.count(Window(), self._connection)
        number = (
            everything // resource.take
        )  # of the page on which the first row beyond the count would stand
        page = self._run.server.base.number + number
        if resource.take * page > REACH:
            return None
        asked = {**resource.body, "take": resource.take, "page": page}
        shown = self._connection.post(resource.search, asked).count
        is_beyond = shown > everything - number * resource.take
        # A row that came meanwhile is no row beyond the count.
        return (
            everything
            if is_beyond and self._splitter.count(Window(), self._connection) == everything
            else None
        )

    def count_on(self, pages: Sequence[Page]) -> int:
        """How many different rows without the stamp these pages show."""
        return len({key_of(self._run.resource, row) for page in pages for row in self._without(page)})

    def check_counts_go_beyond(self, limit: int | None) -> None:
        """Raises Unstamped where counts still say nothing of rows that an earlier read could not count."""
        if not limit:
            return
        resource, everything = self._run.resource, self._splitter.count(Window(), self._connection)
        path = resource.search or resource.scroll
        is_doubtful = self._run.server.is_doubtful(path, everything, is_least=False, limits={limit})
        if everything <= limit or is_doubtful:
            raise Unstamped(
                f"{resource.name}: an earlier read could not tell whether rows without a stamp are missing, as the "
                f"server's counts stop at {limit:,}; once it counts further, `omnium-elt load --full-refresh "
                f"--resources {resource.name}` reads all anew",
                limit=limit,
            )

    def check_all_have_a_stamp(self, pages: Sequence[Page]) -> None:
        """Raises Unstamped where rows may be in none of the windows that were cut for a limit: they lack the stamp.

        None of the rows that can be seen, on `pages_without`, may lack it. What cannot be seen is counted by creation;
        where there is no filter for that, a server that shows fewer rows than its API promises has no proof.
        """
        resource, limit, path = self._run.resource, self._run.server.limit, self.path
        if pages:
            raise Unstamped(
                f"{resource.name}: rows carry no {path}, and where the server's counts stop nobody "
                "knows how many they are: those that it shows are loaded; ask whoever runs the server to let it "
                "count further",
                limit=limit,
            )
        if self._run.server.hides and limit is not None and limit < REACH:
            raise Unstamped(
                f"{resource.name}: the server neither counts nor shows more than {limit:,} rows at a time. All with a "
                f"{path} were read, and are loaded; whether there are others nobody can tell: ask whoever runs the "
                "server to let it count further",
                limit=limit,
            )
        if resource.created_lower and path != CREATION.path:
            self._check_by_creation()

    def _without(self, page: Page) -> list[Row]:
        return [row for row in page.rows if not stamps_at([row], self.path)]

    def _looked_at(self, *, is_countable: bool, is_again: bool) -> Iterator[Page]:
        """Pages on which rows without the stamp would be.

        Both ends of the order by it, all that a search shows, and, where it is known that some are missing, one scroll
        through everything.
        """
        resource = self._run.resource
        for order in ("Ascending", "Descending") if resource.search and resource.sort else ():
            for page in self._pages({"sortOrder": f"{resource.sort}{order}"}):
                yield page
                if len(self._without(page)) < page.count:
                    break  # behind a row with a stamp others have one, too
        if is_again and resource.search:
            return
        if resource.search:
            yield from self._pages({})
        if resource.scroll and (is_countable or not resource.search):
            scroll = Scroll(self._connection, self._run.body(Window(), scroll=True))
            first = scroll.first()
            yield first
            with suppress(ScrollLost):  # what it did not show is told as missing
                yield from scroll.rest(first)

    def _pages(self, body: Mapping[str, Any]) -> Iterator[Page]:
        """All pages of a search that can be seen."""
        resource, base, size = self._run.resource, self._run.server.base.number, 0
        for number in range(base, base + REACH // resource.take):
            page = {"take": size or resource.take, "page": number} if resource.paged else {}
            found = self._connection.post(resource.search, {**resource.body, **body, **page})
            yield found
            size = size or found.count  # its pages may be smaller than was asked for
            if not resource.paged or not size or found.count < size:
                return

    def _check_by_creation(self) -> None:
        """Raises Incomplete where rows that were created at some time have no stamp of change, or cannot be counted."""
        resource = self._run.resource
        created = Window(created_lower=EARLIEST, created_upper=LATEST)
        stamped = replace(created, lower=EARLIEST)
        overlap = self._splitter.overlap(self._sample, CREATION, self._connection)
        counts = [self._counted_in_parts(window, overlap) for window in (created, stamped)]
        if None in counts or counts[0] != counts[1]:
            by_creation, by_both = (
                "more than can be counted" if one is None else f"{one:,}" for one in counts
            )
            raise Unstamped(
                f"{resource.name}: the server's counts stop at a limit, and of {by_creation} rows with a time of "
                f"creation {by_both} have a {resource.cursor}: the others may be missing",
                limit=self._run.server.limit,
            )

    def _counted_in_parts(self, window: Window, overlap: dt.timedelta) -> int | None:
        """How many rows a window by creation holds, counted in parts that are below the limit; None: some are not.

        Cut in the middle: nearly all of what is empty takes a request for each halving of ten thousand years.
        """
        count = self._splitter.count(window, self._connection)
        if not self._run.server.is_at_limit(count):
            return count
        low, high = window.created_lower or EARLIEST, window.created_upper or LATEST
        if high - low <= NARROWEST_OVERLAPS * overlap:
            return None
        middle = low + (high - low) / 2
        total = 0
        for sign, part in (
            (1, replace(window, created_upper=middle + overlap)),
            (1, replace(window, created_lower=middle - overlap)),
            (-1, replace(window, created_lower=middle - overlap, created_upper=middle + overlap)),
        ):
            rows = self._counted_in_parts(part, overlap)
            if rows is None:
                return None
            total += sign * rows
        return total
