"""The normalizer of one resource in a run: in this process or in the pool, with the columns found so far.

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
"""A window larger than this goes to the pool if its processes have already been started."""
LARGE_BYTES = 24 * 1024 * 1024
"""Windows that are larger than this in total are worth starting processes for."""


class ResourceNormalizer:
    """Turns one resource's pages into batches. For use by several threads.

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
        """Make tables in the pool from now on, if there is one and a window of `size` bytes is worth it.

        Sizes add up, because many windows that are not large are as much work as a large one.
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
        """Make tables of some pages: at once, or in the pool as soon as it has room for another batch.

        Of rows with the same key, the newest by `cursor` is kept.
        """
        if self.is_pooled and self._pool:
            bodies = [page.body for page in pages]
            coming = self._pool.submit(self._in_pool, bodies, cursor, self._first)
            # All other batches wait for the first, and know the columns that it found.
            self._first = self._first or coming
            return coming
        done: Future[Batch] = Future()
        with self.activity.one_more():
            done.set_result(self.normalize(pages, cursor))
        return done

    def normalize(self, pages: Sequence[Page], cursor: str | None = None) -> Batch:
        """Make tables of some pages in this thread. `cursor`: see `submit`; without it a key may come twice."""
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
            # Another batch was faster and made a different column for a field that is new in both.
            return self.normalize(list(map(Page, bodies)), cursor)
        return batch

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        """The keys of some pages whose rows are not kept."""
        return self.normalize(pages).keys

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        """All columns of a table met so far, as dlt describes them, with the fields of those the contract lacks."""
        with self._lock:
            return self._columns.hints(self.shape.tables[table])
