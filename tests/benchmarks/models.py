"""All dbt models on a million order lines and a million inventory transactions.

The tenant is the large one, loaded; its orders, and its transactions, are then copied within DuckDB under
other ids until there are as many as the goal says. Articles, warehouses and suppliers stay as they are; in the
wide case there are more articles, until SKU and warehouse make a million, and each copy sells articles of its own.
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
"""Columns that name an article, in orders, products, inventory and its transactions."""


def all_models(scale: float) -> Outcome:
    """Seconds of the whole command, and its memory."""
    return _measured(scale, is_wide=False)


def wide(scale: float) -> Outcome:
    """The same with as many rows of SKU and warehouse."""
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
    """Copy until there are `wanted` order lines, transactions and, if wide, rows of inventory; how many there are."""
    counted = {"orders": LINES, TRANSACTIONS: TRANSACTIONS} | ({INVENTORY: INVENTORY} if is_wide else {})
    times = {root: -(-wanted // max(1, count(connection, table))) for root, table in counted.items()}
    if is_wide:
        times["products"] = times[INVENTORY]
    for root, number in times.items():
        multiply(connection, root, number, is_wide=is_wide)
    return [count(connection, table) for table in (LINES, TRANSACTIONS, INVENTORY)]


def multiply(connection: duckdb.DuckDBPyConnection, root: str, times: int, *, is_wide: bool = False) -> None:
    """Let a resource hold `times` as many rows, children included, each copy under ids of its own.

    In the wide case a copy also has articles of its own.
    """
    for table in family(connection, root):
        ids = {*IDS, *(ROOT_IDS if table == root else ()), *(ARTICLES if is_wide else ())}
        columns = columns_of(connection, table)
        copy_rows(connection, table, times, [as_another(name) for name in columns if name in ids])
