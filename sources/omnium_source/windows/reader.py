"""One attempt at one window: its pages are read, and counted against the server's own count.

Attempt       one attempt at one window
"""

import datetime as dt
import logging
import time

from omnium_source.errors import Incomplete, Stopped
from omnium_source.http.cancellation import Cancellation
from omnium_source.http.paginators import (
    REACH,
    Connection,
    Page,
    Scroll,
    SearchPages,
    is_round,
    one_ahead,
)
from omnium_source.windows.gathered import Gathered
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.server_facts import SCROLL_FROM
from omnium_source.windows.splitter import Shown, Splitter
from omnium_source.windows.window import Window

log = logging.getLogger("omnium")

LONG_SCROLL = 10
"""Batches. A scroll of no more has a fair chance the next time; a longer one is read in parts once it was lost."""
MOST_ROWS_LEFT = 5_000
"""Rows: who asks to stop does not wait for more of them."""


class Attempt:
    """One attempt at one window: how it is asked for, and whether what came is all of it.

    `rows` gathers what comes. `token`: set when nobody wants the window any more. `parts`: the smaller windows in which
    it has to be read; `found_base`: its pages were counted from the wrong number, and will not be again.

    One class, as its methods judge what the same pages showed.
    """

    def __init__(
        self,
        run: ResourceRun,
        splitter: Splitter,
        connection: Connection,
        rows: Gathered,
        token: Cancellation,
    ) -> None:
        self._run, self._splitter, self._connection = run, splitter, connection
        self.rows, self._token = rows, token
        self.shown = Shown()
        self.parts: list[Window] = []
        self.found_base = False
        self._is_least = False

    # -- reading -----------------------------------------------------------------------------------

    def read(self) -> bool:
        """Read and verify. True: too large for one window. Raises ScrollLost or Incomplete."""
        run, resource = self._run, self._run.resource
        window, query = self.rows.window, self.rows.query
        body = run.body(window, query.body)
        if not resource.search:
            return self._scroll(Scroll(self._connection, run.body(window, query.body, scroll=True)))
        pages = SearchPages(self._connection, body, run.server.base, run.executor)
        first = self._first_of(pages)
        if self._is_too_large():
            return True
        # Pages can be asked for again, a batch cannot: after a scroll has failed pages are better.
        has_failed = (
            self.rows.tries > 1
            and resource.paged
            and self._total <= REACH
            and not run.server.is_at_limit(self.rows.total)
        )
        goes_on = bool(first.count and first.scroll_id and resource.scroll_next) and not has_failed
        if goes_on and (first.may_be_more or first.count < self._total):
            return self._scroll(Scroll(self._connection, body), first)
        is_doubtful = first.count > 0 and (first.may_be_more or run.server.is_at_limit(self.rows.total))
        if resource.scroll and not has_failed and (self._total > SCROLL_FROM or is_doubtful):
            return self._scroll(Scroll(self._connection, run.body(window, query.body, scroll=True)))
        if first.may_be_more and not first.is_bare and self._stands_at_limit(first):
            self.parts = self._splitter.split(window, self.shown, self._connection)
            if self.parts or not resource.paged or self._total >= REACH:
                return True
        if not resource.paged:
            if first.count < self._total and not first.scroll_id:
                return True
            self._take(first)
            self._verify(is_snapshot=first.says_something)
            return False
        if self._total > REACH:
            return True
        self._pages(pages, first)
        return False

    def _pages(self, pages: SearchPages, first: Page) -> None:
        """All pages of a search."""
        count = 1
        try:
            self._take(first)
            for page in pages.rest(first):
                count += 1
                if page.total is not None and page.total != self.rows.total:
                    text = f"its count went from {self.rows.total} to {page.total} while it was read"
                    raise Incomplete(self.rows.says(text))
                self._take(page)
            self._verify(is_snapshot=count == 1 and first.says_something)
            if pages.is_cut_off:
                raise Incomplete(
                    self.rows.says(f"pages end at {REACH:,} rows, and whether there are more nobody can see")
                )
        except Incomplete:
            self.found_base = self._total > 0 and self._run.server.corrects_base(pages)
            if self.found_base:
                number = self._run.server.base.number
                log.warning("%s: the server counts pages from %s", self._run.resource.name, number)
            raise
        if self.rows.read_rows > first.count:
            self._check_nothing_left()

    def _scroll(self, scroll: Scroll, first: Page | None = None) -> bool:
        first = first or self._first_of(scroll)
        if self._is_too_large():
            # A scroll holds the server's resources until it is read to its end or expires.
            return True
        self._take(first)
        for page in one_ahead(scroll.rest(first), self._run.executor):
            self._take(page)
        self._verify(is_snapshot=first.says_something)
        # A scroll that ends just where the count stops may have been cut off there too.
        return self.rows.count == self.rows.total and first.may_be_more and self._stands_at_limit(first)

    def _stands_at_limit(self, first: Page) -> bool:
        """Whether the count is a limit, and not the truth."""
        run, total = self._run, self.rows.total
        if total is None or not first.count:
            return False
        is_limit = run.server.is_at_limit(total) or (first.is_least and is_round(total))
        if not is_limit and not self._splitter.is_at_limit(self.rows.window, self.shown, self._connection):
            return False
        run.note_limit(total)
        return True

    @property
    def _total(self) -> int:
        return self.rows.total or 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the window's count is one at which the server's counts stop."""
        return self._run.server.is_at_limit(self.rows.total)

    def _is_too_large(self) -> bool:
        if self._total <= self._run.largest_window:
            return False
        self.parts = self._splitter.split(
            self.rows.window, self.shown, self._connection, is_needed=not self._run.resource.scrolls
        )
        return bool(self.parts)

    def _first_of(self, source: SearchPages | Scroll) -> Page:
        """The first page; it tells the count, how large a row is, and how long an answer takes."""
        started = time.monotonic()
        page = source.first()
        self.rows.total, self._is_least = page.total, page.is_least
        if page.count:
            self._run.server.note_page(len(page.body), page.count, time.monotonic() - started)
        if page.total is None and not page.is_bare:
            self._run.remark("the server gives no count (totalHits) that could prove a read: read to its end")
        self.shown = Shown(page.total or 0, page.rows if page.count else self.shown.rows)
        self._run.on_rows(0, self.rows.total)
        return page

    def _take(self, page: Page) -> None:
        if self._token.is_own:
            raise Stopped("an earlier window failed, so this one is not wanted any more")
        if self._token.is_set() and self._total - self.rows.read_rows > MOST_ROWS_LEFT:
            raise Stopped("stopped on request")
        self.rows.add(page)

    # -- verifying ---------------------------------------------------------------------------------

    @property
    def is_for_parts(self) -> bool:
        """Whether to read it by values now: twice at most, a long scroll at once, a short one after some tries."""
        resource = self._run.resource
        has_pages = bool(resource.search) and resource.paged and self._total <= REACH
        # Parts are proved by the count of the whole window.
        if not self.shown.rows or not self._total or has_pages or self.is_doubtful:
            return False
        first_time = 1 if self._total > LONG_SCROLL * len(self.shown.rows) else 3
        return first_time <= self.rows.tries < first_time + 2

    def _verify(self, *, is_snapshot: bool) -> None:
        """Whether all rows are here: as many as the server counts, or all that it shows where it does not count so far.

        `is_snapshot`: what came was one answer, or a scroll read to its empty end; then rows beyond the count are
        rows too. Pages that no count proves are read until they show the same keys twice. What is no row, or has the
        key of another row on its page, may be counted too; what was shown by mistake is not shown twice.
        """
        rows, total = self.rows, self.rows.total
        rows.finish_batches()
        if total is not None and rows.count == total:
            return
        missing = 0 if total is None else total - rows.count
        if missing > 0 and missing in (rows.no_rows, rows.doubled, rows.no_rows + rows.doubled):
            if rows.tries > 1:
                return
            raise Incomplete(
                rows.says(
                    f"of the {total:,} rows that the server counts, {rows.no_rows:,} are no objects "
                    f"and {rows.doubled:,} have the key of another row on their page"
                )
            )
        # Rows without an id of their own that are too many, and of which some are alike, may have come twice.
        can_be_told_apart = (
            self._run.resource.has_own_id or self._is_least or len(rows.keys) == rows.read_rows
        )
        has_more = total is None or (rows.count > total and can_be_told_apart)
        if has_more and not is_snapshot:
            has_more = self._run.server.shows_the_same(rows.says(""), frozenset(rows.keys))
        if has_more and total is not None:
            self._run.note_limit(total)
        if not has_more:
            counted = "does not count" if total is None else f"counts {total:,}"
            raise Incomplete(rows.says(f"{len(rows.keys):,} distinct rows came, the server {counted}"))

    def _check_nothing_left(self) -> None:
        """Make sure that no row left the window while its pages were read.

        A row that changes gets a later stamp and leaves a window with an upper end; the rows behind it move
        up, and one of them may pass from a page not yet read to one already read. If at the same moment
        another row comes in, the counts agree and a row is missing. So ask what has changed since the
        reading began.
        """
        run, rows = self._run, self.rows
        if run.resource.rule != "window" or rows.window.upper is None:
            return
        # The index may have shown a change late, so that its stamp is older than the reading.
        began = rows.began - dt.timedelta(seconds=run.reading.settling_lag)
        after = Window(lower=max(rows.window.upper, began))
        body = run.body(after, rows.query.body)
        changed = SearchPages(self._connection, body, run.server.base, run.executor).first()
        if not changed.count:
            return
        if changed.total is None or changed.total > changed.count or changed.may_be_more:
            text = f"{changed.total or changed.count:,} rows changed while it was read"
            raise Incomplete(rows.says(text))
        left = rows.keys.intersection(rows.tables.keys_of([changed]))
        if left:
            raise Incomplete(rows.says(f"{len(left):,} of its rows changed while it was read"))
