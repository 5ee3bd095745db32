"""No figure, date or text of a tenant stops a model: each impossible one becomes null, and is counted.

OMNIUM_SOAK=1 tries more tenants of extremes.
"""

import json
import os
import random
import secrets
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from tests.support.models import dbt, query, write_raw
from tests.support.purchases import line, order, receipt, supplier
from tests.support.trade import TODAY as TRADE_DAY
from tests.support.trade import literal_tenant

pytestmark = pytest.mark.slow  # whole builds of extreme figures

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
            keys = [
                name for (name,) in connection.execute(f'select _dlt_id from omnium."{table}"').fetchall()
            ]
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
                other = choose.choice(
                    ("varchar", "double", "json", "hugeint", "timestamp", "date", "boolean")
                )
                changed = "to_json" if other == "json" else ""
                connection.execute(
                    f'alter table omnium."{table}" alter "{column}" type {other}'
                    f' using try_cast({changed}("{column}") as {other})'
                )
        # Days stand in few columns: one of them is impossible with every seed.
        connection.execute("alter table omnium.suppliers alter default_lead_time type varchar")
        connection.execute(
            "update omnium.suppliers set default_lead_time = '2147483647' "
            "where _dlt_id = (select min(_dlt_id) from omnium.suppliers)"
        )


TEXTS = (
    None, "", " ", "'", '"', "\\", "%_", "--", "{{ x }}", "a" * 5_000, "日本語", "e\u0301", "\U0001f4a9", "1e400",
    "{", "[1", "null",
    "NOK'; drop table", "a/b / c", "Infinity", "\t\n", "\u202e",
)  # fmt: skip


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Names of the columns of a raw table; none where there is no such table."""
    found = connection.execute(
        "select column_name from information_schema.columns where table_schema = 'omnium' and table_name = ?",
        [table],
    )
    return {column for (column,) in found.fetchall()}


def fill_with_texts(folder: Path, tables: dict[str, dict[str, str]], seed: int) -> None:
    """Put odd texts into a tenth of the names, ids, statuses and documents of every raw table."""
    choose = random.Random(seed)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for table, columns in tables.items():
            there = columns_of(connection, table)
            if not there:
                continue
            keys = [
                name for (name,) in connection.execute(f'select _dlt_id from omnium."{table}"').fetchall()
            ]
            for column, kind in columns.items():
                if kind not in ("text", "json"):
                    continue
                if column not in there:
                    connection.execute(f'alter table omnium."{table}" add column "{column}" varchar')
                for key in keys:
                    if choose.random() < 0.1:
                        connection.execute(
                            f'update omnium."{table}" set "{column}" = ? where _dlt_id = ?',
                            [choose.choice(TEXTS), key],
                        )


def test_odd_texts_stop_no_model(tmp_path: Path) -> None:
    write_raw(tmp_path, literal_tenant(), f"{TRADE_DAY}T20:00:00+00:00")
    fill_with_texts(tmp_path, columns_of_staging(tmp_path), 1)
    dbt(tmp_path, "build", *WITHOUT_TESTS, variables={"as_of_date": str(TRADE_DAY)})
    assert query(tmp_path, "select count(*) > 50 as many from marts.data_quality") == [{"many": True}]


def built_of_extremes(folder: Path, seed: int) -> Path:
    """All models over the tenant of the replenishment tests, with extremes in place of most figures."""
    write_raw(folder, literal_tenant(), f"{TRADE_DAY}T20:00:00+00:00")
    fill_with_extremes(folder, columns_of_staging(folder), seed)
    zone = ("UTC", "Europe/Oslo", "America/Los_Angeles", "Pacific/Kiritimati")[seed % 4]
    dbt(folder, "build", *WITHOUT_TESTS, variables={"as_of_date": str(TRADE_DAY), "time_zone": zone})
    return folder


SERVER = os.environ.get("TEST_POSTGRES_URL", "")
TYPES = {"HUGEINT": "numeric", "DOUBLE": "double precision", "JSON": "jsonb"}
"""PostgreSQL's names of DuckDB's types; the others are the same."""


@pytest.mark.skipif(not SERVER, reason="TEST_POSTGRES_URL names no server: see .ci/postgres")
@pytest.mark.timeout(600)
def test_extremes_stop_no_model_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the same values are impossible there as in DuckDB."""
    import psycopg2

    ours = built_of_extremes(tmp_path, 0)
    name = f"omnium_{secrets.token_hex(4)}"
    url = urlsplit(SERVER)
    with closing(psycopg2.connect(SERVER)) as server:
        server.autocommit = True
        server.cursor().execute(f"create database {name}")
    try:
        with closing(psycopg2.connect(url._replace(path=f"/{name}").geturl())) as database:
            database.autocommit = True
            cursor = database.cursor()
            cursor.execute("set timezone = 'UTC'")
            copy_raw_tables(ours, cursor)
            for variable, value in {
                "OMNIUM_DBT_TARGET": "postgres", "OMNIUM_POSTGRES_HOST": str(url.hostname),
                "OMNIUM_POSTGRES_PORT": str(url.port), "OMNIUM_POSTGRES_USER": str(url.username),
                "DBT_ENV_SECRET_OMNIUM_POSTGRES_PASSWORD": str(url.password), "OMNIUM_POSTGRES_DATABASE": name,
            }.items():  # fmt: skip
                monkeypatch.setenv(variable, value)
            dbt(ours, "build", *WITHOUT_TESTS, variables={"as_of_date": str(TRADE_DAY), "time_zone": "UTC"})
            columns = "check_name, resource, field, rows"
            cursor.execute(f"select {columns} from marts.impossible_value order by 1, 2, 3")
            theirs = [dict(zip(columns.split(", "), row, strict=True)) for row in cursor.fetchall()]
            assert theirs == query(ours, f"select {columns} from marts.impossible_value order by 1, 2, 3")
    finally:
        with closing(psycopg2.connect(SERVER)) as server:
            server.autocommit = True
            server.cursor().execute(f"drop database {name} with (force)")


def copy_raw_tables(folder: Path, cursor: Any) -> None:
    """The raw tables of `folder`/warehouse.duckdb, in another database."""
    cursor.execute("create schema omnium")
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for (table,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'omnium'"
        ).fetchall():
            columns = connection.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'omnium' and table_name = ? order by ordinal_position",
                [table],
            ).fetchall()
            types = [TYPES.get(kind, kind) for _, kind in columns]
            listed = ", ".join(f'"{column}" {kind}' for (column, _), kind in zip(columns, types, strict=True))
            cursor.execute(f'create table omnium."{table}" ({listed})')
            texts = ", ".join(f'cast("{column}" as varchar)' for column, _ in columns)
            places = ", ".join(f"%s::{kind}" for kind in types)
            for row in connection.execute(f'select {texts} from omnium."{table}"').fetchall():
                cursor.execute(f'insert into omnium."{table}" values ({places})', row)


SEEDS = range(25) if os.environ.get("OMNIUM_SOAK") else range(3)


@pytest.fixture(scope="module", params=SEEDS)
def extremes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_of_extremes(tmp_path_factory.mktemp("extremes"), request.param)


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
        assert {
            "impossible_quantity",
            "impossible_amount",
            "impossible_days",
            "impossible_date",
            "no_date",
        } <= checks


def test_no_mart_has_a_column_that_others_cannot_read(extremes: Path) -> None:
    """128-bit integers are DuckDB's own; other programs read bigint and decimal."""
    with duckdb.connect(str(extremes / "warehouse.duckdb"), read_only=True) as connection:
        types = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema in ('marts', 'staging')"
        ).fetchall()
    odd = [one for one in types if one[2] in ("HUGEINT", "UHUGEINT", "UBIGINT", '"NULL"', "INTERVAL", "TIME")]
    assert odd == []


def at_the_limits(folder: Path, tables: dict[str, dict[str, str]]) -> None:
    """Put the largest possible figure into every one, and leave dates and choices as they are."""
    largest = {"quantity": "1e8", "signed_quantity": "1e8", "price": "1e9", "amount": "1e13", "signed_amount": "1e13",
               "days": "3650", "decimal": "1e15", "bigint": "1e15"}  # fmt: skip
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for table, columns in tables.items():
            there = columns_of(connection, table)
            for column, kind in columns.items():
                if there and kind in largest and not column.startswith("canceled"):
                    connection.execute(
                        f'alter table omnium."{table}" {"alter" if column in there else "add column"} "{column}"'
                        f" {'type' if column in there else ''} varchar"
                    )
                    connection.execute(f'update omnium."{table}" set "{column}" = \'{largest[kind]}\'')


def test_the_largest_possible_figures_stop_no_model(tmp_path: Path) -> None:
    """Packages in packages of a hundred million, at a price of a thousand million each."""
    write_raw(tmp_path, literal_tenant(), f"{TRADE_DAY}T20:00:00+00:00")
    at_the_limits(tmp_path, columns_of_staging(tmp_path))
    dbt(tmp_path, "build", *WITHOUT_TESTS, variables={"as_of_date": str(TRADE_DAY)})
    assert query(tmp_path, "from marts.impossible_value where check_name <> 'no_date'") == []
    assert query(
        tmp_path, "select max(on_hand) as most, max(unit_cost) as dearest"
        " from marts.inventory_position, marts.replenishment"
    ) == [{"most": Decimal("100000000.0000"), "dearest": Decimal("1000000000.00")}]  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One purchase order of 10, whose other fields hold what somebody typed into the wrong one."""
    folder = tmp_path_factory.mktemp("odd")
    write_raw(
        folder,
        {
            "suppliers": [
                supplier("norstedt", maximumOrderAmount="79228162514264337593543950335", minimumOrderAmount=-1),
                supplier("slow", defaultLeadTime=2147483647, defaultLeadTimeSafetyMarginDays="three"),
            ],
            "products": [
                {"id": "1_sv", "productId": "1", "skuId": "roman", "supplierId": "norstedt", "cost": 4999,
                 "minQuantity": 7038010000123, "discontinued": "9999-12-31T23:59:59Z"},
                {"id": "2_sv", "productId": "2", "skuId": "atlas", "supplierId": "norstedt", "cost": "NaN",
                 "minQuantity": 4, "discontinued": "0001-01-01T00:00:00Z"},
            ],
            "inventory": [
                {"sku": "roman", "warehouseCode": "malmo", "inventory": 370380100001234567, "cost": 4999,
                 "minQuantity": 7038010000123},
                {"sku": "atlas", "warehouseCode": "malmo", "inventory": "-3", "cost": "1e30"},
            ],
            "purchase_orders": [
                order(
                    "barcode",
                    line("1", "roman", 7038010000123, deliveredQuantity=-4),
                    line("2", "roman", 10, estimatedTimeOfArrival="9999-12-31T23:59:59Z"),
                ),
            ],
            "inventory_transactions": [
                receipt("r1", "barcode", "roman", 4, "2025-06-12T08:00:00Z"),
                receipt("r2", "barcode", "roman", 7038010000123, "2025-06-13T08:00:00Z"),
                receipt("r3", "barcode", "roman", 2, "9999-12-31T23:59:59Z"),
            ],
        },
        LOADED,
    )  # fmt: skip
    dbt(folder, "build", *WITHOUT_TESTS, variables={"as_of_date": TODAY, "time_zone": "Europe/Oslo"})
    return folder


def test_impossible_figures_are_missing_and_nothing_else(odd: Path) -> None:
    assert query(
        odd,
        "select ordered_quantity, net_quantity, delivered_quantity, received_quantity, open_quantity, promised_date,"
        " promise_source, last_receipt_date from marts.fct_purchase_order_line",
    ) == [{
        "ordered_quantity": Decimal(10), "net_quantity": Decimal(10), "delivered_quantity": Decimal(0),
        # The receipt without a date counts, though nobody knows when it came.
        "received_quantity": Decimal(6), "open_quantity": Decimal(4),
        "promised_date": date(2025, 6, 10), "promise_source": "lead_time", "last_receipt_date": date(2025, 6, 12),
    }]  # fmt: skip
    assert query(
        odd, "select supplier_id, lead_time_days, safety_margin_days, minimum_order_amount, maximum_order_amount"
        " from marts.dim_supplier order by 1"
    ) == [
        {"supplier_id": "norstedt", "lead_time_days": 8, "safety_margin_days": 2, "minimum_order_amount": None,
         "maximum_order_amount": None},
        {"supplier_id": "slow", "lead_time_days": None, "safety_margin_days": None, "minimum_order_amount": None,
         "maximum_order_amount": None},
    ]  # fmt: skip
    assert query(
        odd, "select sku, cost, min_quantity, discontinued_date, is_discontinued from marts.dim_product order by 1"
    ) == [
        {"sku": "atlas", "cost": None, "min_quantity": Decimal(4), "discontinued_date": None,
         "is_discontinued": False},
        {"sku": "roman", "cost": Decimal(4999), "min_quantity": None, "discontinued_date": None,
         "is_discontinued": False},
    ]  # fmt: skip
    # Who does not know what is there buys nothing.
    assert query(
        odd, "select sku, on_hand, is_unknown, block_reason, suggested_quantity"
        " from marts.inventory_position inner join marts.replenishment using (sku, warehouse_code) order by 1"
    ) == [
        {"sku": "atlas", "on_hand": Decimal(-3), "is_unknown": False, "block_reason": "no cost",
         "suggested_quantity": Decimal(0)},
        {"sku": "roman", "on_hand": Decimal(0), "is_unknown": True, "block_reason": "stock not known",
         "suggested_quantity": Decimal(0)},
    ]  # fmt: skip


def test_impossible_figures_are_counted_with_key_and_field(odd: Path) -> None:
    lines = "purchase_orders__purchase_order_form__line_items"
    found: list[tuple[Any, ...]] = [
        tuple(row.values()) for row in query(odd, "from marts.impossible_value order by all")
    ]
    assert found == [
        ("impossible_amount", "inventory", "cost", 1, "atlas / malmo", "1e30"),
        ("impossible_amount", "products", "cost", 1, "2_sv", "NaN"),
        ("impossible_amount", "suppliers", "maximum_order_amount", 1, "norstedt", "79228162514264337593543950335"),
        ("impossible_amount", "suppliers", "minimum_order_amount", 1, "norstedt", "-1"),
        ("impossible_date", "inventory_transactions", "transaction_date", 1, "r3 / malmo", "9999-12-31T23:59:59Z"),
        ("impossible_date", lines, "estimated_time_of_arrival", 1, "barcode / 2", "9999-12-31T23:59:59Z"),
        ("impossible_days", "suppliers", "default_lead_time", 1, "slow", "2147483647"),
        ("impossible_days", "suppliers", "default_lead_time_safety_margin_days", 1, "slow", "three"),
        ("impossible_quantity", "inventory", "inventory", 1, "roman / malmo", "370380100001234567"),
        ("impossible_quantity", "inventory", "min_quantity", 1, "roman / malmo", "7038010000123"),
        ("impossible_quantity", "inventory_transactions", "inventory_change", 1, "r2 / malmo", "7038010000123"),
        ("impossible_quantity", "products", "min_quantity", 1, "1_sv", "7038010000123"),
        ("impossible_quantity", lines, "delivered_quantity", 1, "barcode / 1", "-4"),
        ("impossible_quantity", lines, "quantity", 1, "barcode / 1", "7038010000123"),
        ("no_date", "products", "discontinued", 1, "2_sv", "0001-01-01T00:00:00Z"),
    ]  # fmt: skip
    assert query(
        odd, "select rows, example_keys from marts.data_quality where check_name = 'impossible_amount'"
    ) == [{
        "rows": 4,
        "example_keys": "inventory.cost: atlas / malmo; products.cost: 2_sv; suppliers.maximum_order_amount: norstedt;"
        " suppliers.minimum_order_amount: norstedt",
    }]  # fmt: skip
