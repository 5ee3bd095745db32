"""`run` after 1 % of the rows changed, against the first run; and `load` of a few changed rows in many tables."""

import json
from pathlib import Path

import duckdb

from tests.benchmarks.measuring import Outcome, folder, omnium_elt, serving
from tests.benchmarks.raw_tables import working

GOAL = 0.15
SHARE = 0.01
LITTLE_GOAL = 5.0
"""Seconds."""


def with_new_field(scale: float) -> Outcome:
    """Each changed row has a new field."""
    return _one_percent(scale, adds_field=True)


def one_percent(scale: float) -> Outcome:
    """Changed rows keep their fields."""
    return _one_percent(scale, adds_field=False)


def _one_percent(scale: float, *, adds_field: bool) -> Outcome:
    """The time of the second run divided by that of the first, on the large tenant."""
    with serving(size="large" if scale >= 1 else "medium") as server, folder() as home:
        first = omnium_elt(server, home, "run")
        changed = server.ask(change=SHARE, adds_field=adds_field)
        again = omnium_elt(server, home, "run")
    ratio = again.seconds / first.seconds
    return Outcome(
        f"run after {SHARE:.0%} changed{', each with a new field' if adds_field else ''}",
        f"at most {GOAL:g} of the first run",
        f"{ratio:.2f} ({again.cpu / first.cpu:.2f} by CPU time)",
        ratio <= GOAL,
        (f"first run  {first}", f"second run {again}, {changed:,} rows changed"),
    )


def a_little(scale: float) -> Outcome:
    """Load 1 % of the rows of a small tenant, with and without new fields."""
    costs = []
    with serving(size="small") as server, folder() as home:
        first = omnium_elt(server, home, "load")
        for adds_field in (False, True, False):
            server.ask(change=SHARE, adds_field=adds_field)
            costs.append(omnium_elt(server, home, "load"))
        tables = tables_of(home)
    rows = [sum(one["rows"] for one in json.loads(cost.output)["resources"]) for cost in costs]
    return Outcome(
        f"load of {rows[-1]:,} rows in {tables} tables",
        f"under {LITTLE_GOAL:g} s",
        f"{costs[-1].seconds:.1f} s ({costs[-1].cpu:.1f} s CPU)",
        costs[-1].seconds < LITTLE_GOAL,
        (
            f"first load {first}",
            f"{rows[0]:,} rows {costs[0]}",
            f"{rows[1]:,} rows, each with a new field {costs[1]}",
            f"{rows[2]:,} rows {costs[2]}",
        ),
    )


def tables_of(home: Path) -> int:
    """The number of the tenant's raw tables."""
    with duckdb.connect(str(working(home)), read_only=True) as connection:
        counted = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = 'omnium' and not starts_with(table_name, '_')"
        ).fetchone()
    return int(counted[0]) if counted else 0
