"""Publishing a warehouse of 1 GB, and publishing it again."""

import json

import duckdb

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, serving
from tests.benchmarks.raw_tables import working

BYTES = 1_000_000_000
GOAL = 5.0
ROWS_AT_ONCE = 500_000


def large_warehouse(scale: float) -> Outcome:
    """Seconds of the first publication; the second one must copy nothing."""
    with folder() as home:
        with serving(size="small") as server:
            omnium_elt(server, home, "load")
        omnium_elt(None, home, "transform")
        database = working(home)
        with duckdb.connect(str(database)) as connection:
            # Random text does not compress, so few rows suffice.
            connection.execute("create table omnium.benchmark_rows (number bigint, text varchar)")
            while database.stat().st_size < BYTES * scale:
                connection.execute(
                    "insert into omnium.benchmark_rows "
                    f"select range, uuid()::varchar || uuid()::varchar from range({ROWS_AT_ONCE})"
                )
                connection.execute("checkpoint")
        size = database.stat().st_size
        first = omnium_elt(None, home, "publish")
        inode = (home / "warehouse.duckdb").stat().st_ino
        again = omnium_elt(None, home, "publish")
        is_same = (home / "warehouse.duckdb").stat().st_ino == inode
        step = json.loads(first.output)["steps"][0]
    return Outcome(
        f"publishing {size / 1e9:.1f} GB",
        f"under {GOAL:g} s, no copy where nothing changed",
        f"{first.seconds:.1f} s, {'no' if is_same else 'a'} copy the second time",
        first.seconds < GOAL and is_same,
        (f"first  {first}; the step itself {step['seconds']:.1f} s", f"second {again}"),
    )
