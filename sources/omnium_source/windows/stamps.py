"""Finds rows without the stamp that bounds windows: no part of a window holds them.

StampCheck  looks for them
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from omnium_source.errors import ScrollLost, Unstamped
from omnium_source.http.paginators import REACH, Connection, Scroll
from omnium_source.pages import Page
from omnium_source.windows.gathered import Gathered, Query
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.splitter import CREATION, FIRST_STAMP, NARROWEST_OVERLAPS, Splitter
from omnium_source.windows.window import EARLIEST, LATEST, Row, Window, key_of, stamps_at

COUNTS_OF_ALL = 3
"""The most times that rows with a stamp and then all rows are counted, until two totals in a row agree."""


class StampCheck:
    """Looks for rows that no window by time holds."""

    def __init__(self, splitter: Splitter) -> None:
        self._run, self._splitter, self._connection = splitter.run, splitter, splitter.run.connection()
        self._sample: Sequence[Row] = ()

    @property
    def path(self) -> str:
        """The path of the stamp in a row."""
        resource = self._run.resource
        return resource.cursor if resource.is_bounded else CREATION.path

    def pages_without(self, missing: int | None = None, *, is_again: bool = False) -> list[Page]:
        """The pages that show rows without the stamp, until `missing` such rows were seen.

        `is_again`: an earlier run has looked everywhere, so only the places where new ones would appear are searched.
        """
        found: list[Page] = []
        keys: set[str] = set()
        for page in self._looked_at(is_countable=missing is not None, is_again=is_again):
            self._sample = self._sample or page.rows
            if here := self._keys_without([page]) - keys:
                keys |= here
                found.append(page)
            if missing is not None and len(keys) >= missing:
                break
        return found

    def rows_without(self, query: Query, *, is_countable: bool) -> Iterator[Gathered]:
        """Yield rows that no part of a window holds because they lack the stamp. Raises Unstamped if some are left.

        A search shows them at one end of the order by that stamp, or among the rows that it shows without a filter.
        """
        run = self._run
        limit = _stops_counting_at(run, self._connection) if is_countable and not query.missing else None
        if limit is not None:
            # A read that was disturbed may not have revealed it.
            run.note_limit(limit)
            is_countable = False
        missing, among = self.count_outside() if is_countable else (None, None)
        if among is not None and among < query.fewest:
            raise Unstamped(
                f"{run.resource.name}: an earlier read could not show {query.missing:,} rows without {self.path}, "
                f"and the server now counts {among:,} at all; where that is true, `omnium-elt load --full-refresh "
                f"--resources {run.resource.name}` reads them anew",
                missing=query.missing,
                of=query.of,
                among=query.among,
            )
        if missing == 0:
            return
        pages = self.pages_without(missing, is_again=bool(query.missing))
        if pages:
            rows = Gathered(run, Window(), Query(note=query.note), self._connection, can_come_twice=True)
            for page in pages:
                rows.add(page)
            rows.finish_batches()
            rows.total = rows.count
            yield rows
        if missing is None:
            self.check_all_have_a_stamp(pages)
            return
        left = missing - len(self._keys_without(pages))
        if left > 0:
            if missing == query.of and query.missing:
                left = min(left, query.missing)  # the others came with the first read
            raise Unstamped(
                f"{run.resource.name}: {missing:,} rows carry no {self.path}, and {left:,} of them stand on none of "
                "the pages that the server shows; all others are loaded",
                missing=left,
                of=missing,
                among=among,
            )

    def count_outside(self) -> tuple[int, int]:
        """How many rows no window holds because they lack the stamp, and how many rows there are in total.

        If rows come and go meanwhile, the first number is too large rather than too small.
        """
        everything, dated = Window(), Window(lower=FIRST_STAMP)
        before, most = self._run.count(everything, self._connection), 0
        for _ in range(COUNTS_OF_ALL):
            stamped = self._run.count(dated, self._connection)
            after = self._run.count(everything, self._connection)
            if after == before:
                return max(0, after - stamped), after
            before, most = after, max(most, before - stamped, after - stamped)
        return most, before

    def _keys_without(self, pages: Sequence[Page]) -> set[str]:
        """The keys of the rows on these pages that lack the stamp."""
        return {key_of(self._run.resource, row) for page in pages for row in self._without(page)}

    def check_counts_go_beyond(self, limit: int | None) -> None:
        """Raise Unstamped if the server still counts no further than when an earlier read could not count rows."""
        if not limit:
            return
        resource, everything = self._run.resource, self._run.count(Window(), self._connection)
        path = resource.search or resource.scroll
        is_doubtful = self._run.server.is_doubtful(path, everything)
        if everything <= limit or is_doubtful:
            raise Unstamped(
                f"{resource.name}: an earlier read could not tell whether rows without a stamp are missing, as the "
                f"server's counts stop at {limit:,}; once it counts further, `omnium-elt load --full-refresh "
                f"--resources {resource.name}` reads all anew",
                limit=limit,
            )

    def check_all_have_a_stamp(self, pages: Sequence[Page]) -> None:
        """Raise Unstamped if rows may be in none of the windows that were cut for a limit, because they lack the stamp.

        No row that can be seen may lack it; `pages` come from `pages_without`. A server that shows fewer rows than its
        API promises cannot prove it. Rows that cannot be seen are counted by creation, if there is a filter for that.
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
        """Yield the pages on which rows without the stamp would be.

        These are both ends of the order by it, all that a search shows and, if the number of missing rows is known or
        there is no search, one scroll through everything.
        """
        resource = self._run.resource
        for order in ("Ascending", "Descending") if resource.search and resource.sort else ():
            for page in self._pages({"sortOrder": f"{resource.sort}{order}"}):
                yield page
                if len(self._without(page)) < page.count:
                    break  # all rows behind one with a stamp have a stamp, too
        if is_again and resource.search:
            return
        if resource.search:
            yield from self._pages({})
        if resource.scroll and (is_countable or not resource.search):
            scroll = Scroll(self._connection, self._run.body(Window(), scroll=True))
            first = scroll.first()
            yield first
            with suppress(ScrollLost):  # rows that it did not show are reported as missing
                yield from scroll.rest(first)

    def _pages(self, body: Mapping[str, Any]) -> Iterator[Page]:
        """All pages of a search that can be seen."""
        resource, base, size = self._run.resource, self._run.server.learned.page_base, 0
        for number in range(base, base + REACH // resource.take):
            found = self._connection.page_after({**resource.body, **body}, number, size)
            if found is None:
                return
            yield found
            size = size or found.count  # pages may be smaller than was asked for
            if not resource.paged or not size or found.count < size:
                return

    def _check_by_creation(self) -> None:
        """Raise Unstamped if rows with a time of creation lack the stamp of a change, or cannot be counted."""
        resource = self._run.resource
        created = Window(created_lower=EARLIEST, created_upper=LATEST)
        stamped = replace(created, lower=EARLIEST)
        overlap = self._splitter.overlap(self._sample, CREATION, self._connection)
        run, connection = self._run, self._connection
        counts = [_counted_in_parts(run, connection, window, overlap) for window in (created, stamped)]
        if None in counts or counts[0] != counts[1]:
            by_creation, by_both = (
                "more than can be counted" if one is None else f"{one:,}" for one in counts
            )
            raise Unstamped(
                f"{resource.name}: the server's counts stop at a limit, and of {by_creation} rows with a time of "
                f"creation {by_both} have a {resource.cursor}: the others may be missing",
                limit=self._run.server.limit,
            )


def _stops_counting_at(run: ResourceRun, connection: Connection) -> int | None:
    """The server's count of everything if its pages show more rows, so that the count is a limit; else None."""
    resource = run.resource
    if not resource.search or not resource.paged:
        return None
    everything = run.count(Window(), connection)
    # The page on which the first row beyond the count would be.
    number = everything // resource.take
    page = run.server.learned.page_base + number
    if resource.take * page > REACH:
        return None
    shown = connection.page_after(resource.body, page, resource.take)
    is_beyond = shown is not None and shown.count > everything - number * resource.take
    # A row that was added meanwhile raises the count.
    is_limit = is_beyond and run.count(Window(), connection) == everything
    return everything if is_limit else None


def _counted_in_parts(
    run: ResourceRun, connection: Connection, window: Window, overlap: dt.timedelta
) -> int | None:
    """How many rows a window by creation holds, counted in parts below the limit; None if some parts are not.

    Parts are cut in the middle, so the empty years cost about one request for each halving of ten thousand years.
    """
    count = run.count(window, connection)
    if not run.server.is_at_limit(count):
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
        rows = _counted_in_parts(run, connection, part, overlap)
        if rows is None:
            return None
        total += sign * rows
    return total
