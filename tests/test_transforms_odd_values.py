"""No figure, date or text of a tenant stops a model: each impossible one becomes null, and is counted.

OMNIUM_SOAK=1 tries more tenants of extremes.
"""

import json
import os
import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.models import Row, dbt, query, write_raw
from tests.test_transforms_purchasing_edges import line, order, receipt, supplier
from tests.test_transforms_replenishment import TODAY as TRADE_DAY
from tests.test_transforms_replenishment import literal_tenant

LOADED = "2025-06-30T20:00:00+00:00"
TODAY = "2025-06-30"
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "test")

NUMBERS = (
    "7038010000123", "370380100001234567", "79228162514264337593543950335", "2147483647", "-2147483648",
    "9223372036854775807", "1e30", "-1e30", "1e400", "NaN", "Infinity", "-0", "0.000000001", "-5", "99999999",
    "100000000", "1000000000", "10000000000000", "3650", "three", "12,5", " 7 ", "", "true", "{}", "2024-02-30",
)  # fmt: skip
"""What stands where a number belongs: barcodes, the largest of several types, the edges of what is possible."""
MOMENTS = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999+00:00",
    "1753-01-01T00:00:00Z", "1899-12-30T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z",
    "2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-13-01", "20240301", "yesterday",
    "1709251200", "", "2024-03-10", "2024-03-10T10:00:00", "2024-03-10T10:00:00.1234567+05:30", "{}",
)  # fmt: skip
CHOICES = ("true", "FALSE", "yes", "1", "", "[]", "null")


def columns_of_staging(folder: Path) -> dict[str, dict[str, str]]:
    """Raw table → column → kind, as the staging models ask for them."""
    dbt(folder, "parse")
    manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    tables: dict[str, dict[str, str]] = {}
    for node in manifest["nodes"].values():
        for name, columns in node["config"].get("meta", {}).items():
            if name.startswith("raw "):
                tables.setdefault(name.removeprefix("raw "), {}).update(columns)
    return tables


def extreme(kind: str, choose: random.Random) -> str:
    """A value that does not belong there, or just so."""
    if kind in ("timestamp", "end"):
        return choose.choice(MOMENTS)
    return choose.choice(CHOICES if kind == "boolean" else NUMBERS)


def fill_with_extremes(folder: Path, tables: dict[str, dict[str, str]], seed: int) -> None:
    """Put extremes into most figures of every raw table, in columns of all the types that they could have."""
    choose = random.Random(seed)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        there = {
            table: [column for (column,) in connection.execute(
                "select column_name from information_schema.columns where table_schema = 'omnium' and table_name = ?",
                [table],
            ).fetchall()]
            for (table,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'omnium'"
            ).fetchall()
        }  # fmt: skip
        for table, columns in tables.items():
            if table not in there:
                continue
            keys = [name for (name,) in connection.execute(f'select _dlt_id from omnium."{table}"').fetchall()]
            for column, kind in columns.items():
                if kind in ("text", "json") or choose.random() < 0.3:
                    continue
                if column not in there[table]:
                    connection.execute(f'alter table omnium."{table}" add column "{column}" varchar')
                connection.execute(f'alter table omnium."{table}" alter "{column}" type varchar')
                connection.execute(f'alter table omnium."{table}" add column "{column}__v_text" varchar')
                for key in keys:
                    if choose.random() < 0.5:
                        connection.execute(
                            f'update omnium."{table}" set "{column}" = ?, "{column}__v_text" = ? where _dlt_id = ?',
                            [
                                extreme(kind, choose),
                                extreme(kind, choose) if choose.random() < 0.2 else None,
                                key,
                            ],
                        )
                # The column as it would be after another type was seen in it first.
                other = choose.choice(("varchar", "double", "json", "hugeint", "timestamp", "date", "boolean"))
                changed = "to_json" if other == "json" else ""
                connection.execute(
                    f'alter table omnium."{table}" alter "{column}" type {other}'
                    f' using try_cast({changed}("{column}") as {other})'
                )


def built_of_extremes(folder: Path, seed: int) -> Path:
    """All models over the tenant of the replenishment tests, with extremes in place of most figures."""
    write_raw(folder, literal_tenant(), f"{TRADE_DAY}T20:00:00+00:00")
    fill_with_extremes(folder, columns_of_staging(folder), seed)
    zone = ("UTC", "Europe/Oslo", "America/Los_Angeles", "Pacific/Kiritimati")[seed % 4]
    dbt(folder, "build", *WITHOUT_TESTS, variables={"as_of_date": str(TRADE_DAY), "time_zone": zone})
    return folder


SEEDS = range(25) if os.environ.get("OMNIUM_SOAK") else range(3)


@pytest.fixture(scope="module", params=SEEDS)
def extremes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield built_of_extremes(tmp_path_factory.mktemp("extremes"), request.param)


def test_extremes_in_every_figure_stop_no_model(extremes: Path) -> None:
    """Every mart is there and can be read whole, in Python and as Arrow."""
    with duckdb.connect(str(extremes / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'America/Los_Angeles'")
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('marts', 'staging', 'intermediate', 'snapshots')"
        ).fetchall()
        assert len(tables) > 100
        for schema, table in tables:
            connection.execute(f'from "{schema}"."{table}"').fetchall()
            connection.execute(f'from "{schema}"."{table}"').to_arrow_table().to_pylist()
        checks = {
            name for (name,) in connection.execute("select check_name from marts.impossible_value").fetchall()
        }
        assert {"impossible_quantity", "impossible_amount", "impossible_days", "impossible_date", "no_date"} <= checks


def test_no_mart_has_a_column_that_others_cannot_read(extremes: Path) -> None:
    """128-bit integers are DuckDB's own; other programs read bigint and decimal."""
    with duckdb.connect(str(extremes / "warehouse.duckdb"), read_only=True) as connection:
        types = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema in ('marts', 'staging')"
        ).fetchall()
    odd = [one for one in types if one[2] in ("HUGEINT", "UHUGEINT", "UBIGINT", '"NULL"', "INTERVAL", "TIME")]
    assert odd == []
