"""`run` after one row in a hundred changed, with ten times the history, against the same with one time.

The longer history is made within DuckDB: copies of all orders, inventory transactions and purchase orders under other
ids, each as long before the other as the tenant is old. Articles, warehouses and suppliers stay as they are, and so
does what changes.
"""

import shutil
from pathlib import Path

import duckdb

from tests.benchmarks.measuring import Cost, Outcome, folder, omnium_elt, serving
from tests.support.by_key import BY_KEY, differences

TIMES = 10
GOAL = 1.5
SHARE = 0.01
IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id"}
ROOTS = {
    "orders": {"id", "order_number"},
    "inventory_transactions": {"id", "purchase_order_id", "order_id"},
    "purchase_orders": {"id"},
}
"""Resources of which there is more, and the columns of their documents that name one."""


def ten_times(scale: float) -> Outcome:
    """The ratio of the times of the second runs, the one with the long history in the numerator."""
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


def working(home: Path) -> Path:
    """The working database of a home."""
    return home / "state" / "warehouse.duckdb"


def lengthen(home: Path) -> int:
    """Make the history TIMES as long; how many rows there are then."""
    rows = 0
    with duckdb.connect(str(working(home)), config={"memory_limit": "3GB"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        (days,) = connection.execute(
            "select date_diff('day', min(created), max(created)) + 1 from omnium.orders"
        ).fetchall()[0]
        for root, names in ROOTS.items():
            tables = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'omnium' "
                "and (table_name = ? or starts_with(table_name, ? || '__'))",
                [root, root],
            ).fetchall()
            for (table,) in tables:
                ids = IDS | (names if table == root else set())
                changed = []
                for column, kind, *_ in connection.execute(f'describe omnium."{table}"').fetchall():
                    if column in ids:
                        changed.append(f'"{column}" || \'-\' || copy.range as "{column}"')
                    elif kind.startswith("TIMESTAMP") and column != "_omnium_deleted_at":
                        changed.append(
                            f'"{column}" - to_days(cast(copy.range * {days} as integer)) as "{column}"'
                        )
                connection.execute(
                    f'insert into omnium."{table}" select original.* replace ({", ".join(changed)}) '
                    f'from omnium."{table}" as original cross join range(1, {TIMES}) as copy'
                )
                counted = connection.execute(f'select count(*) from omnium."{table}"').fetchone()
                rows += counted[0] if counted else 0
    return rows
