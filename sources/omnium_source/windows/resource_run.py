"""What all windows of one resource have in common: the connection, the parser, and what was learned of the server.

ResourceRun        the resource as it is read in this run
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from omnium_source.http.client import Budget, OmniumClient, Traffic
from omnium_source.http.paginators import REACH, Connection, Learned, PageBase
from omnium_source.normalize.assembly import Assembly, Here, RowParser
from omnium_source.normalize.buffer import Spool
from omnium_source.normalize.worker_pool import Bench, Workshop
from omnium_source.resources import Resource
from omnium_source.windows.window import Reading, Row, Window, column_name_of, texts_at

log = logging.getLogger("omnium")

SCROLL_FROM = 1_000
"""Rows from which a scroll is used where there is one; fewer are a few pages, side by side."""
PARSE_BYTES = 8 * 1024 * 1024
"""Pages are turned into Arrow together until they are this large: a table's fixed cost is paid once."""
MOST_SHARING = 4
"""Windows read at once share `PARSE_BYTES`; a smaller share than one in so many would cost too much."""
WINDOW_SECONDS = 10.0
"""How long a scroll may take of which others could be read beside: as long as its first answer took, for each batch."""
FEWEST_ROWS = 5_000
"""In a window, however slow the answers."""
LARGE_BYTES = 24 * 1024 * 1024
"""A window from this size on is worth processes of its own."""
SMALL_BYTES = 2 * 1024 * 1024
"""And from this size on, where they are there already."""

Known = Callable[[str, Sequence[str]], Mapping[str, Any]]
"""Asked with a resource and its rows' ids, answers the content hashes that the destination holds for them."""


class ResourceRun:
    """One resource, read by several threads. `parsing` is held by the one that uses the parser.

    `known` lets rows fall away that the destination already holds; without it every row read is handed on. `workshop`
    takes the work of large windows. `notes` collects what a person should know, a sentence each.

    `traffic` is what all of it costs. `row_bytes`: how large a row was lately, in bytes of JSON. `answer_seconds`: the
    shortest time that the first page of a window took. `limit`: the count at which the server's counts stop, where
    that was seen. `uncounted`: the keys that a window showed whose count says nothing. `failures`: windows that did not
    add up, in a row. `seen`: the values by which parts of a window can be asked for.
    """

    def __init__(
        self,
        client: OmniumClient,
        resource: Resource,
        parser: RowParser,
        executor: Executor,
        *,
        reading: Reading | None = None,
        known: Known | None = None,
        traffic: Traffic | None = None,
        on_rows: Callable[[int, int | None], None] | None = None,
        workshop: Workshop | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.client, self.resource, self.parser, self.executor = client, resource, parser, executor
        self.reading = reading or Reading()
        self.known = known
        self.traffic = traffic or Traffic()
        self.on_rows = on_rows or (lambda rows, total: None)
        self.notes = [] if notes is None else notes
        self.parsing = threading.Lock()
        self.base = PageBase(resource.page_base, resource.page_base_is_clear)
        self.has_checked_base = not resource.paged
        self.row_bytes = 0.0
        self.answer_seconds = 0.0
        self.failures = 0
        self.limit: int | None = None
        self.uncounted: dict[str, frozenset[str]] = {}
        self.notes_values = False
        self.seen: dict[str, set[str]] = {by.field: set() for by in resource.value_filters}
        self._learned = Learned()
        self._workshop = workshop
        self._bench: Bench | None = None
        self._reading_now, self._counting = 0, threading.Lock()

    def connection(self) -> Connection:
        """A connection with a budget and a count of its own."""
        return Connection(
            self.client,
            self.resource,
            Traffic(of=self.traffic),
            Budget(self.reading.budget),
            self._learned,
        )

    def body(
        self, window: Window, extra: Mapping[str, Any] | None = None, *, scroll: bool = False
    ) -> dict[str, Any]:
        """The body of a request for a window."""
        sort = {}
        if self.resource.sort:
            # A changed row moves to the end of this order, or out of the window: pages before it stay.
            sort = {"sortOrder": "DocumentId" if scroll else f"{self.resource.sort}Ascending"}
        return {**self.resource.body, **sort, **window.body(self.resource), **(extra or {})}

    def remark(self, text: str) -> None:
        """Tell a person something about this resource."""
        text = f"{self.resource.name}: {text}"
        if text not in self.notes:
            self.notes.append(text)
            log.warning("%s", text)

    def is_at_limit(self, count: int | None) -> bool:
        """Whether a count says nothing, because the server counts no further."""
        return self.limit is not None and (count or 0) >= self.limit

    def note_limit(self, count: int) -> None:
        """The server's counts stop here."""
        self.limit = min(count, self.limit or count)
        self.remark(
            f"the server's count stops at {count:,}, so it is no proof: read on beyond it, or in smaller windows"
        )

    @property
    def target(self) -> int:
        """Rows that a window should hold at most."""
        if not self.resource.scrolls:
            return REACH
        rows = float(self.reading.window_rows)
        if self.row_bytes:
            rows = min(rows, self.reading.window_bytes / self.row_bytes)
        if self.answer_seconds and self.reading.windows_at_once > 1:
            in_time = self.resource.scroll_take * WINDOW_SECONDS / self.answer_seconds
            rows = min(rows, max(FEWEST_ROWS, in_time))
        return int(max(SCROLL_FROM, rows))

    def note_page(self, size: int, rows: int, seconds: float) -> None:
        """Learn from the first page of a window, which took so long."""
        self.row_bytes = size / rows
        self.answer_seconds = min(self.answer_seconds or seconds, seconds)

    def assembly(self, size: float) -> Assembly:
        """Where a window of about `size` bytes becomes tables."""
        if (
            self._bench is None
            and self._workshop is not None
            and size > (SMALL_BYTES if self._workshop.has_workers else LARGE_BYTES)
        ):
            # From now on for all windows: a parser remembers the fields that it has met.
            self._bench = self._workshop.bench(self.resource.name, self.parser)
        cursor, folder = column_name_of(self.resource.cursor), self.reading.spool
        if self._bench is not None:
            return self._bench.assembly(cursor, folder)
        return Here(self.parser, cursor, Spool(folder))

    @property
    def is_waiting(self) -> bool:
        """Whether whoever makes tables has nothing to do at this moment."""
        return not self.parsing.locked() and (self._bench is None or self._bench.is_waiting)

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        """While one more window is read."""
        with self._counting:
            self._reading_now += 1
        try:
            yield
        finally:
            with self._counting:
                self._reading_now -= 1

    @property
    def parse_bytes(self) -> int:
        """How large a window's pages may become before they are made tables: less where many windows are read."""
        return PARSE_BYTES // min(MOST_SHARING, max(1, self._reading_now))

    def see(self, rows: Sequence[Row]) -> None:
        """Note the values by which parts can be asked for."""
        for by in self.resource.value_filters:
            self.seen[by.field].update(texts_at(rows, by.path))
