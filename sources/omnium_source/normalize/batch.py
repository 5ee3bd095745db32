"""The tables of some pages: their rows, keys and drift."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.drift import Drift
from omnium_source.normalize.found_columns import Found
from omnium_source.normalize.schema import ID, ROOT_ID, ROW_HASH

NO_STAMP = np.iinfo(np.int64).max
"""Stands for a missing stamp."""


@dataclass(slots=True)
class Batch:
    """Arrow tables of some pages.

    `keys`: the `_dlt_id` of the root rows in the order in which they came. `roots`: for each table, the root row that
    each row belongs to; empty once rows were left out. `found`: columns that the contract lacks and that this batch
    needed first. `tables` is empty if only the keys are wanted. `doubled`: rows with the key of another row on the same
    page.
    """

    root: str
    tables: dict[str, pa.Table]
    keys: list[str]
    drift: list[Drift] = field(default_factory=list)
    roots: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    found: Found = field(default_factory=Found)
    doubled: int = 0

    @property
    def hashes(self) -> list[str]:
        """The content hash of each root row; empty if there are no tables."""
        root = self.tables.get(self.root)
        return [] if root is None else root[ROW_HASH.name].to_pylist()

    def stamps(self, cursor: str, missing: int = NO_STAMP) -> np.ndarray | None:
        """The stamp of each root row in microseconds since 1970, `missing` if a row has none.

        None if there are no tables, or if `cursor` is not a column of timestamps.
        """
        root = self.tables.get(self.root)
        if root is None or cursor not in root.column_names:
            return None
        column = root[cursor]
        if not pa.types.is_timestamp(column.type):
            return None
        return np.asarray(column.cast(pa.int64()).fill_null(missing).to_numpy())

    def kept(self, mask: Sequence[bool] | None) -> dict[str, pa.Table]:
        """The tables with only those root rows that `mask` keeps, and their children; all rows if it is None."""
        if mask is None or all(mask):
            return self.tables
        kept = self.tables[self.root].filter(pa.array(mask, pa.bool_()))
        ids = kept[ID.name].combine_chunks()
        return {
            name: kept if name == self.root else table.filter(pc.is_in(table[ROOT_ID.name], value_set=ids))
            for name, table in self.tables.items()
        }

    def newest(self, cursor: str) -> "Batch":
        """The batch with only the newest row of each key, and the children of that row.

        The newest row has the largest `cursor` (a timestamp column of the root table). Among equals, and without a
        cursor, it is the row that came last.
        """
        found = self.stamps(cursor, missing=-NO_STAMP)
        stamps = [0] * len(self.keys) if found is None else found.tolist()
        newest: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            before = newest.setdefault(key, row)
            if stamps[row] >= stamps[before]:
                newest[key] = row
        mask = np.zeros(len(self.keys), dtype=bool)
        mask[list(newest.values())] = True
        tables = {name: table.filter(pa.array(mask[self.roots[name]])) for name, table in self.tables.items()}
        return replace(
            self,
            keys=[key for key, is_kept in zip(self.keys, mask, strict=True) if is_kept],
            tables={name: table for name, table in tables.items() if table.num_rows},
            roots={},
        )
