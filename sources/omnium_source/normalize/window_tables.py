"""The tables of one window in the making.

WindowTables    add pages, keep the wanted rows of each batch, take the tables

The caller gets each batch, counts its keys, and says which of its rows to keep.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.batch import Batch
from omnium_source.normalize.buffer import Buffer, Columns, Tables, joined
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import ID, ROOT_ID
from omnium_source.pages import Page


class WindowTables:
    """The tables of one window: pages go in, and the rows that are kept wait in a buffer.

    `cursor`: the column that tells which of two rows is newer. `change`: applied to each batch before it is returned.
    """

    def __init__(
        self,
        normalizer: ResourceNormalizer,
        cursor: str,
        buffer: Buffer,
        change: Callable[[Batch], Batch] | None = None,
    ) -> None:
        self._normalizer, self._cursor, self._buffer, self._change = normalizer, cursor, buffer, change
        self._waiting: list[Page] = []
        self._waiting_bytes = 0
        self._coming: deque[Future[Batch]] = deque()
        self._names: set[str] = set()
        self._hints: dict[str, Columns] = {}
        self._finished: Tables | None = None

    def add(self, page: Page, batch_bytes: int) -> list[Batch]:
        """Take a page; once more than `batch_bytes` wait, they become a batch. Returns the batches that are done."""
        self._waiting.append(page)
        self._waiting_bytes += len(page.body)
        return self._done() if self._waiting_bytes > batch_bytes else []

    def rest(self) -> list[Batch]:
        """Wait for all batches that are left, and return them."""
        return [*self._done(), *(self._result(self._coming.popleft()) for _ in range(len(self._coming)))]

    def _done(self) -> list[Batch]:
        """Make a batch of the pages that wait; return the batches that are done, in their order."""
        pages, self._waiting, self._waiting_bytes = [page for page in self._waiting if page.count], [], 0
        if pages:
            self._coming.append(self._normalizer.submit(pages, self._cursor))
        done = []
        # In the pool the next batches are under way while the caller counts the first.
        while self._coming and (len(self._coming) > self._normalizer.batches_ahead or self._coming[0].done()):
            done.append(self._result(self._coming.popleft()))
        return done

    def _result(self, coming: "Future[Batch]") -> Batch:
        batch = coming.result()
        return self._change(batch) if self._change else batch

    def keep(self, batch: Batch, mask: Sequence[bool] | None) -> None:
        """Keep those root rows of a batch that `mask` selects, all if it is None, along with their children."""
        tables = batch.kept(mask)
        self._buffer.add(tables)
        self._names |= {name for name, table in tables.items() if table.num_rows}

    def take_over(self, tables: Tables, root: str, without: Collection[str]) -> int:
        """Take the rows of a finished window except the root rows in `without`; return how many root rows it took."""
        dropped, taken = pa.array(list(without), pa.string()), 0
        for part in tables.parts:
            for table in part.tables():
                if without:
                    ids = table[ID.name if part.name == root else ROOT_ID.name]
                    table = table.filter(pc.invert(pc.is_in(ids, value_set=dropped)))
                self._buffer.add({part.name: table})
                taken += table.num_rows if part.name == root else 0
        self._hints |= tables.hints
        return taken

    def finish(self) -> Tables:
        """The finished tables; nothing can be added afterwards."""
        if self._finished is None:
            own = {name: self._normalizer.hints(name) for name in self._names}
            self._finished = joined([Tables([], own), Tables(self._buffer.finish(), self._hints)])
        return self._finished

    def close(self) -> None:
        """Remove the tables and their files."""
        self._buffer.close()
