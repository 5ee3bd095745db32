"""Marks rows that a tenant shows only if deleted ones are asked for, with the mark that a sweep would give them.

marked        marks such rows in a batch
"""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.batch import Batch
from omnium_source.normalize.schema import DELETED_AT, ROW_HASH

MARKED_HASH = "deleted:"
"""The prefix of the content hash of a row that was read as deleted."""
DELETED = "deleted"
"""The status of such a row, in lower case. A server that does not know the filter shows living rows instead."""


def marked(batch: Batch, moment: dt.datetime) -> Batch:
    """The batch with `_omnium_deleted_at` set in the rows whose own status says that they are deleted.

    Their hash gets a prefix, so that a row that is already marked is not written again, and one that is restored is.
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
