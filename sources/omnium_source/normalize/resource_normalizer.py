"""The normalizer of one resource in a run: in this process or in the pool, with the columns that pages made necessary.

ResourceNormalizer    pages → batches, in order or side by side
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

from omnium_source.normalize.activity import Activity
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.found_columns import FoundColumns, Known
from omnium_source.normalize.normalizer import Normalizer
from omnium_source.normalize.schema import ResourceShape
from omnium_source.normalize.worker_pool import WorkerPool
from omnium_source.pages import Page

SMALL_BYTES = 2 * 1024 * 1024
"""A window from this size on goes to the pool where its processes have been started already."""
LARGE_BYTES = 24 * 1024 * 1024
"""Windows that have this size together are worth starting processes."""


class ResourceNormalizer:
    """One resource's pages become batches. For use by several threads.

    `known`: the columns of the destination. `pool`: processes for large windows (`use_pool_for`).
    """

    def __init__(
        self, shape: ResourceShape, known: Known | None = None, pool: WorkerPool | None = None
    ) -> None:
        self.shape = shape
        self._normalizer, self._pool = Normalizer(shape), pool
        self._columns = FoundColumns.of(shape.tables, known)
        self._lock = threading.Lock()
        self._first: Future[Batch] | None = None
        self._bytes = 0.0
        self.activity = pool.activity if pool else Activity()
        self.is_pooled = False

    def use_pool_for(self, size: float) -> None:
        """From now on make tables in the pool, where a window of `size` bytes is worth it and there is one.

        Many windows that are not large are as much work as a large one.
        """
        if self._pool and self._pool.size:
            with self._lock:
                self._bytes += size
                is_worth_it = self._pool.has_workers or self._bytes > LARGE_BYTES
                self.is_pooled |= is_worth_it and size > SMALL_BYTES

    @property
    def batches_ahead(self) -> int:
        """How many batches may be under way while the next pages come."""
        return 2 * self._pool.size if self.is_pooled and self._pool else 1

    def submit(self, pages: Sequence[Page], cursor: str) -> "Future[Batch]":
        """Make tables of some pages: at once, or in the pool, once it has room for another batch.

        Of a key that comes twice the row counts that is newer by `cursor`.
        """
        if self.is_pooled and self._pool:
            bodies = [page.body for page in pages]
            coming = self._pool.submit(self._in_pool, bodies, cursor, self._first)
            # What the first batch finds, all others know.
            self._first = self._first or coming
            return coming
        done: Future[Batch] = Future()
        with self.activity.one_more():
            done.set_result(self.normalize(pages, cursor))
        return done

    def normalize(self, pages: Sequence[Page], cursor: str | None = None) -> Batch:
        """Make tables of some pages, in this thread. `cursor`: see `submit`; without it a key may come twice."""
        with self._lock:
            batch = self._normalizer.normalize(pages, self._columns, cursor)
            self._columns.merge(batch.found)
            return batch

    def _in_pool(self, bodies: list[bytes], cursor: str, first: "Future[Batch] | None") -> Batch:
        assert self._pool is not None
        if first is not None:
            wait([first])
        with self._lock:
            columns = self._columns.copy()
        batch = self._pool.normalize(self._normalizer, columns, bodies, cursor)
        with self._lock:
            is_alike = self._columns.merge(batch.found)
        if not is_alike:
            # Another batch was quicker, and made another column of a field that is new in both.
            return self.normalize(list(map(Page, bodies)), cursor)
        return batch

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        """The keys of some pages, whose rows are not kept."""
        return self.normalize(pages).keys

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        """All columns of a table met so far, as dlt describes them, and the fields of those the contract lacks."""
        with self._lock:
            return self._columns.hints(self.shape.tables[table])
