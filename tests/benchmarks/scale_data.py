"""Makes a tenant of any number of order lines, within DuckDB, from the loaded tables of a smaller one.

A copy of the tenant has its own ids and is a few hours earlier than the previous one. It holds more than a year of
orders with shipments and returns, purchase orders with their events, and the inventory transactions of both. The number
of articles grows with the square root of the copies, because a growing chain mostly sells more of the same articles.
The copies are spread unevenly over these sets of articles (the first set sells most). In one order of fifty, all lines
are the same article, such as a carrier bag, which makes it the largest key. Warehouses and suppliers stay the same.

Only tables and columns that the models read are copied. Other columns are null in a copy; other tables are unchanged.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.measuring import ROOT
from tests.benchmarks.raw_tables import columns_of, family

LINES = "orders__order_form__line_items"
DOCUMENTS = {
    "orders": {"id", "order_number"},
    "returns": {"order_id", "order_number", "return_order_form__return_id"},
    "inventory_transactions": {
        "id",
        "order_id",
        "purchase_order_id",
        "return_order_id",
        "related_transaction_id",
    },
    "purchase_orders": {"id"},
    "event_log": {"id", "object_id"},
}
"""Resources that grow with the order lines, and the columns of their root tables that identify a document."""
ASSORTMENT = {
    "products": {"id"},
    "inventory": set[str](),
    "prices": {"id"},
    "cost_prices": {"id"},
}
"""Resources that grow with the articles, and the id columns of their root tables."""
ROW_IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id"}
ARTICLES = {"product_id", "sku_id", "sku", "code", "variant", "package_sku_id"}
"""Columns that identify an article, in any of these tables."""
DBT_PARSE = (
    *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse"),
    *("--project-dir", "transforms", "--profiles-dir", "transforms", "--no-send-anonymous-usage-stats"),
)
HOURS_BETWEEN_COPIES = 7
BAG_ORDERS = 50
"""In one of this many orders, all lines are the carrier bag."""


@dataclass(frozen=True)
class Tenant:
    """The size of a tenant: rows of its largest tables."""

    orders: int
    order_lines: int
    transactions: int
    purchase_order_lines: int
    places: int
    """Rows of SKU × warehouse."""
    largest: int
    """The most transactions of any SKU × warehouse."""

    def __str__(self) -> str:
        return (
            f"{self.order_lines:,} order lines, {self.transactions:,} inventory transactions, "
            f"{self.purchase_order_lines:,} purchase order lines, {self.places:,} SKU × warehouse, the largest with "
            f"{self.largest:,} transactions"
        )


def columns_read(working: Path) -> dict[str, set[str]]:
    """Raw tables and their columns that the models read, from dbt's manifest, where macros/raw.sql records them."""
    with tempfile.TemporaryDirectory() as target:
        subprocess.run(
            [*DBT_PARSE, "--target-path", target, "--log-path", target],
            cwd=ROOT,
            env={**os.environ, "OMNIUM_WAREHOUSE": str(working)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        nodes = json.loads((Path(target) / "manifest.json").read_text())["nodes"].values()
    read: dict[str, set[str]] = {}
    for node in nodes:
        for name, columns in (node["config"].get("meta") or {}).items():
            if name.startswith("raw "):
                read.setdefault(name.removeprefix("raw "), set()).update(columns)
    return read


def grow(connection: duckdb.DuckDBPyConnection, wanted: int, read: Mapping[str, set[str]]) -> Tenant:
    """Copy the tenant of this working database until it has about `wanted` order lines; `read`: see `columns_read`."""
    copies = max(1, round(wanted / _one(connection, f"select count(*) from omnium.{LINES}")))
    sets = math.isqrt(copies)
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set TimeZone = 'UTC'")
    bag = _one(
        connection,
        f"select code from omnium.{LINES} where code is not null group by code order by count(*) desc, code limit 1",
    )
    connection.execute(
        "create temp table copies as select range as copy, "
        f"cast(floor({sets} * (range / {copies}) ** 2) as integer) as article_set from range(1, {copies})"
    )
    connection.execute(
        "create temp table bag_orders as select copies.copy, orders.id, orders._dlt_id "
        f"from omnium.orders as orders, copies where hash(orders.id, copies.copy) % {BAG_ORDERS} = 0"
    )
    # Articles come last, because the copies above are made from the tenant as loaded.
    for root, names in DOCUMENTS.items():
        for table in sorted(read.keys() & set(family(connection, root))):
            _copy(connection, table, names if table == root else set(), read[table], bag=bag)
    connection.execute(
        f"create or replace temp table copies as select range as copy, range as article_set from range(1, {sets})"
    )
    for root, names in ASSORTMENT.items():
        for table in sorted(read.keys() & set(family(connection, root))):
            _copy(connection, table, names if table == root else set(), read[table], bag=None)
    connection.execute("drop table copies")
    connection.execute("drop table bag_orders")
    connection.execute("checkpoint")
    return measure(connection)


def measure(connection: duckdb.DuckDBPyConnection) -> Tenant:
    """Count the rows of a working database."""
    return Tenant(
        orders=_one(connection, "select count(*) from omnium.orders"),
        order_lines=_one(connection, f"select count(*) from omnium.{LINES}"),
        transactions=_one(connection, "select count(*) from omnium.inventory_transactions"),
        purchase_order_lines=_one(
            connection, "select count(*) from omnium.purchase_orders__purchase_order_form__line_items"
        ),
        places=_one(
            connection,
            "select count(*) from (select distinct variant, warehouse_code from omnium.inventory_transactions)",
        ),
        largest=_one(
            connection,
            "select max(rows) from (select count(*) as rows from omnium.inventory_transactions "
            "group by variant, warehouse_code)",
        ),
    )


def change(connection: duckdb.DuckDBPyConnection, orders: int) -> int:
    """Change about `orders` orders, and the same share of transactions and purchase orders, as another load would.

    Each line has one unit more, and each order a stamp one minute later. Returns the number of changed documents.
    """
    connection.execute("set TimeZone = 'UTC'")
    (load_id,) = connection.execute("select max(load_id) from omnium._dlt_loads").fetchall()[0]
    later = f"{float(load_id) + 1:.6f}"
    connection.execute(
        f"insert into omnium._dlt_loads select * replace ('{later}' as load_id, inserted_at + interval 1 second as "
        f"inserted_at) from omnium._dlt_loads where load_id = '{load_id}'"
    )
    step = max(1, _one(connection, "select count(*) from omnium.orders") // orders)
    changed = 0
    for root, stamp in (
        ("orders", "modified"),
        ("inventory_transactions", None),
        ("purchase_orders", "modified"),
    ):
        connection.execute(
            "create or replace temp table changed_rows as "
            f"select _dlt_id from omnium.{root} where hash(_dlt_id) % {step} = 0"
        )
        changed += _one(connection, "select count(*) from changed_rows")
        setting = f"_dlt_load_id = '{later}'" + (f", {stamp} = {stamp} + interval 1 minute" if stamp else "")
        if root == "inventory_transactions":
            setting += ", inventory_change = inventory_change + sign(inventory_change)"
        connection.execute(
            f"update omnium.{root} set {setting} where _dlt_id in (select _dlt_id from changed_rows)"
        )
        for table in family(connection, root):
            if table.endswith("line_items"):
                connection.execute(
                    f"update omnium.{table} set quantity = quantity + 1 "
                    "where _dlt_root_id in (select _dlt_id from changed_rows)"
                )
    connection.execute("drop table changed_rows")
    connection.execute("checkpoint")
    return changed


def _copy(
    connection: duckdb.DuckDBPyConnection, table: str, names: set[str], read: set[str], *, bag: str | None
) -> None:
    """Insert the rows of `table` once for each of the `copies`; `names` are the columns that identify a document.

    If `bag` is given, the table belongs to documents: their times are shifted, and lines of bag orders become the bag.
    """
    columns = columns_of(connection, table)
    order = next((name for name in ("_dlt_root_id", "order_id") if name in columns), None)
    has_bag = bag is not None and order is not None and "purchase" not in table
    values = {}
    for column, kind in columns.items():
        value = f'original."{column}"'
        if column in ROW_IDS | names:
            values[column] = f"{value} || '-' || copies.copy"
        elif column not in read and not column.startswith("_"):
            values[column] = "null"
        elif column in ARTICLES:
            own = f"{value} || if(article_set > 0, '-' || article_set, '')"
            values[column] = f"if(bag_orders.id is null, {own}, '{bag}')" if has_bag else own
        elif kind.startswith("TIMESTAMP") and column != "_omnium_deleted_at" and bag is not None:
            values[column] = f"{value} - to_hours(cast(copies.copy * {HOURS_BETWEEN_COPIES} as integer))"
    replaced = ", ".join(f'{value} as "{column}"' for column, value in values.items())
    bag_orders = (
        f"left join bag_orders on bag_orders.copy = copies.copy "
        f"and bag_orders.{'id' if order == 'order_id' else order.replace('root_', '')} = original.{order}"
        if has_bag and order
        else ""
    )
    connection.execute(
        f'insert into omnium."{table}" select original.* replace ({replaced}) '
        f'from omnium."{table}" as original cross join copies {bag_orders}'
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The single value that a query returns."""
    return connection.execute(query).fetchall()[0][0]
