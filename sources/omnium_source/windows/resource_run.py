"""What all windows of one resource share: the connection, the normalizer, and what was learned about the server.

ResourceRun        one resource as it is read in this run
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from omnium_source.http.client import OmniumClient
from omnium_source.http.paginators import Connection
from omnium_source.http.traffic import Budget, Traffic
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.buffer import IN_MEMORY_BYTES, Buffer
from omnium_source.normalize.naming import column_name_of
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.window_tables import WindowTables
from omnium_source.resources import Resource
from omnium_source.windows.server_facts import SeenValues, ServerFacts
from omnium_source.windows.window import Reading, Window

log = logging.getLogger("omnium")

BATCH_BYTES = 6 * 1024 * 1024
"""Pages become tables together once they are this large, so that a table's fixed cost is paid once. Several windows
gather this much at the same time, and a worker holds ten times as much in objects."""

Hashes = Callable[[Sequence[str]], Mapping[str, Any]]
"""Takes row ids; returns the content hashes that the destination holds for them."""


class ResourceRun:
    """One resource in this run, read by several threads; its attributes are never reassigned.

    `known`: drops rows that the destination already holds; without it, every row that is read is handed on. `traffic`:
    counts the cost of all requests. `on_rows`: called with the number of rows as they come, and with the server's
    count. `server` and `values` gather what answers and rows show.
    """

    def __init__(
        self,
        client: OmniumClient,
        resource: Resource,
        normalizer: ResourceNormalizer,
        executor: Executor,
        *,
        reading: Reading | None = None,
        known: Hashes | None = None,
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
        self.server, self.values = ServerFacts(resource, client.count_limits), SeenValues(resource)
        self._notes = [] if notes is None else notes

    def connection(self) -> Connection:
        """A connection with its own budget and its own count of traffic."""
        traffic, budget = Traffic(of=self.traffic), Budget(self.reading.budget)
        return Connection(self.client, self.resource, traffic, budget, self.server.learned)

    def body(
        self, window: Window, extra: Mapping[str, Any] | None = None, *, scroll: bool = False
    ) -> dict[str, Any]:
        """The body of a request for a window."""
        sort = {}
        if self.resource.sort:
            # A changed row moves to the end of this order or out of the window, so the pages before it stay.
            sort = {"sortOrder": "DocumentId" if scroll else f"{self.resource.sort}Ascending"}
        return {**self.resource.body, **sort, **window.body(self.resource), **(extra or {})}

    def count(
        self,
        window: Window,
        connection: Connection | None = None,
        more: Mapping[str, Any] | None = None,
        path: str = "",
    ) -> int:
        """The server's own count of a window. `more`: further fields of the request; `path`: the path that counts."""
        resource, connection = self.resource, connection or self.connection()
        path = path or resource.search or resource.scroll
        body = {**resource.body, **window.body(resource), **(more or {})}
        if path == resource.search:
            found = connection.page(body, take=1)
        else:
            found = connection.post(path, {**body, "take": 1}, starts_scroll=True)
        self.server.note_count(path, found.total)
        return found.total or 0

    def window_tables(self, size: float, change: Callable[[Batch], Batch] | None) -> WindowTables:
        """The tables for the pages of a window of about `size` bytes; `change` is applied to each batch."""
        self.normalizer.use_pool_for(size)
        # Several large windows wait at the same time, so they wait on disk.
        in_memory = 0 if self.normalizer.is_pooled else int(IN_MEMORY_BYTES * self.reading.memory_share)
        buffer = Buffer(self.reading.folder, in_memory)
        return WindowTables(self.normalizer, column_name_of(self.resource.cursor), buffer, change)

    def remark(self, text: str) -> None:
        """Tell a person something about this resource, once."""
        text = f"{self.resource.name}: {text}"
        if text not in self._notes:
            self._notes.append(text)
            log.warning("%s", text)

    def note_limit(self, count: int) -> None:
        """Note that the server's counts stop at `count`."""
        self.server.note_limit(count)
        self.remark(
            f"the server's count stops at {count:,}, so it is no proof: read on beyond it, or in smaller windows"
        )

    @property
    def largest_window(self) -> int:
        """The most rows that a window should hold."""
        return self.server.largest_window(self.resource, self.reading)

    @property
    def batch_bytes(self) -> int:
        """How large a window's pages may become before tables are made of them."""
        return int(BATCH_BYTES * self.reading.memory_share)
