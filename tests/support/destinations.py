"""The destinations that a dlt user may name, each in its own folder, and how to read their rows back."""

import os
from pathlib import Path
from typing import Any

import dlt
import pytest

from tests.support.dlt_user import rows_of

SERVER = os.environ.get("TEST_POSTGRES_URL", "")


def sqlite(folder: Path) -> Any:
    pytest.importorskip("sqlalchemy")
    return dlt.destinations.sqlalchemy(f"sqlite:///{folder / 'mine.sqlite'}")


def postgres(folder: Path) -> Any:
    if not SERVER:
        pytest.skip("TEST_POSTGRES_URL names no server: see .ci/postgres")
    return dlt.destinations.postgres(SERVER)


def duckdb(folder: Path) -> Any:
    return dlt.destinations.duckdb(str(folder / "mine.duckdb"))


def files(folder: Path) -> Any:
    return dlt.destinations.filesystem(f"file://{folder / 'files'}")


def rows_of_delta(pipeline: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a Delta table, read by deltalake: DuckDB would have to download an extension."""
    from dlt.common.libs.deltalake import get_delta_tables

    rows = get_delta_tables(pipeline, table)[table].to_pyarrow_table().select(columns).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def rows_of_iceberg(pipeline: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of an Iceberg table, read by pyiceberg for the same reason."""
    from dlt.common.libs.pyiceberg import get_iceberg_tables

    rows = get_iceberg_tables(pipeline, table)[table].scan().to_arrow().select(columns).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


READERS: dict[Any, Any] = {None: rows_of, "delta": rows_of_delta, "iceberg": rows_of_iceberg}
