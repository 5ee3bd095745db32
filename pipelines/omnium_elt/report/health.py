"""The report's section on the data: how complete and how fresh they are, and what is odd in them."""

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from omnium_elt.report.rendering import render
from omnium_elt.warehouse import database
from omnium_elt.warehouse.queries import Row, only_value, rows

MOST_CHECKS = 60
"""Most checks read, those with the most findings first."""


def section(connection: Any) -> Markup:
    """The section as HTML: receipts by resource, and the checks that found something."""
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


IS_READ = "complete and window_to <= current_timestamp"
"""Receipts that say until when the tenant was read. A receipt from ahead of now was written while a clock was wrong."""


def read_until(connection: Any) -> datetime | None:
    """The latest moment up to which a resource was read completely; None if there are no receipts."""
    if not database.columns_of(connection, database.RECEIPTS):
        return None
    found = only_value(
        connection, f"select max(window_to) filter (where {IS_READ}) from {database.RAW}.{database.RECEIPTS}"
    )
    return None if found is None else found.astimezone(UTC)


def _receipts(connection: Any) -> list[Row] | None:
    """The receipts summed up, one row per resource; None if the warehouse has none."""
    if not database.columns_of(connection, database.RECEIPTS):
        return None
    return rows(
        connection,
        f"""
        select
            resource,
            max(window_to) filter (where {IS_READ}) as read_until,
            count(*) as windows,
            count(*) filter (where complete) as complete_windows,
            sum(total_hits) filter (where complete) as announced,
            sum(distinct_keys) filter (where complete) as received
        from {database.RAW}.{database.RECEIPTS}
        group by resource
        order by complete_windows = windows, read_until, resource
        """,
    )
