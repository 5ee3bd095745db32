"""Runs the dbt project on rows that a test writes out in the form of the API, and reads the marts."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.warehouse.queries import rows

from tests.support.parsing import share_parsing

Row = dict[str, Any]


def dbt(folder: Path, *arguments: str, variables: Mapping[str, Any] | None = None) -> Any:
    """Run a dbt command on `folder`/warehouse.duckdb and return its result; fails with the errors of the nodes."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    share_parsing()
    environment = {"OMNIUM_WAREHOUSE": str(folder / "warehouse.duckdb"), "DO_NOT_TRACK": "1"}
    with mock.patch.dict(os.environ, environment):
        answer = dbtRunner().invoke(
            [
                *arguments,
                "--project-dir",
                str(TRANSFORMS),
                "--profiles-dir",
                str(TRANSFORMS),
                "--target-path",
                str(folder / "target"),
                "--log-path",
                str(folder / "logs"),
                "--log-level",
                "none",
                "--log-level-file",
                "none",
                "--vars",
                json.dumps({"test_severity": "error", **(variables or {})}),
            ]
        )
    DuckDBConnectionManager.close_all_connections()
    results = list(getattr(answer.result, "results", None) or [])
    bad = [
        f"{one.node.name}: {one.message}"
        for one in results
        if one.status in ("error", "fail", "runtime error")
    ]
    assert answer.success, bad or answer.exception
    return answer.result


def write_raw(folder: Path, resources: Mapping[str, Iterable[Row]], loaded_at: str) -> None:
    """Make `folder`/warehouse.duckdb with raw tables of these rows, as a load leaves them."""
    tables: dict[str, list[Row]] = {}
    for resource, documents in resources.items():
        for number, document in enumerate(documents):
            key = f"{resource}:{number}"
            root: Row = {"_dlt_id": key, "_omnium_deleted_at": None}
            tables.setdefault(resource, []).append(root)
            _flatten(document, "", root, tables, resource, 0, key)
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema omnium")
        for table, table_rows in tables.items():
            connection.register("table_rows", _arrow(table_rows))
            connection.execute(f'create table omnium."{table}" as from table_rows')
            connection.unregister("table_rows")
        connection.execute(
            "create table omnium._dlt_loads as select cast(? as timestamptz) as inserted_at", [loaded_at]
        )


def query(folder: Path, sql: str, *values: Any) -> list[Row]:
    """The rows of a query on `folder`/warehouse.duckdb, each a dict."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return rows(connection, sql, *values)


def _flatten(
    document: Row, prefix: str, row: Row, tables: dict[str, list[Row]], table: str, depth: int, root: str
) -> None:
    for name, value in document.items():
        column = prefix + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        if isinstance(value, dict):
            _flatten(value, f"{column}__", row, tables, table, depth, root)
        elif isinstance(value, list) and depth < 2 and any(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                key = f"{row['_dlt_id']}/{column}/{index}"
                child: Row = {
                    "_dlt_id": key,
                    "_dlt_parent_id": row["_dlt_id"],
                    "_dlt_root_id": root,
                    "_dlt_list_idx": index,
                }
                tables.setdefault(f"{table}__{column}", []).append(child)
                _flatten(item, "", child, tables, f"{table}__{column}", depth + 1, root)
        elif isinstance(value, list):
            row[column] = json.dumps(value, default=str)
        elif isinstance(value, bool) or value is None:
            row[column] = value
        else:
            row[column] = value.isoformat() if isinstance(value, datetime | date) else str(value)


def _arrow(table_rows: list[Row]) -> pyarrow.Table:
    """All columns of all rows as text or boolean; staging casts them to their types."""
    names = dict.fromkeys(name for row in table_rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in table_rows]
        kind = pyarrow.bool_() if any(isinstance(value, bool) for value in values) else pyarrow.string()
        if name == "_dlt_list_idx":
            kind = pyarrow.int64()
        columns[name] = pyarrow.array(values, kind)
    return pyarrow.table(columns)
