"""Enlarges the raw tables of a home within DuckDB, by copies of rows under other ids."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

IDS = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id")
"""Columns that identify a row, its parent or its root."""


def working(home: Path) -> Path:
    """The working database of a home."""
    return home / "state" / "warehouse.duckdb"


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """The number of rows of a raw table."""
    ((rows,),) = connection.execute(f'select count(*) from omnium."{table}"').fetchall()
    return int(rows)


def family(connection: duckdb.DuckDBPyConnection, root: str) -> list[str]:
    """A resource's root table and its child tables."""
    found = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'omnium' "
        "and (table_name = ? or starts_with(table_name, ? || '__'))",
        [root, root],
    ).fetchall()
    return [str(table) for (table,) in found]


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The columns of a raw table and their types."""
    return {name: kind for name, kind, *_ in connection.execute(f'describe omnium."{table}"').fetchall()}


def as_another(column: str) -> str:
    """SQL for an id column whose value differs in each copy."""
    return f'"{column}" || \'-\' || copy.range as "{column}"'


def copy_rows(connection: duckdb.DuckDBPyConnection, table: str, times: int, changed: Sequence[str]) -> None:
    """Multiply the rows of a table by `times`; `changed`: SQL of the columns that differ in each copy."""
    connection.execute(
        f'insert into omnium."{table}" select original.* replace ({", ".join(changed)}) '
        f'from omnium."{table}" as original cross join range(1, {times}) as copy'
    )
