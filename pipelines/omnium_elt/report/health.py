"""The report's section about the data: how complete and how fresh they are, and what is odd in them."""

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from omnium_elt.report.rendering import render
from omnium_elt.warehouse import database
from omnium_elt.warehouse.queries import Row, only_value, rows

MOST_CHECKS = 60
"""Checks shown at most, those that found most first."""


def section(connection: Any) -> Markup:
    """How complete and how fresh the data are, and what is odd in them."""
    checks = rows(
        connection,
        "select * from marts.data_quality order by rows = 0, rows desc, check_name limit ?",
        MOST_CHECKS,
    )
    return render(
        "health.html",
        receipts=_receipts(connection),
        odd=[check for check in checks if check["rows"]],
        checks=len(checks),
    )


def read_until(connection: Any) -> datetime | None:
    """The moment up to which the tenant was last read; None where no receipts are kept."""
    if not {"complete", "window_to"} <= set(database.tables(connection).get(database.RECEIPTS, ())):
        return None
    found = only_value(
        connection, f"select max(window_to) filter (where complete) from {database.RAW}.{database.RECEIPTS}"
    )
    return None if found is None else found.astimezone(UTC)


def _receipts(connection: Any) -> list[Row] | None:
    """What is kept of reading, a row a resource; None where nothing is kept."""
    wanted = {
        "resource",
        "run_id",
        "window_to",
        "total_hits",
        "distinct_keys",
        "complete",
        "max_lateness_seconds",
    }
    if not wanted <= set(database.tables(connection).get(database.RECEIPTS, ())):
        return None
    return rows(
        connection,
        f"""
        select
            resource,
            max(window_to) filter (where complete) as read_until,
            count(*) as windows,
            count(*) filter (where complete) as complete_windows,
            sum(total_hits) filter (where complete) as announced,
            sum(distinct_keys) filter (where complete) as received
        from {database.RAW}.{database.RECEIPTS}
        group by resource
        order by complete_windows = windows, read_until, resource
        """,
    )
