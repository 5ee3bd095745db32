"""The pages of a window become tables.

    Assembly     one window in the making: add pages, keep what is wanted of them, take the tables
    Here         does the work at once, in the thread that asks

Every batch added is answered with its keys, and waits until it is said which of its rows are kept. Large windows
are put together in processes of their own: `normalize/worker_pool.py`.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.batch import Batch, newest
from omnium_source.normalize.buffer import Columns, Spool, Tables
from omnium_source.normalize.drift import Drift
from omnium_source.normalize.pages import Page
from omnium_source.normalize.schema import Found


class RowParser(Protocol):
    """Turns pages into tables: `tables.Parser`, or something that wants no more than the keys."""

    def parse(self, pages: Sequence[Page]) -> Batch:
        """The tables and the keys of some pages."""

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        """The columns of a table, as dlt describes them."""

    def found(self) -> Found:
        """Fields that the contract does not have, met since this was asked before."""

    def learn(self, found: Found) -> None:
        """Make the same columns of such fields as another parser."""


@dataclass(frozen=True)
class Added:
    """What the pages of a batch brought: each row's key and content hash, and its stamp in microseconds.

    `hashes` is empty where no tables are made, `stamps` is None where the rows carry no timestamp. `found`: fields
    that the contract does not have, where this parser met them first.
    """

    keys: list[str]
    hashes: list[str]
    stamps: np.ndarray | None
    drift: list[Drift]
    found: Found


class Assembly(Protocol):
    """The tables of one window in the making.

    `at_once`: how many batches can be worked on side by side.
    """

    at_once: int

    def add(self, pages: Sequence[Page]) -> "Future[Added]":
        """Parse some pages. Their rows wait until `keep` is called, once for each `add` and in its order."""

    def keep(self, mask: Sequence[bool] | None) -> None:
        """Keep those rows, all for None, of the oldest batch that waits; the others are dropped."""

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        """The keys of rows that are looked at and not kept."""

    def finish(self) -> None:
        """Nothing more comes."""

    def tables(self) -> Tables:
        """The finished tables; waits for them where they are made elsewhere."""

    def close(self) -> None:
        """Remove everything."""


class Here:
    """An assembly in this process. `cursor`: the column that tells which of two rows is newer."""

    at_once = 1

    def __init__(self, parser: RowParser, cursor: str, spool: Spool) -> None:
        self._parser, self._cursor, self._spool = parser, cursor, spool
        self._waiting: deque[Batch] = deque()
        self._hints: dict[str, Columns] = {}
        self._finished: Tables | None = None

    def add(self, pages: Sequence[Page]) -> "Future[Added]":
        """Parse at once."""
        done: Future[Added] = Future()
        done.set_result(self.parsed(pages))
        return done

    def parsed(self, pages: Sequence[Page]) -> Added:
        """What `add` promises."""
        batch = self._parser.parse(pages)
        if batch.tables and len(set(batch.keys)) < len(batch.keys):
            batch = newest([batch], self._cursor)
        self._waiting.append(batch)
        root = batch.tables.get(batch.root)
        hashes = root["_omnium_row_hash"].to_pylist() if root is not None else []
        return Added(batch.keys, hashes, _stamps(root, self._cursor), batch.drift, self._parser.found())

    def keep(self, mask: Sequence[bool] | None) -> None:
        """Take the rows into the spool."""
        batch = self._waiting.popleft()
        if not batch.tables:
            return
        tables = batch.tables if mask is None or all(mask) else rows_kept(batch.tables, batch.root, mask)
        self._spool.add(tables)
        # A later batch may know more columns.
        self._hints |= {name: self._parser.hints(name) for name in tables if tables[name].num_rows}

    def take_over(self, tables: Tables, root: str, without: Collection[str]) -> int:
        """Take the rows of a finished assembly, but for those root rows; return how many root rows it took."""
        dropped, taken = pa.array(list(without), pa.string()), 0
        for part in tables.parts:
            for table in part.tables():
                if without:
                    ids = table["_dlt_id" if part.name == root else "_dlt_root_id"]
                    table = table.filter(pc.invert(pc.is_in(ids, value_set=dropped)))
                self._spool.add({part.name: table})
                taken += table.num_rows if part.name == root else 0
        self._hints |= tables.hints
        return taken

    def keys_of(self, pages: Sequence[Page]) -> list[str]:
        """Parse, and keep nothing else."""
        return self._parser.parse(pages).keys

    def finish(self) -> None:
        """Complete the files."""
        self._finished = Tables(self._spool.finish(), self._hints)

    def tables(self) -> Tables:
        """The finished tables."""
        if self._finished is None:
            self.finish()
        assert self._finished is not None
        return self._finished

    def close(self) -> None:
        """Remove the files."""
        self._waiting.clear()
        self._spool.close()


def rows_kept(tables: Mapping[str, pa.Table], root: str, mask: Sequence[bool]) -> dict[str, pa.Table]:
    """The tables of a batch with only those root rows that `mask` keeps, and their children."""
    kept = tables[root].filter(pa.array(mask, pa.bool_()))
    ids = kept["_dlt_id"].combine_chunks()
    return {
        name: kept if name == root else table.filter(pc.is_in(table["_dlt_root_id"], value_set=ids))
        for name, table in tables.items()
    }


def _stamps(root: pa.Table | None, cursor: str) -> np.ndarray | None:
    """Microseconds since 1970 of each row, the largest number where a row has no stamp."""
    if root is None or cursor not in root.column_names:
        return None
    column = root[cursor]
    if not pa.types.is_timestamp(column.type):
        return None
    return np.asarray(column.cast(pa.int64()).fill_null(np.iinfo(np.int64).max).to_numpy())
