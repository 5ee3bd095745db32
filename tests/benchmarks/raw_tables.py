"""The raw tables of a home, made longer within DuckDB: copies of rows under other ids."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

IDS = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id")
"""Columns that name a row, or the one above it."""


def working(home: Path) -> Path:
    """The working database of a home."""
    return home / "state" / "warehouse.duckdb"


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a raw table."""
    ((rows,),) = connection.execute(f'select count(*) from omnium."{table}"').fetchall()
    return int(rows)


def family(connection: duckdb.DuckDBPyConnection, root: str) -> list[str]:
    """A resource's table and those below it."""
    found = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'omnium' "
        "and (table_name = ? or starts_with(table_name, ? || '__'))",
        [root, root],
    ).fetchall()
    return [str(table) for (table,) in found]


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column → type."""
    return {name: kind for name, kind, *_ in connection.execute(f'describe omnium."{table}"').fetchall()}


def as_another(column: str) -> str:
    """The value of a column that names something, of each copy another one."""
    return f'"{column}" || \'-\' || copy.range as "{column}"'


def copy_rows(connection: duckdb.DuckDBPyConnection, table: str, times: int, changed: Sequence[str]) -> None:
    """Let a table hold `times` as many rows; `changed`: what of a row is another in each copy, in SQL."""
    connection.execute(
        f'insert into omnium."{table}" select original.* replace ({", ".join(changed)}) '
        f'from omnium."{table}" as original cross join range(1, {times}) as copy'
    )
