"""Turns pages into Arrow tables, one for each database table.

    Normalizer(shape).normalize    some pages → Batch: tables, keys, content hashes and drift

A page's JSON objects are transposed: all values of one field become one Arrow column (`columns.py`), in the tables that
the contract has for them (`schema.py`, `table_builder.py`). Python touches each value once, to pick it out; types,
times, decimals and ids are processed by column.

No value is lost and none stops a run: an unknown field becomes a new column, and a value that does not fit its column
is kept beside it in `<column>__v_text` or `<column>__v_json`. Personal data are masked in this step (`pii/masking.py`),
before anything leaves it.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from omnium_source.json_values import json_bytes
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.drift import EXAMPLES, WHOLE_ROW, Drift, Notes, named
from omnium_source.normalize.found_columns import FoundColumns
from omnium_source.normalize.private_values import spelled
from omnium_source.normalize.schema import ROW_HASH, Column, ResourceShape
from omnium_source.normalize.spelling import AmbiguousNumber, Bodies, Spelling
from omnium_source.normalize.table_builder import TableBuilder, Work
from omnium_source.pages import Page

Rows = Sequence[dict[str, Any]]
Key = tuple[str | None, ...]


class Normalizer:
    """Turns pages of one resource into tables. It keeps nothing from one batch to the next."""

    def __init__(self, shape: ResourceShape) -> None:
        self.shape = shape
        self._personal = shape.personal
        self._root = shape.tables[shape.root]

    def normalize(
        self, pages: Sequence[Page], columns: FoundColumns | None = None, newest_by: str | None = None
    ) -> Batch:
        """The tables of some pages: always the root table, child tables only if they have rows.

        `columns` are those in addition to the contract's; `Batch.found` holds the new ones. A key that comes twice is
        in the tables twice; if `newest_by` names the column that tells which row is newer, only its newest row is.
        """
        pages, columns = list(pages), columns or FoundColumns.of(self.shape.tables)
        while True:
            try:
                batch = self._normalize(pages, columns.copy())
            except AmbiguousNumber as error:
                pages[error.page] = replace(pages[error.page], is_exact=True)
            else:
                is_doubled = len(set(batch.keys)) < len(batch.keys)
                return batch.newest(newest_by) if newest_by is not None and is_doubled else batch

    def _normalize(self, pages: Sequence[Page], found: FoundColumns) -> Batch:
        of_pages = [page.rows for page in pages]
        rows = list(chain.from_iterable(of_pages))
        kept = self._without_ignored(rows)
        starts = np.cumsum([0, *map(len, of_pages)])[:-1].tolist()
        roots = np.arange(len(kept), dtype=np.int64)
        bodies = Bodies([page.body for page in pages], starts)
        batch, notes = Batch(self.shape.root, {}, []), Notes()
        work = Work(self.shape.tables, self._personal, found, notes)
        table = TableBuilder(self._root, roots, Spelling(bodies, roots), work)
        if kept:
            table.add(self._root.node, kept)
        hashes = self._row_hashes(kept)
        keys = self._keys(rows, table)
        batch.keys = _ids(keys, hashes)
        table.columns[ROW_HASH.name] = pa.array(hashes, pa.string())
        ids = pa.array(batch.keys, pa.string())
        table.finish(ids, ids, batch)
        self._note_faults(pages, starts, notes)
        self._note_keys(keys, batch, starts, notes)
        of_elements = _Elements(pages, starts, keys)
        batch.drift = notes.drift(of_elements.name_of, batch.keys) + of_elements.no_rows(self.shape.root)
        batch.found = found.added
        return batch

    def _note_faults(self, pages: Sequence[Page], starts: Sequence[int], notes: Notes) -> None:
        """Note what could not be read in the rows as it was written, with the field's path in the page."""
        for page, start in zip(pages, starts, strict=True):
            no_rows = [fault.row or 0 for fault in page.faults if fault.what == "no_row"]
            for fault in page.faults:
                # Only rows are stored: faults in what surrounds them do not matter.
                if fault.row is not None and fault.row not in no_rows:
                    row = start + fault.row - sum(place < fault.row for place in no_rows)
                    field_name = self._personal.hide_inside(".".join(fault.path))
                    notes.add(self.shape.root, field_name, fault.what, "text", [row])

    def _note_keys(self, keys: Sequence[Key], batch: Batch, starts: Sequence[int], notes: Notes) -> None:
        """Note rows without a key, and those whose key another row of the same page has."""
        column = self.shape.key[0].name
        notes.add(
            self.shape.root, column, "no_key", "null", [row for row, key in enumerate(keys) if not any(key)]
        )
        if len(set(batch.keys)) == len(batch.keys):
            return
        for start, stop in pairwise([*starts, len(keys)]):
            seen: set[str] = set()
            for row in range(start, stop):
                if batch.keys[row] in seen:
                    notes.add(self.shape.root, column, "doubled_key", "text", [row])
                    batch.doubled += 1
                seen.add(batch.keys[row])

    def _without_ignored(self, rows: Rows) -> Rows:
        """The rows without the fields that get no column, so that the content hash does not cover them either."""
        node = self._root.node
        if node.is_closed:
            return [{name: one for name, one in row.items() if not node.ignores(name)} for row in rows]
        ignored = node.ignored
        if not any(name in row for name in ignored for row in rows):
            return rows
        return [{name: value for name, value in row.items() if name not in ignored} for row in rows]

    def _row_hashes(self, rows: Rows) -> list[str]:
        """A hash of each row's content that does not depend on the order of its fields."""
        salt, sorted_keys = self._personal.salt, orjson.OPT_SORT_KEYS
        return [
            blake2b(json_bytes(row, float, sorted_keys), digest_size=8, key=salt).hexdigest() for row in rows
        ]

    def _keys(self, rows: Rows, table: TableBuilder) -> list[Key]:
        """The key of each root row."""
        return list(zip(*(self._key_part(column, rows, table) for column in self.shape.key), strict=True))

    def _key_part(self, column: Column, rows: Rows, table: TableBuilder) -> Sequence[str | None]:
        values: list[Any] = list(rows)
        for name in column.path:
            values = [value.get(name) if type(value) is dict else None for value in values]
        texts = spelled(values, table.spelling)
        if column.personal:
            return [None if text is None else self._personal.hash(text) for text in texts]
        if column.kind == "text" or column.name not in table.columns:
            return texts
        # 1 and 1.0, or Z and +00:00, are the same key.
        typed = table.columns[column.name].cast(pa.string()).to_pylist()
        return [text if same is None else same for same, text in zip(typed, texts, strict=True)]


class _Elements:
    """The elements in the lists of some pages: rows, and those that are not objects."""

    def __init__(self, pages: Sequence[Page], starts: Sequence[int], keys: Sequence[Key]) -> None:
        self._pages, self._starts, self._keys = pages, starts, keys

    def name_of(self, row: int) -> str:
        """The key of a row, or its place if it has none."""
        if any(self._keys[row]):
            return named(self._keys[row])
        page = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._place(page, row - self._starts[page], row - 1)

    def no_rows(self, table: str) -> list[Drift]:
        """The elements that are not objects, as drift by their type, each named by its place."""
        found: dict[str, list[str]] = {}
        for number, page in enumerate(self._pages):
            faults = [fault for fault in page.faults if fault.what == "no_row"]
            for before, fault in enumerate(faults):
                at = fault.row or 0
                place = self._place(number, at, self._starts[number] + at - before - 1)
                found.setdefault(fault.json_type, []).append(place)
        return [
            Drift(table, WHOLE_ROW, "no_row", json_type, len(places), tuple(places[:EXAMPLES]))
            for json_type, places in found.items()
        ]

    def _place(self, page: int, at: int, row_before: int) -> str:
        """A position in a page as text, with the key of the row before it."""
        text = f"element {at + 1} of a page"
        has_neighbour = row_before >= self._starts[page] and any(self._keys[row_before])
        return f"{text}, after {named(self._keys[row_before])}" if has_neighbour else text


def _ids(keys: Sequence[Key], hashes: Sequence[str]) -> list[str]:
    """An id for each root row that is the same in every run: the digest of its key."""
    ids = []
    for row, key in enumerate(keys):
        # A row without a key is identified by its content.
        named_by = key if any(key) else ("", hashes[row])
        ids.append(blake2b(orjson.dumps(named_by), digest_size=16).hexdigest())
    return ids
