"""`run` after 1 % of the rows changed: with ten times the history, against the original history.

The longer history is made within DuckDB from copies of all orders, inventory transactions and purchase orders under
other ids. Each copy is earlier than the previous one by the age of the tenant. Articles, warehouses and suppliers
stay the same, and the same rows change.
"""

import shutil
from pathlib import Path

import duckdb

from tests.benchmarks.measuring import Cost, Outcome, folder, omnium_elt, serving
from tests.benchmarks.raw_tables import IDS, as_another, columns_of, copy_rows, count, family, working
from tests.support.by_key import BY_KEY, differences

TIMES = 10
GOAL = 1.5
SHARE = 0.01
ROOTS = {
    "orders": {"id", "order_number"},
    "inventory_transactions": {"id", "purchase_order_id", "order_id"},
    "purchase_orders": {"id"},
}
"""Resources that are copied, and the id columns of their root tables."""


def ten_times(scale: float) -> Outcome:
    """The time of the second run with the long history, divided by that with the original one."""
    with serving(size="large" if scale >= 1 else "medium") as server, folder() as short, folder() as long:
        omnium_elt(server, short, "load")
        shutil.copytree(short, long, dirs_exist_ok=True)
        rows = lengthen(long)
        for home in (short, long):
            omnium_elt(None, home, "transform")
            omnium_elt(None, home, "publish")
        changed = server.ask(change=SHARE)
        costs: dict[Path, Cost] = {home: omnium_elt(server, home, "run") for home in (short, long)}
        with duckdb.connect(str(working(long)), read_only=True) as connection:
            wrong = differences(connection, long / "state" / "dbt" / "target" / "compiled")
    ratio = costs[long].seconds / costs[short].seconds
    cpu = costs[long].cpu / costs[short].cpu
    return Outcome(
        f"run after {SHARE:.0%} changed, {TIMES} times the history ({rows:,} rows)",
        f"at most {GOAL:g} times the run with one time, tables by key equal to whole ones",
        f"{ratio:.2f} ({cpu:.2f} by CPU time)",
        ratio <= GOAL and not wrong,
        (
            f"one time {costs[short]}",
            f"{TIMES} times {costs[long]}, {changed:,} rows changed",
            f"{len(BY_KEY)} tables by key: {wrong or 'equal, row for row'}",
        ),
    )


def lengthen(home: Path) -> int:
    """Make the history TIMES as long; return the number of rows afterwards."""
    rows = 0
    with duckdb.connect(str(working(home)), config={"memory_limit": "3GB"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        (days,) = connection.execute(
            "select date_diff('day', min(created), max(created)) + 1 from omnium.orders"
        ).fetchall()[0]
        for root, names in ROOTS.items():
            for table in family(connection, root):
                ids = {*IDS, *(names if table == root else ())}
                changed = []
                for column, kind in columns_of(connection, table).items():
                    if column in ids:
                        changed.append(as_another(column))
                    elif kind.startswith("TIMESTAMP") and column != "_omnium_deleted_at":
                        changed.append(
                            f'"{column}" - to_days(cast(copy.range * {days} as integer)) as "{column}"'
                        )
                copy_rows(connection, table, TIMES, changed)
                rows += count(connection, table)
    return rows
