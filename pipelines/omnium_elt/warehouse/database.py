"""The working database, seen from the steps after the load: what is in it, and whether it changed."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

RAW = "omnium"
LOCAL = ("duckdb", "parquet")
"""Destinations whose raw data stand in the working database under the home."""


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


NO_VACUUM = 0
"""For DuckDB's `max_vacuum_tasks`. A checkpoint puts row groups together that are not full, which after a first load
takes a tenth as long as the load and wins nothing. When it is worth it: `Warehouse.record_run`."""


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[Any]:
    """Open a DuckDB file for the length of a `with`; one that does not exist is empty, and is not made."""
    import duckdb

    connection = duckdb.connect(str(path), read_only=read_only) if path.exists() else duckdb.connect()
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set max_vacuum_tasks = {NO_VACUUM}")
        yield connection
    finally:
        connection.close()


def tables(connection: Any, schema: str = RAW) -> dict[str, dict[str, str]]:
    """The tables (not views) of a schema: table → column → type."""
    rows = connection.execute(
        """
        select table_name, list(column_name order by column_index), list(data_type order by column_index)
        from duckdb_columns()
        where schema_name = ? and not internal
            and table_name in (select table_name from duckdb_tables() where schema_name = ?)
        group by table_name
        order by table_name
        """,
        [schema, schema],
    ).fetchall()
    return {table: dict(zip(columns, types, strict=True)) for table, columns, types in rows}


def fingerprint(connection: Any, schema: str = RAW) -> dict[str, str]:
    """Per raw table, a text that changes with its rows; bookkeeping tables are left out.

    Every changed row carries the id of the load that changed it, and every child comes with its root row.
    So counts, the newest load and the deletion marks tell; the rows themselves need not be read.
    """
    found: dict[str, str] = {}
    for table, columns in tables(connection, schema).items():
        if table.startswith("_"):
            continue
        figures = ["count(*)"]
        for column, wanted in (
            ("_dlt_load_id", ("max({0})",)),
            ("_omnium_deleted_at", ("count({0})", "max({0})")),
        ):
            if column in columns:
                figures += [figure.format(f'"{column}"') for figure in wanted]
        counted = connection.execute(f'select {", ".join(figures)} from "{schema}"."{table}"').fetchone()
        found[table] = digest([columns, [str(figure) for figure in counted]])
    # A child may change in a way that its own count does not show.
    for table in found:
        root = table.split("__")[0]
        if root != table and root in found:
            found[table] = digest([found[table], found[root]])
    return found


def newest_load_day(connection: Any, time_zone: str = "UTC") -> date | None:
    """The calendar day of the newest load, in `time_zone`; None before the first one."""
    for table, column in (("_dlt_loads", "inserted_at"), ("_omnium_runs", "finished_at")):
        if table in tables(connection):
            row = connection.execute(
                f'select cast(max("{column}") at time zone ? as date) from "{RAW}"."{table}"', [time_zone]
            ).fetchone()
            if row and row[0]:
                return row[0]
    return None


def digest(value: Any) -> str:
    """A short digest of anything that JSON can hold."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()
