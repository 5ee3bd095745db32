"""Receipts: the rows of `_omnium_windows`, which prove that what was read is what the server counted."""

from collections.abc import Iterator, Sequence
from typing import Any

import dlt
import pyarrow as pa
from omnium_source.windows.gathered import Verified

from omnium_elt.warehouse.database import RECEIPTS

SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("resource", pa.string()),
        ("window_from", pa.timestamp("us", "UTC")),
        ("window_to", pa.timestamp("us", "UTC")),
        ("total_hits", pa.int64()),
        ("rows", pa.int64()),
        ("rows_written", pa.int64()),
        ("distinct_keys", pa.int64()),
        ("requests", pa.int64()),
        ("tries", pa.int64()),
        ("seconds", pa.float64()),
        ("complete", pa.bool_()),
        ("max_lateness_seconds", pa.float64()),
        ("_dlt_load_id", pa.string()),
    ]
)


def receipts(run_id: str, windows: Sequence[Verified]) -> Any:
    """The rows of `_omnium_windows`: what was read, what the server counted, and that both agree."""

    def rows() -> Iterator[pa.Table]:
        # A package that fails may have written this table already: its id tells whether the receipts are good.
        load_id = dlt.current.load_package_state()["load_id"]
        found = [
            {
                "run_id": run_id,
                "resource": window.resource.name,
                "window_from": window.window.lower,
                "window_to": window.window.end,
                "total_hits": window.total_hits,
                "rows": window.rows,
                "rows_written": window.written,
                "distinct_keys": window.distinct_keys,
                "requests": window.traffic.requests,
                "tries": window.tries,
                "seconds": window.seconds,
                "complete": True,
                "max_lateness_seconds": window.late_seconds,
                "_dlt_load_id": load_id,
            }
            for window in windows
        ]
        yield pa.Table.from_pylist(found, schema=SCHEMA)

    return dlt.resource(rows, name=RECEIPTS, write_disposition="append")
