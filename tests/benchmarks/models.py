"""All dbt models on a million order lines and a million inventory transactions.

The large tenant is loaded. Then its orders and transactions are copied within DuckDB under other ids until there are as
many as the goal states. Articles, warehouses and suppliers stay the same. In the wide case articles are copied, too,
until there are a million rows of SKU and warehouse, and each copy sells its own articles.
"""

import duckdb

from tests.benchmarks.measuring import MIB, Outcome, folder, omnium_elt, serving
from tests.benchmarks.raw_tables import IDS, as_another, columns_of, copy_rows, count, family, working

ROWS = 1_000_000
GOAL = 60.0
MOST = 4 * 1024 * MIB
LINES, TRANSACTIONS, INVENTORY = "orders__order_form__line_items", "inventory_transactions", "inventory"
ROOT_IDS = ("id", "order_number")
ARTICLES = ("product_id", "sku_id", "sku", "code", "variant")
"""Columns that identify an article in orders, products, inventory and inventory transactions."""


def all_models(scale: float) -> Outcome:
    """Seconds of the entire command, and its memory."""
    return _measured(scale, is_wide=False)


def wide(scale: float) -> Outcome:
    """The same with a million rows of SKU and warehouse."""
    return _measured(scale, is_wide=True)


def _measured(scale: float, *, is_wide: bool) -> Outcome:
    wanted = int(ROWS * scale)
    with folder() as home:
        with serving(size="large" if scale >= 1 else "medium") as server:
            omnium_elt(server, home, "load")
        with duckdb.connect(str(working(home)), config={"memory_limit": "2GB"}) as connection:
            lines, transactions, inventory = enlarge(connection, wanted, is_wide=is_wide)
        cost = omnium_elt(None, home, "transform")
    return Outcome(
        f"dbt build on {lines:,} order lines, {transactions:,} inventory transactions and {inventory:,} rows of "
        "inventory",
        f"under {GOAL:g} s, under {MOST // MIB:,} MiB",
        f"{cost.seconds:.1f} s, {cost.peak_bytes / MIB:,.0f} MiB",
        cost.seconds < GOAL and cost.peak_bytes < MOST,
        (str(cost),),
    )


def enlarge(connection: duckdb.DuckDBPyConnection, wanted: int, *, is_wide: bool) -> list[int]:
    """Copy until there are `wanted` order lines, transactions and, if wide, rows of inventory; return their numbers."""
    counted = {"orders": LINES, TRANSACTIONS: TRANSACTIONS} | ({INVENTORY: INVENTORY} if is_wide else {})
    times = {root: -(-wanted // max(1, count(connection, table))) for root, table in counted.items()}
    if is_wide:
        times["products"] = times[INVENTORY]
    for root, number in times.items():
        multiply(connection, root, number, is_wide=is_wide)
    return [count(connection, table) for table in (LINES, TRANSACTIONS, INVENTORY)]


def multiply(connection: duckdb.DuckDBPyConnection, root: str, times: int, *, is_wide: bool = False) -> None:
    """Multiply the rows of a resource and its child tables by `times`, each copy with its own ids.

    In the wide case a copy also has its own articles.
    """
    for table in family(connection, root):
        ids = {*IDS, *(ROOT_IDS if table == root else ()), *(ARTICLES if is_wide else ())}
        columns = columns_of(connection, table)
        copy_rows(connection, table, times, [as_another(name) for name in columns if name in ids])
