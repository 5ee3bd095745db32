"""The tables of some pages, and one version of every row of several.

Batch     tables, keys, and what nobody expected
newest    of every key the newest row, with its children alone
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.drift import Drift
from omnium_source.normalize.found_columns import Found
from omnium_source.normalize.schema import ID, ROOT_ID, ROW_HASH


@dataclass(slots=True)
class Batch:
    """Arrow tables of some pages.

    `keys` are the `_dlt_id` of the root rows in the order they came; `roots` tells of every row of every
    table which root row it belongs to. `found`: columns that the contract lacks, where this batch needed them first.
    `tables` is empty where only the keys are wanted. `doubled`: rows with the key of another one on the same page.
    """

    root: str
    tables: dict[str, pa.Table]
    keys: list[str]
    drift: list[Drift] = field(default_factory=list)
    roots: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    found: Found = field(default_factory=Found)
    doubled: int = 0

    def rows_of(self, table: str) -> np.ndarray:
        """The number of the root row that each row of a table belongs to."""
        known = self.roots.get(table)
        if known is not None:
            return known
        # Put together by hand: then its keys are distinct, and ids tell as much.
        ids = self.tables[table].column(ID.name if table == self.root else ROOT_ID.name)
        return np.asarray(pc.index_in(ids, pa.array(self.keys, pa.string())), dtype=np.int64)

    @property
    def hashes(self) -> list[str]:
        """The content hash of each root row; none where there are no tables."""
        root = self.tables.get(self.root)
        return [] if root is None else root[ROW_HASH.name].to_pylist()

    def stamps(self, cursor: str) -> np.ndarray | None:
        """Microseconds since 1970 of each root row, the largest number where a row has no stamp.

        None: there are no tables, or `cursor` is no column of timestamps.
        """
        root = self.tables.get(self.root)
        if root is None or cursor not in root.column_names:
            return None
        column = root[cursor]
        if not pa.types.is_timestamp(column.type):
            return None
        return np.asarray(column.cast(pa.int64()).fill_null(np.iinfo(np.int64).max).to_numpy())

    def kept(self, mask: Sequence[bool] | None) -> dict[str, pa.Table]:
        """The tables with only those root rows that `mask` keeps, and their children; all of them for None."""
        if mask is None or all(mask):
            return self.tables
        kept = self.tables[self.root].filter(pa.array(mask, pa.bool_()))
        ids = kept[ID.name].combine_chunks()
        return {
            name: kept if name == self.root else table.filter(pc.is_in(table[ROOT_ID.name], value_set=ids))
            for name, table in self.tables.items()
        }


def newest(batches: Sequence[Batch], cursor: str | None = None) -> Batch:
    """All rows of some batches, of every key only the newest, with its own children.

    The newest is the one with the largest `cursor` (a timestamp column of the root table), among equals and
    without a cursor the one that came last.

    Raises:
        ValueError: there is no batch.
    """
    if not batches:
        raise ValueError("newest() needs at least one batch")
    root = batches[0].root
    kept = _kept(batches, cursor)
    names = dict.fromkeys(chain.from_iterable(batch.tables for batch in batches))
    result = Batch(root, {}, [], [drift for batch in batches for drift in batch.drift])
    result.doubled = sum(batch.doubled for batch in batches)
    for batch in batches:
        result.found.fields.update(batch.found.fields)
        result.found.kinds.update(batch.found.kinds)
    tables: dict[str, list[pa.Table]] = {name: [] for name in names}
    roots: dict[str, list[np.ndarray]] = {name: [] for name in names}
    first = 0
    for batch, mask in zip(batches, kept, strict=True):
        renumbered = first + np.cumsum(mask) - 1
        result.keys += [key for key, keep in zip(batch.keys, mask, strict=True) if keep]
        for name, table in batch.tables.items():
            of_row = batch.rows_of(name)
            keep = mask[of_row]
            tables[name].append(table if keep.all() else table.filter(pa.array(keep)))
            roots[name].append(renumbered[of_row[keep]])
        first += int(mask.sum())
    for name in names:
        table = pa.concat_tables(tables[name], promote_options="default")
        if table.num_rows or name == root:
            result.tables[name] = table
            result.roots[name] = np.concatenate(roots[name])
    return result


def _kept(batches: Sequence[Batch], cursor: str | None) -> list[np.ndarray]:
    """Per batch, which of its root rows are the newest of their key."""
    masks = [np.ones(len(batch.keys), dtype=bool) for batch in batches]
    if len(set(chain.from_iterable(batch.keys for batch in batches))) == sum(map(len, masks)):
        return masks
    best: dict[str, tuple[int, int, int]] = {}
    for at, batch in enumerate(batches):
        stamps = _stamps(batch, cursor)
        for row, (key, stamp) in enumerate(zip(batch.keys, stamps, strict=True)):
            known = best.get(key)
            if known is None or stamp >= known[0]:
                best[key] = (stamp, at, row)
    for mask in masks:
        mask[:] = False
    for _, at, row in best.values():
        masks[at][row] = True
    return masks


def _stamps(batch: Batch, cursor: str | None) -> list[int]:
    table = batch.tables[batch.root]
    if cursor is None or cursor not in table.column_names:
        return [0] * table.num_rows
    column = table.column(cursor)
    if not pa.types.is_timestamp(column.type):
        return [0] * table.num_rows
    stamps: list[int] = column.cast(pa.int64()).fill_null(-(2**63)).to_pylist()
    return stamps
