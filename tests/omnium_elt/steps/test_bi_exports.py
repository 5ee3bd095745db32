"""What BI tools read: every column described wherever it is used, and of a type that every reader knows."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

TYPES = {
    "BIGINT": "int64",
    "BOOLEAN": "bool",
    "DATE": "date32[day]",
    "DECIMAL(18,2)": "decimal128(18, 2)",
    "DECIMAL(18,4)": "decimal128(18, 4)",
    "DOUBLE": "double",
    "INTEGER": "int32",
    "TIMESTAMP WITH TIME ZONE": "timestamp[us, tz=UTC]",
    "VARCHAR": "string",
}
"""What the manifest calls a type, and what a reader of the file finds."""


@pytest.fixture
def exports(finished_home: Path) -> Path:
    return finished_home / "exports"


@pytest.fixture
def marts(exports: Path) -> dict[str, Any]:
    return dict(json.loads((exports / "manifest.json").read_text(encoding="utf-8"))["marts"])


def test_every_mart_and_column_is_described(marts: dict[str, Any]) -> None:
    assert {"replenishment", "purchase_proposal_line", "lead_time", "fct_stock_daily"} <= set(marts)
    assert [name for name, mart in marts.items() if not mart["description"].startswith("One row per ")] == []
    silent = {
        f"{name}.{column['name']}"
        for name, mart in marts.items()
        for column in mart["columns"]
        if not column["description"]
    }
    assert silent == set()


def test_the_files_say_what_the_manifest_says(exports: Path, marts: dict[str, Any]) -> None:
    strange = {
        (name, column["name"], column["type"])
        for name, mart in marts.items()
        for column in mart["columns"]
        if column["type"] not in TYPES
    }
    assert not strange, f"cast with a macro of transforms/macros/types.sql: {sorted(strange)}"
    for mart in marts.values():
        schema = pyarrow.parquet.read_schema(exports / mart["file"])
        assert [
            (field.name, str(field.type), field.metadata[b"description"].decode()) for field in schema
        ] == [(column["name"], TYPES[column["type"]], column["description"]) for column in mart["columns"]]
        assert json.loads(schema.metadata[b"column_descriptions"]) == {
            column["name"]: column["description"] for column in mart["columns"]
        }
        assert pyarrow.parquet.read_table(exports / mart["file"]).num_rows == mart["rows"]


def test_the_warehouse_says_it_too(finished_home: Path, marts: dict[str, Any]) -> None:
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        comments = dict(
            connection.execute(
                "select table_name || '.' || column_name, comment "
                "from duckdb_columns() where schema_name = 'marts' "
                # Views have no file of their own.
                "and table_name in (select table_name from duckdb_tables() where schema_name = 'marts')"
            ).fetchall()
        )
        tables = dict(
            connection.execute(
                "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
            ).fetchall()
        )
    assert tables == {name: mart["description"] for name, mart in marts.items()}
    assert comments == {
        f"{name}.{column['name']}": column["description"]
        for name, mart in marts.items()
        for column in mart["columns"]
    }


def test_files_are_sorted_by_their_grain(exports: Path) -> None:
    for mart, grain in (("fct_stock_daily", ["sku", "warehouse_code", "day"]), ("dim_product", ["sku"])):
        keys = pyarrow.parquet.read_table(exports / f"{mart}.parquet", columns=grain)
        assert keys.equals(keys.sort_by([(column, "ascending") for column in grain]))


def test_the_guide_names_what_there_is(finished_home: Path, marts: dict[str, Any]) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "bi.md").read_text(encoding="utf-8")
    table = guide.partition("| question |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[2])}
    assert named
    assert named <= set(marts)
    assert set(re.findall(r"exports[/\\](\w+)\.parquet", guide)) <= set(marts)
    columns = {column["name"] for mart in marts.values() for column in mart["columns"]}
    keys = {"supplier_id", "sku", "warehouse_code", "month", "on_time_share", "stock_out_risk", "line_value"}
    assert keys <= columns & set(re.findall(r"`(\w+)`", guide))


def test_the_queries_of_the_guide_find_something(finished_home: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "bi.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.+?)```", guide, re.DOTALL)
    assert len(queries) == 3
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        assert all(connection.execute(query).fetchall() for query in queries)
