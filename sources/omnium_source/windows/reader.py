"""One attempt at one window: its pages are read, become tables, and are counted against the server's own count.

Query          what is asked of a window besides its bounds
Attempt       one attempt at one window
Joined        a window put together of parts that are complete each
Verified      a complete window, its tables, and the state to keep once they are loaded
"""

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from omnium_source.errors import Incomplete, Stopped
from omnium_source.http.client import Traffic
from omnium_source.http.paginators import (
    REACH,
    Connection,
    Page,
    Scroll,
    SearchPages,
    is_round,
    one_ahead,
)
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.drift import Drift
from omnium_source.normalize.window_tables import WindowTables
from omnium_source.resources import Resource
from omnium_source.windows.deletions import marked
from omnium_source.windows.resource_run import SCROLL_FROM, ResourceRun
from omnium_source.windows.splitter import Shown, Splitter
from omnium_source.windows.state import State
from omnium_source.windows.window import Row, Window, column_name_of

log = logging.getLogger("omnium")

LONG_SCROLL = 10
"""Batches. A scroll of no more has a fair chance the next time; a longer one is read in parts once it was lost."""
MANY_LEFT = 5_000
"""Rows: who asks to stop does not wait for as many."""


@dataclass(frozen=True)
class Query:
    """What is asked of a window besides its bounds.

    `body`: further fields of the request. `late_before`: rows with an earlier stamp have appeared late. `note` is
    told the rows as they come. `deleted_at`: the mark of rows that say they are deleted, where such are asked for.
    `is_over`: set when nobody wants the window any more.
    """

    body: Mapping[str, Any] | None = None
    late_before: dt.datetime | None = None
    note: Callable[[Sequence[Row]], None] | None = None
    deleted_at: dt.datetime | None = None
    is_over: threading.Event = field(default_factory=threading.Event)


@dataclass
class Verified:
    """A complete window: its tables, what it took, and the state to keep once they are loaded."""

    resource: Resource
    window: Window
    total_hits: int | None
    rows: int
    distinct_keys: int
    written: int
    tables: WindowTables
    state: State
    traffic: Traffic
    tries: int
    seconds: float
    bytes: int = 0
    """Of the pages as they came."""
    drift: list[Drift] = field(default_factory=list)
    late_seconds: float | None = None
    keys: set[str] = field(default_factory=set, repr=False)


class Attempt:
    """One attempt at one window."""

    can_come_twice = False
    """Whether a row may stand on two pages of what is read."""

    def __init__(
        self,
        run: ResourceRun,
        splitter: Splitter,
        connection: Connection,
        window: Window,
        query: Query,
        number: int,
    ) -> None:
        self._run, self._splitter, self.connection = run, splitter, connection
        self.window, self.query, self.number = window, query, number
        self._tables: WindowTables | None = None
        self._coming: deque[Future[Batch]] = deque()
        self.bytes = 0
        self.total: int | None = None
        self.is_least = False
        self.keys: set[str] = set()
        self.read_rows = self.written = 0
        self.found_base = False
        self.shown = Shown()
        self.drift: list[Drift] = []
        self.late_seconds: float | None = None
        self.parts: list[Window] = []
        self._started, self.began = time.monotonic(), run.client.server_time()
        self._requests = connection.traffic.requests
        self._waiting: list[Page] = []
        self._waiting_bytes = 0

    # -- reading -----------------------------------------------------------------------------------

    def read(self) -> bool:
        """Read and verify. True: too large for one window. Raises ScrollLost or Incomplete."""
        run, resource = self._run, self._run.resource
        body = run.body(self.window, self.query.body)
        if not resource.search:
            return self._scroll(Scroll(self.connection, run.body(self.window, self.query.body, scroll=True)))
        pages = SearchPages(self.connection, body, run.base, run.executor)
        first = self._first_of(pages)
        if self._is_too_large():
            return True
        # Pages can be asked for again, a batch cannot: after a scroll has failed pages are better.
        has_failed = (
            self.number > 1
            and resource.paged
            and (self.total or 0) <= REACH
            and not run.is_at_limit(self.total)
        )
        goes_on = bool(first.count and first.scroll_id and resource.scroll_next) and not has_failed
        if goes_on and (first.may_be_more or first.count < (self.total or 0)):
            return self._scroll(Scroll(self.connection, body), first)
        is_doubtful = first.count > 0 and (first.may_be_more or run.is_at_limit(self.total))
        if resource.scroll and not has_failed and ((self.total or 0) > SCROLL_FROM or is_doubtful):
            scroll = Scroll(self.connection, run.body(self.window, self.query.body, scroll=True))
            return self._scroll(scroll)
        if first.may_be_more and not first.is_bare and self._stands_at_limit(first):
            self.parts = self._splitter.split(self.window, self.shown, self.connection)
            if self.parts or not resource.paged or (self.total or 0) >= REACH:
                return True
        if not resource.paged:
            if first.count < (self.total or 0) and not first.scroll_id:
                return True
            self._take(first)
            self._verify(is_snapshot=True)
            return False
        if (self.total or 0) > REACH:
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
                if page.total is not None and page.total != self.total:
                    text = f"its count went from {self.total} to {page.total} while it was read"
                    raise Incomplete(self.says(text))
                self._take(page)
            self._verify(is_snapshot=count == 1 or first.is_bare)
            if pages.is_cut_off:
                raise Incomplete(
                    self.says(f"pages end at {REACH:,} rows, and whether there are more nobody can see")
                )
        except Incomplete:
            self.found_base = self._corrects_base(pages)
            raise
        if self.read_rows > first.count:
            self._check_nothing_left()

    def _corrects_base(self, pages: SearchPages) -> bool:
        """Whether the mismatch comes from counting pages from the wrong number; then the right one is set."""
        base = self._run.base
        if not self.total or self._run.has_checked_base:
            return False
        self._run.has_checked_base = True
        was = base.number
        base.number = pages.find_base()
        if base.number != was:
            log.warning("%s: the server counts pages from %s", self._run.resource.name, base.number)
        return base.number != was

    def _scroll(self, scroll: Scroll, first: Page | None = None) -> bool:
        first = first or self._first_of(scroll)
        if self._is_too_large():
            # A scroll holds the server's resources until it is read to its end or expires.
            return True
        self._take(first)
        for page in one_ahead(scroll.rest(first), self._run.executor):
            self._take(page)
        self._verify(is_snapshot=True)
        # A scroll that ends just where the count stops may have been cut off there too.
        return self.count == self.total and first.may_be_more and self._stands_at_limit(first)

    def _stands_at_limit(self, first: Page) -> bool:
        """Whether the count is a limit, and not the truth."""
        if self.total is None or not first.count:
            return False
        run = self._run
        is_limit = run.is_at_limit(self.total) or (first.is_least and is_round(self.total))
        if not is_limit and not self._splitter.is_at_limit(self.window, self.shown, self.connection):
            return False
        run.note_limit(self.total)
        return True

    @property
    def is_doubtful(self) -> bool:
        """Whether the window's count is one at which the server's counts stop."""
        return self._run.is_at_limit(self.total)

    def _is_too_large(self) -> bool:
        if (self.total or 0) <= self._run.target:
            return False
        self.parts = self._splitter.split(
            self.window, self.shown, self.connection, is_needed=not self._run.resource.scrolls
        )
        return bool(self.parts)

    def _first_of(self, source: SearchPages | Scroll) -> Page:
        """The first page; it tells the count, how large a row is, and how long an answer takes."""
        started = time.monotonic()
        page = source.first()
        self.total, self.is_least = page.total, page.is_least
        if page.count:
            self._run.note_page(len(page.body), page.count, time.monotonic() - started)
        if page.count and page.total is None and not page.is_bare:
            self._run.remark("the server gives no count (totalHits) that could prove a read: read to its end")
        self.shown = Shown(page.total or 0, page.rows if page.count else self.shown.rows)
        self._run.on_rows(0, self.total)
        return page

    def _take(self, page: Page) -> None:
        if self.query.is_over.is_set():
            raise Stopped("an earlier window failed, so this one is not wanted any more")
        if self._run.client.stop.is_set() and (self.total or 0) - self.read_rows > MANY_LEFT:
            raise Stopped("stopped on request")
        self._waiting.append(page)
        self._waiting_bytes += len(page.body)
        self.read_rows += page.count
        self.bytes += len(page.body)
        if self.query.note:
            self.query.note(page.rows)
        if self._run.notes_values:
            self._run.see(page.rows)
        if self._waiting_bytes > self._run.batch_bytes:
            self._normalize()
        self._run.on_rows(page.count, self.total)

    def _normalize(self) -> None:
        """Make a batch of the pages that wait, and look at those batches that are done."""
        waiting, self._waiting, self._waiting_bytes = [page for page in self._waiting if page.count], [], 0
        if waiting:
            self._coming.append(self.tables.add(waiting))
        # In the pool the next batches are under way while the first of them is looked at.
        while self._coming and (len(self._coming) > self.tables.batches_ahead or self._coming[0].done()):
            self._keep(self.tables.result(self._coming.popleft()))

    @property
    def tables(self) -> WindowTables:
        """Where the pages become tables."""
        if self._tables is None:
            moment = self.query.deleted_at
            change = partial(marked, moment=moment) if moment else None
            self._tables = self._run.window_tables((self.total or 0) * self._run.row_bytes, change)
        return self._tables

    def _keep(self, batch: Batch) -> None:
        """Say which rows of a batch are kept: none twice, and none that the destination holds already."""
        resource = self._run.resource
        doubled = self.keys.intersection(batch.keys)
        if doubled and resource.has_own_id and not self.can_come_twice:
            raise Incomplete(self.says(f"{len(doubled):,} rows came twice"))
        mask = self._wanted(batch, doubled)
        self.keys.update(batch.keys)
        self.drift += batch.drift
        if batch.tables:
            self.tables.keep(batch, mask)
            self.written += len(batch.keys) if mask is None else sum(mask)
            self._note_lateness(batch, mask)

    def _wanted(self, batch: Batch, doubled: set[str]) -> list[bool] | None:
        """Which rows of a batch are new; None for all of them."""
        known = self._run.known
        held = known(self._run.resource.name, batch.keys) if known and batch.tables else {}
        if not doubled and not held:
            return None
        hashes = batch.hashes or [""] * len(batch.keys)
        return [
            key not in doubled and held.get(key) != content
            for key, content in zip(batch.keys, hashes, strict=True)
        ]

    def _note_lateness(self, batch: Batch, mask: list[bool] | None) -> None:
        """How late a row appeared: it changed before the last window's end, and was not shown in it."""
        if self.query.late_before is None:
            return
        stamps = batch.stamps(column_name_of(self._run.resource.cursor))
        if stamps is None:
            return
        stamps = stamps if mask is None else stamps[np.array(mask)]
        before = self.query.late_before.timestamp()
        earliest = float(stamps.min()) / 1e6 if len(stamps) else before
        if earliest < before:
            self.late_seconds = max(self.late_seconds or 0.0, before - earliest)

    # -- verifying ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many different rows came."""
        # Rows without an id of their own may be alike; then the server's snapshot is as long as what came.
        return len(self.keys) if self._run.resource.has_own_id else self.read_rows

    @property
    def is_for_parts(self) -> bool:
        """Whether to read it by values now: twice at most, a long scroll at once, a short one after some tries."""
        total, resource = self.total or 0, self._run.resource
        has_pages = bool(resource.search) and resource.paged and total <= REACH
        # Parts are proved by the count of the whole.
        if not self.shown.rows or not total or has_pages or self.is_doubtful:
            return False
        first_time = 1 if total > LONG_SCROLL * len(self.shown.rows) else 3
        return first_time <= self.number < first_time + 2

    def _normalize_all(self) -> None:
        self._normalize()
        while self._coming:
            self._keep(self.tables.result(self._coming.popleft()))

    def _verify(self, *, is_snapshot: bool) -> None:
        """Whether all rows are here: as many as the server counts, or all that it shows where it does not count so far.

        `is_snapshot`: what came was one answer, or a scroll read to its empty end; then rows beyond the count are
        rows too. Pages that no count proves are read until they show the same keys twice.
        """
        self._normalize_all()
        if self.total is not None and self.count == self.total:
            return
        # Rows without an id of their own that are too many may have come twice.
        can_be_told = self._run.resource.has_own_id or self.is_least
        has_more = self.total is None or (self.count > self.total and can_be_told)
        if has_more and not is_snapshot:
            where, keys = self.says(""), frozenset(self.keys)
            has_more = self._run.uncounted.get(where) == keys
            self._run.uncounted[where] = keys
        if has_more and self.total is not None:
            self._run.note_limit(self.total)
        if not has_more:
            counted = "does not count" if self.total is None else f"counts {self.total:,}"
            raise Incomplete(self.says(f"{len(self.keys):,} distinct rows came, the server {counted}"))

    def _check_nothing_left(self) -> None:
        """Make sure that no row left the window while its pages were read.

        A row that changes gets a later stamp and leaves a window with an upper end; the rows behind it move
        up, and one of them may pass from a page not yet read to one already read. If at the same moment
        another row comes in, the counts agree and a row is missing. So ask what has changed since the
        reading began.
        """
        run, resource = self._run, self._run.resource
        if resource.rule != "window" or self.window.upper is None:
            return
        # The index may have shown a change late, so that its stamp is older than the reading.
        began = self.began - dt.timedelta(seconds=run.reading.settling_lag)
        after = Window(lower=max(self.window.upper, began))
        pages = SearchPages(self.connection, run.body(after, self.query.body), run.base, run.executor)
        changed = pages.first()
        if not changed.count:
            return
        if changed.total is None or changed.total > changed.count or changed.may_be_more:
            raise Incomplete(self.says(f"{changed.total or changed.count:,} rows changed while it was read"))
        left = self.keys.intersection(self.tables.keys_of([changed]))
        if left:
            raise Incomplete(self.says(f"{len(left):,} of its rows changed while it was read"))

    def says(self, text: str) -> str:
        """The text, with the resource and the bounds before it."""
        bounds = [f"{name}={value}" for name, value in self.window.body(self._run.resource).items()]
        # Values may be customers.
        bounds += [
            f"{len(value)} {name}"
            for name, value in (self.query.body or {}).items()
            if isinstance(value, list)
        ]
        where = " ".join(bounds) or "everything"
        return f"{self._run.resource.name} ({where}): {text}"

    def verified(self) -> Verified:
        """What is handed on."""
        run = self._run
        self.tables.finish()
        return Verified(
            run.resource,
            self.window,
            self.total,
            self.read_rows,
            len(self.keys),
            self.written,
            self.tables,
            {},
            Traffic(requests=self.connection.traffic.requests - self._requests),
            self.number,
            time.monotonic() - self._started,
            self.bytes,
            self.drift,
            self.late_seconds,
            self.keys,
        )

    def close(self) -> None:
        """Throw away what was read."""
        if self._tables is not None:
            self._tables.close()


class Joined(Attempt):
    """A window put together of parts that are complete each."""

    def __init__(self, run: ResourceRun, splitter: Splitter, lost: Attempt) -> None:
        super().__init__(run, splitter, lost.connection, lost.window, lost.query, lost.number + 1)
        self._tables = run.window_tables()

    def take_over(self, part: Attempt) -> None:
        """Add the rows of a part, but for those that came with another one."""
        resource = self._run.resource
        doubled = self.keys & part.keys
        if doubled and not resource.has_own_id:
            part.close()
            raise Incomplete(self.says(f"{len(doubled):,} rows came in two parts"))
        if part.read_rows:
            self.written += self.tables.take_over(part.tables.finish(), resource.name, doubled)
        part.close()
        self.keys |= part.keys
        self.read_rows += part.read_rows
        self.bytes += part.bytes
        self.drift += part.drift
        if part.late_seconds is not None:
            self.late_seconds = max(self.late_seconds or 0.0, part.late_seconds)
