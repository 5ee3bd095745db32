"""All dbt models on a million order lines and a million inventory transactions.

The tenant is the large one, loaded; its orders, and its transactions, are then copied within DuckDB under
other ids until there are as many as the goal says. Articles, warehouses and suppliers stay as they are.
"""

import duckdb

from tests.benchmarks.measuring import MIB, Outcome, folder, omnium_elt, serving

ROWS = 1_000_000
GOAL = 60.0
MOST = 4 * 1024 * MIB
LINES, TRANSACTIONS = "orders__order_form__line_items", "inventory_transactions"
IDS = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id")


def all_models(scale: float) -> Outcome:
    """Seconds of the whole command, and its memory."""
    wanted = int(ROWS * scale)
    with folder() as home:
        with serving(size="large" if scale >= 1 else "medium") as server:
            omnium_elt(server, home, "load")
        working = home / "state" / "warehouse.duckdb"
        with duckdb.connect(str(working), config={"memory_limit": "2GB"}) as connection:
            for root, counted in (("orders", LINES), (TRANSACTIONS, TRANSACTIONS)):
                multiply(connection, root, -(-wanted // max(1, count(connection, counted))))
            lines, transactions = count(connection, LINES), count(connection, TRANSACTIONS)
        cost = omnium_elt(None, home, "transform")
    return Outcome(
        f"dbt build on {lines:,} order lines and {transactions:,} inventory transactions",
        f"under {GOAL:g} s, under {MOST // MIB:,} MiB",
        f"{cost.seconds:.1f} s, {cost.peak_bytes / MIB:,.0f} MiB",
        cost.seconds < GOAL and cost.peak_bytes < MOST,
        (str(cost),),
    )


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a raw table."""
    row = connection.execute(f"select count(*) from omnium.{table}").fetchone()
    return int(row[0]) if row else 0


def multiply(connection: duckdb.DuckDBPyConnection, root: str, times: int) -> None:
    """Let a resource hold `times` as many rows, children included, each copy under ids of its own."""
    tables = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'omnium' "
        "and (table_name = ? or starts_with(table_name, ? || '__'))",
        [root, root],
    ).fetchall()
    for (table,) in tables:
        columns = {row[0] for row in connection.execute(f"describe omnium.{table}").fetchall()}
        ids = [*IDS, *(["id", "order_number"] if table == root else [])]
        copies = ", ".join(f"{name} || '-' || copy.range as {name}" for name in ids if name in columns)
        connection.execute(
            f"insert into omnium.{table} select original.* replace ({copies}) "
            f"from omnium.{table} as original cross join range(1, {times}) as copy"
        )
