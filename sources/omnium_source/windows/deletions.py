"""Rows that a tenant shows to those alone who ask for deleted ones: they get the mark that a sweep would give them.

marked        marks such rows in a batch
"""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.batch import Batch
from omnium_source.normalize.schema import DELETED_AT, ROW_HASH

MARKED_HASH = "deleted:"
"""Begins the content hash of a row that was read as a deleted one."""
DELETED = "deleted"
"""Status of such a row, in lower case. A server that does not know the filter shows living rows instead."""


def marked(batch: Batch, moment: dt.datetime) -> Batch:
    """The batch with `_omnium_deleted_at` where a row's own status says that it is deleted.

    The hash of a marked row says so: it is known as it is, and not when it lives again.
    """
    root = batch.tables.get(batch.root)
    if root is None or "status" not in root.column_names:
        return batch
    status = pc.utf8_lower(root["status"].cast(pa.string()))
    is_deleted = pc.fill_null(pc.equal(status, DELETED), False)
    marks = pc.if_else(is_deleted, pa.scalar(moment, DELETED_AT.type), pa.scalar(None, DELETED_AT.type))
    plain = root[ROW_HASH.name]
    hashes = pc.if_else(is_deleted, pc.binary_join_element_wise(MARKED_HASH, plain, ""), plain)
    for field, column in ((DELETED_AT, marks), (ROW_HASH, hashes)):
        place = root.schema.get_field_index(field.name)
        root = root.set_column(place, root.schema.field(place), column)
    batch.tables[batch.root] = root
    return batch
