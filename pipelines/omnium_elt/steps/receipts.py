"""Tables in which a package describes itself, committed together with its rows.

receipts     `_omnium_windows`: what was read, what the server counted, and that both agree
odd_values   `_omnium_odd_values`: fields with values that could not be loaded as they were, and keys of such rows
beside       both tables; without odd values, only the receipts
table_of     given rows of either, such as those of another home
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from omnium_source.normalize.drift import MOST_IDS, Drift, summed
from omnium_source.resources import LEFT_OUT
from omnium_source.windows.gathered import Verified
from omnium_source.windows.window import moment_of

from omnium_elt.warehouse.database import ODD_VALUES, RECEIPTS

_RECEIPT = pa.schema(
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
        ("left_out_before", pa.timestamp("us", "UTC")),
    ]
)
_ODD_VALUE = pa.schema(
    [
        ("run_id", pa.string()),
        ("resource", pa.string()),
        ("table_name", pa.string()),
        ("column_name", pa.string()),
        ("kind", pa.string()),
        ("example_type", pa.string()),
        ("rows", pa.int64()),
        ("example_keys", pa.string()),
        ("row_id", pa.string()),
    ]
)
_SCHEMAS = {RECEIPTS: _RECEIPT, ODD_VALUES: _ODD_VALUE}


def beside(run_id: str, windows: Sequence[Verified]) -> dict[str, pa.Table]:
    """Receipts and odd values of these windows, by table."""
    tables = {RECEIPTS: receipts(run_id, windows)}
    if any(window.odd for window in windows):
        tables[ODD_VALUES] = odd_values(run_id, windows)
    return tables


def receipts(run_id: str, windows: Sequence[Verified]) -> pa.Table:
    """The rows of `_omnium_windows`, without the package's id."""
    return table_of(RECEIPTS, [{"run_id": run_id, **_receipt(window)} for window in windows])


def _receipt(window: Verified) -> dict[str, Any]:
    return {
        "resource": window.resource.name,
        "window_from": window.window.lower,
        "window_to": window.window.end,
        "total_hits": window.total_hits,
        "rows": window.rows,
        "rows_written": window.written,
        "distinct_keys": window.distinct_keys,
        "requests": window.requests,
        "tries": window.tries,
        "seconds": window.seconds,
        "complete": True,
        "max_lateness_seconds": window.late_seconds,
        "left_out_before": moment_of(window.state.get(LEFT_OUT)),
    }


def odd_values(run_id: str, windows: Sequence[Verified]) -> pa.Table:
    """The rows of `_omnium_odd_values`, without the package's id: one per column, kind and row.

    Objects that are not rows, and rows beyond the first `MOST_IDS` of a column, share one entry without `row_id`.
    """
    rows = [
        {
            "run_id": run_id,
            "resource": one.table.split("__")[0],
            "table_name": one.table,
            "column_name": one.column,
            "kind": one.kind,
            "example_type": one.example_type,
            **counted,
        }
        for one in summed(drift for window in windows for drift in window.odd)
        for counted in _of_rows(one)
    ]
    return table_of(ODD_VALUES, rows)


def _of_rows(drift: Drift) -> Iterator[dict[str, Any]]:
    for row_id, key in drift.ids[:MOST_IDS]:
        yield {"rows": 1, "example_keys": key, "row_id": row_id}
    if rest := drift.rows - len(drift.ids[:MOST_IDS]):
        places = ", ".join(drift.examples) if drift.kind == "no_row" else None
        yield {"rows": rest, "example_keys": places, "row_id": None}


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """An Arrow table of these rows of a bookkeeping table, such as those of another home."""
    schema = _SCHEMAS[name]
    return pa.Table.from_pylist(
        [{column: row.get(column) for column in schema.names} for row in rows], schema
    )
