"""Rows that a tenant shows to those alone who ask for deleted ones: they get the mark that a sweep would give them.

Marked        the tables of such a window
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.assembly import Added, Here, RowParser
from omnium_source.normalize.buffer import Spool
from omnium_source.normalize.pages import Page
from omnium_source.normalize.schema import DELETED_AT, ROW_HASH

MARKED_HASH = "deleted:"
"""Begins the content hash of a row that was read as a deleted one."""
DELETED = "deleted"
"""Status of such a row, in lower case. A server that does not know the filter shows living rows instead."""


class Marked(Here):
    """Tables whose rows carry `_omnium_deleted_at` where their own status says that they are deleted."""

    def __init__(self, parser: RowParser, cursor: str, spool: Spool, moment: dt.datetime) -> None:
        super().__init__(parser, cursor, spool)
        self._moment = pa.scalar(moment, DELETED_AT.type)

    def parsed(self, pages: Sequence[Page]) -> Added:
        """What `add` promises. The hash of a marked row says so: it is known as it is, and not when it lives again."""
        added = super().parsed(pages)
        batch = self._waiting[-1]
        root = batch.tables.get(batch.root)
        if root is None or "status" not in root.column_names:
            return added
        status = pc.utf8_lower(root["status"].cast(pa.string()))
        is_deleted = pc.fill_null(pc.equal(status, DELETED), False)
        marks = pc.if_else(is_deleted, self._moment, pa.scalar(None, DELETED_AT.type))
        plain = root[ROW_HASH.name]
        marked = pc.binary_join_element_wise(MARKED_HASH, plain, "")
        hashes = pc.if_else(is_deleted, marked, plain)
        for field, column in ((DELETED_AT, marks), (ROW_HASH, hashes)):
            place = root.schema.get_field_index(field.name)
            root = root.set_column(place, root.schema.field(place), column)
        batch.tables[batch.root] = root
        return replace(added, hashes=hashes.to_pylist())
