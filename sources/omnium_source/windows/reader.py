"""One attempt at one window: reads its pages and compares what came with the server's own count.

Attempt       one attempt at one window
"""

import logging
import time

from omnium_source.errors import Incomplete, Stopped
from omnium_source.http.cancellation import Cancellation
from omnium_source.http.paginators import REACH, Scroll, SearchPages, one_ahead
from omnium_source.pages import Page
from omnium_source.windows.counts import CountProof
from omnium_source.windows.gathered import Gathered
from omnium_source.windows.server_facts import SCROLL_FROM
from omnium_source.windows.splitter import Shown, Splitter
from omnium_source.windows.window import Window, key_of, value_at

log = logging.getLogger("omnium")

LONG_SCROLL = 10
"""Batches. A longer scroll that was lost is read in parts at once, a shorter one after its third attempt."""
MOST_ROWS_LEFT = 5_000
"""Rows. After a request to stop, a window is read to its end if no more than these are left."""


class Attempt:
    """One attempt at one window: how it is requested, and whether all its rows came.

    `rows` gathers what comes. `token`: set when the window is no longer wanted. `parts`: the smaller windows in which
    it has to be read. `found_base`: the pages were numbered from the wrong base, which is corrected for later attempts.

    One class, as its methods judge what the same pages showed.
    """

    def __init__(self, rows: Gathered, splitter: Splitter, token: Cancellation) -> None:
        self.rows, self._splitter, self._token = rows, splitter, token
        self._run, self._connection = rows.run, rows.connection
        self.shown = Shown()
        self.parts: list[Window] = []
        self.found_base = False
        self._is_least = False
        self._searched: int | None = None
        """The search's count of the window, None if no search was asked."""

    # -- reading -----------------------------------------------------------------------------------

    def read(self) -> bool:
        """Read and verify the window; True if it has to be read in smaller ones. Raises ScrollLost or Incomplete."""
        run, resource, rows = self._run, self._run.resource, self.rows
        if not resource.search:
            return self._scroll()
        pages = SearchPages(self._connection, run.body(rows.window, rows.query.body), run.executor)
        first = self._first_of(pages)
        self._searched = first.total
        if self._is_too_large():
            return True
        # A page can be requested again, a batch of a scroll cannot: after a failed attempt, pages are better.
        has_failed = rows.tries > 1 and resource.paged and self._total <= REACH and not self.is_doubtful
        goes_on = bool(first.count and first.scroll_id and resource.scroll_next) and not has_failed
        if goes_on and (first.may_be_more or first.count != self._total):
            return self._scroll(first)
        says_little = first.count > 0 and (first.may_be_more or self.is_doubtful)
        if resource.scroll and not has_failed and (self._total > SCROLL_FROM or says_little):
            return self._scroll()
        if self._is_known_to_hide(resource.search):
            return True
        if not resource.paged:
            if first.count < self._total and not first.scroll_id:
                return True
            self._take(first)
            self._verify(resource.search, is_snapshot=first.says_something)
            return self._hides_rows(resource.search)
        if self._total > REACH or (self._total == REACH and self._hides_rows(resource.search)):
            return True
        self._pages(pages, first)
        return self._total < REACH and self._hides_rows(resource.search)

    def _pages(self, pages: SearchPages, first: Page) -> None:
        """Read all pages of a search."""
        count = 1
        try:
            self._take(first)
            for page in pages.rest(first):
                count += 1
                if page.total is not None and page.total != self.rows.total:
                    text = f"its count went from {self.rows.total} to {page.total} while it was read"
                    raise Incomplete(self.rows.says(text))
                self._take(page)
            self._verify(self._run.resource.search, is_snapshot=count == 1 and first.says_something)
            if pages.is_cut_off:
                raise Incomplete(
                    self.rows.says(f"pages end at {REACH:,} rows, and whether there are more nobody can see")
                )
        except Incomplete:
            self.found_base = self._total > 0 and self._run.server.corrects_base(pages)
            if self.found_base:
                number = self._run.server.learned.page_base
                log.warning("%s: the server counts pages from %s", self._run.resource.name, number)
            raise
        if self.rows.read_rows > first.count:
            self._check_nothing_left()
            self._check_nothing_was_deleted()

    def _scroll(self, first: Page | None = None) -> bool:
        """Read all batches of a scroll, which a search may have started with its `first` page."""
        path = self._run.resource.search if first else self._run.resource.scroll
        body = self._run.body(self.rows.window, self.rows.query.body, scroll=True)
        scroll = Scroll(self._connection, body)
        first = first or self._first_of(scroll)
        if self._is_too_large() or self._is_known_to_hide(path):
            # The scroll is left unread: the server keeps it until it expires.
            return True
        self._take(first)
        for page in one_ahead(scroll.rest(first), self._run.executor):
            self._take(page)
        self._verify(path, is_snapshot=first.says_something)
        # A scroll that ends exactly at the count may have been cut off there. Without a filter by time, its end
        # is the only proof.
        return bool(self._splitter.axes) and self._hides_rows(path)

    # -- counts that may be limits -----------------------------------------------------------------

    def _is_known_to_hide(self, path: str) -> bool:
        """Whether the window holds rows that this path never shows, so that it has to be read in `parts`."""
        if path not in self._run.server.hides or not self.is_doubtful:
            return False
        self.parts = self._splitter.split(self.rows.window, self.shown, self._connection)
        return True

    def _hides_rows(self, path: str) -> bool:
        """Whether the count of what came is a limit that hides rows; if nobody can tell, `rows.unproved` says why."""
        run, rows, total, search = self._run, self.rows, self.rows.total, self._run.resource.search
        if total is None or not self.shown.count or rows.count > total:
            return False
        # If a search counted the same, its counts cost less than a scroll's.
        counted_by = search if self._searched == total else path
        if not all(run.server.is_doubtful(one, total, is_least=self._is_least) for one in {path, counted_by}):
            return False
        proof = CountProof(rows, self._splitter, self.shown, path, counted_by, self._is_least)
        if not proof.hides_rows():
            return False
        self.parts = self._splitter.split(rows.window, self.shown, self._connection)
        return True

    @property
    def _total(self) -> int:
        return self.rows.total or 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the window's count has reached the limit at which the server's counts stop."""
        return self._run.server.is_at_limit(self.rows.total)

    def _is_too_large(self) -> bool:
        if self._total <= self._run.largest_window:
            return False
        self.parts = self._splitter.split(
            self.rows.window, self.shown, self._connection, is_needed=not self._run.resource.scrolls
        )
        return bool(self.parts)

    def _first_of(self, source: SearchPages | Scroll) -> Page:
        """The first page, which shows the count, the size of a row and how long an answer takes."""
        started = time.monotonic()
        page = source.first()
        self.rows.total, self._is_least = page.total, page.is_least
        resource = self._run.resource
        path = resource.scroll if isinstance(source, Scroll) else resource.search
        self._run.server.note_count(path, page.total)
        self._run.client.most_counted = max(self._run.client.most_counted, page.total or 0)
        if page.count:
            self._run.server.note_page(len(page.body), page.count, time.monotonic() - started)
        if page.total is None and not page.is_bare:
            self._run.remark("the server gives no count (totalHits) that could prove a read: read to its end")
        self.shown = Shown(page.total or 0, page if page.count else self.shown.page)
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
        """Whether to read the window by values now, because its scroll was lost.

        That is tried after each of the first two attempts at a long scroll, and after the third and fourth at a short
        one.
        """
        resource = self._run.resource
        has_pages = bool(resource.search) and resource.paged and self._total <= REACH
        # Parts are proved by the count of the window, so it has to be known and true.
        if not self.shown.count or not self._total or has_pages or self.is_doubtful:
            return False
        first_time = 1 if self._total > LONG_SCROLL * self.shown.count else 3
        return first_time <= self.rows.tries < first_time + 2

    def _verify(self, path: str, *, is_snapshot: bool) -> None:
        """Check that all rows came: as many as the server counts, or all that it shows if its counts stop earlier.

        `path` was asked. `is_snapshot`: the rows came in one answer, or in a scroll read to its empty end; then rows
        beyond the count are accepted. Other rows that no count proves are read until two attempts show the same keys.
        The count may include elements that are not objects, and rows with the key of another row on their page; they
        are accepted from the second attempt on, because what was shown by mistake is not shown twice. Raises
        Incomplete.
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
        # If rows without an id of their own exceed the count and some are alike, they may have come twice.
        can_be_told_apart = (
            self._run.resource.has_own_id or self._is_least or len(rows.keys) == rows.read_rows
        )
        has_more = total is None or rows.count > total
        if has_more and not (is_snapshot and can_be_told_apart):
            has_more = self._run.server.shows_the_same(rows.says(str(rows.count)), frozenset(rows.keys))
        if has_more and total is not None:
            self._run.note_limit(total)
            self._run.server.shows_beyond.add(path)
        if not has_more:
            counted = "does not count" if total is None else f"counts {total:,}"
            raise Incomplete(rows.says(f"{len(rows.keys):,} distinct rows came, the server {counted}"))

    def _check_nothing_left(self) -> None:
        """Make sure that no row left the window while its pages were read. Raises Incomplete.

        A row that changes gets a later stamp and leaves a window that has an upper bound. The rows behind it move up,
        and one of them may pass from a page not yet read to one already read. If another row comes in at the same
        moment, the counts match although a row is missing. So the server is asked what has changed since the attempt
        began. Changes that an earlier attempt saw were made before this one began, and do not count.
        """
        run, rows = self._run, self.rows
        if run.resource.rule != "window" or rows.window.upper is None:
            return
        # The index may show a change late, with a stamp from before the attempt.
        after = Window(lower=max(rows.window.upper, rows.began - run.reading.settling_lag))
        pages = SearchPages(self._connection, run.body(after, rows.query.body), run.executor)
        first = pages.first()
        if not first.count:
            return
        changed = [first, *pages.rest(first)]
        stamped = frozenset(
            (key_of(run.resource, row), str(value_at(row, run.resource.cursor)))
            for page in changed
            for row in page.rows
        )
        if run.server.has_only_seen(rows.says(""), stamped):
            return
        if first.total is None or first.total != len(stamped) or first.may_be_more:
            raise Incomplete(rows.says(f"{len(stamped):,} rows or more changed while it was read"))
        if left := rows.keys.intersection(run.normalizer.keys_of(changed)):
            raise Incomplete(rows.says(f"{len(left):,} of its rows changed while it was read"))

    def _check_nothing_was_deleted(self) -> None:
        """Make sure that no row was deleted during the read, if others may have come in. Raises Incomplete.

        The rows behind a deleted one move up, and one of them may pass from a page not yet read to one already read.
        The count reveals that, unless as many rows come in meanwhile behind the pages already read. So nothing is asked
        if no row that came is young enough. Otherwise the pages are read once more: if they still show every key that
        came, none of these rows was deleted and none had moved up. Pages that no count proves were read until two
        attempts showed the same keys, which proves as much.
        """
        run, rows = self._run, self.rows
        if rows.total is None or rows.count > rows.total:
            return
        if not rows.may_be_new_since(rows.began - run.reading.settling_lag):
            return
        pages = SearchPages(self._connection, run.body(rows.window, rows.query.body), run.executor)
        left = set(rows.keys)
        first = pages.first()
        for page in (first, *pages.rest(first)):
            left.difference_update(run.normalizer.keys_of([page]))
        if left:
            raise Incomplete(rows.says(f"{len(left):,} of its rows went or moved while it was read"))
