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
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.buffer import IN_MEMORY_BYTES, Buffer
from omnium_source.normalize.resource_normalizer import Normalizing
from omnium_source.normalize.window_tables import WindowTables
from omnium_source.resources import Resource
from omnium_source.windows.window import Reading, Row, Window, column_name_of, texts_at

log = logging.getLogger("omnium")

SCROLL_FROM = 1_000
"""Rows from which a scroll is used where there is one; fewer are a few pages, side by side."""
BATCH_BYTES = 8 * 1024 * 1024
"""Pages are turned into Arrow together until they are this large: a table's fixed cost is paid once."""
MOST_SHARES = 4
"""Windows read at once share `BATCH_BYTES`; a smaller share than one in so many would cost too much."""
WINDOW_SECONDS = 10.0
"""How long a scroll may take of which others could be read beside: as long as its first answer took, for each batch."""
FEWEST_ROWS = 5_000
"""In a window, however slow the answers."""

Known = Callable[[str, Sequence[str]], Mapping[str, Any]]
"""Asked with a resource and its rows' ids, answers the content hashes that the destination holds for them."""


class ResourceRun:
    """One resource, read by several threads.

    `known` lets rows fall away that the destination already holds; without it every row read is handed on. `notes`
    collects what a person should know, a sentence each.

    `traffic` is what all of it costs. `row_bytes`: how large a row was lately, in bytes of JSON. `answer_seconds`: the
    shortest time that the first page of a window took. `limit`: the count at which the server's counts stop, where
    that was seen. `uncounted`: the keys that a window showed whose count says nothing. `failures`: windows that did not
    add up, in a row. `seen`: the values by which parts of a window can be asked for.
    """

    def __init__(
        self,
        client: OmniumClient,
        resource: Resource,
        normalizer: Normalizing,
        executor: Executor,
        *,
        reading: Reading | None = None,
        known: Known | None = None,
        traffic: Traffic | None = None,
        on_rows: Callable[[int, int | None], None] | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.client, self.resource, self.executor = client, resource, executor
        self.normalizer = normalizer
        self.reading = reading or Reading()
        self.known = known
        self.traffic = traffic or Traffic()
        self.on_rows = on_rows or (lambda rows, total: None)
        self.notes = [] if notes is None else notes
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

    def window_tables(
        self, size: float = 0.0, change: Callable[[Batch], Batch] | None = None
    ) -> WindowTables:
        """Where the pages of a window of about `size` bytes become tables; `change`: what becomes of each batch."""
        self.normalizer.use_pool_for(size)
        # Many large windows wait at a time: they do so on disk.
        in_memory = 0 if self.normalizer.is_pooled else IN_MEMORY_BYTES
        buffer = Buffer(self.reading.folder, in_memory)
        return WindowTables(self.normalizer, column_name_of(self.resource.cursor), buffer, change)

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
    def batch_bytes(self) -> int:
        """How large a window's pages may become before they are made tables: less where many windows are read."""
        return BATCH_BYTES // min(MOST_SHARES, max(1, self._reading_now))

    def see(self, rows: Sequence[Row]) -> None:
        """Note the values by which parts can be asked for."""
        for by in self.resource.value_filters:
            self.seen[by.field].update(texts_at(rows, by.path))
