"""report: `exports/report.html`, one page for those who get it by mail.

What to order, what suppliers really take, and how far the data can be trusted. One file that holds its style
and its pictures: it makes no request to the network (a content security policy in the page forbids it), reads
on a phone, in the dark and on paper. Each section is a module that asks the marts, and a template that shows it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from omnium_elt.infra.files import replacing
from omnium_elt.report import accuracy, health, lead_times, lists, proposals
from omnium_elt.report.queries import row, rows
from omnium_elt.report.rendering import amount, number, percent, render

MOST_ROWS = 20
"""Rows shown of a list."""


@dataclass(frozen=True)
class Tile:
    """One figure, large, and what it is."""

    figure: str
    meaning: str
    is_warning: bool = False
    address: str = ""
    """Of the list that it opens, on the same page."""


def write(page: str, path: Path) -> None:
    """Write a page, replacing the one before in one step."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def page(connection: Any, as_of: str | None) -> str:
    """The whole page, of the marts that `connection` sees, as text."""
    return render(
        "report.html",
        as_of=as_of,
        tiles=tiles(connection),
        sections=(
            proposals.section(connection),
            lead_times.section(connection),
            accuracy.section(connection),
            lists_section(connection),
            health.section(connection),
        ),
    )


def tiles(connection: Any) -> list[Tile]:
    """The figures that a person looks at first."""
    values = rows(
        connection,
        """
        select currency, sum(value) as value, sum(lines) as lines, sum(money_at_risk) as at_risk
        from marts.purchase_proposal
        where action not in ('defer', 'none')
        group by currency
        order by value desc
        """,
    )
    open_lines = row(
        connection,
        """
        select count(*) as lines
        from marts.open_purchase_eta
        where not is_transfer
        """,
    )
    punctual = row(
        connection,
        """
        select sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as share
        from marts.supplier_scorecard
        where period = 'all'
        """,
    )
    counted = {name: lists.count(connection, name) for name in lists.LISTS}
    return [
        *(
            tile
            for value in values[:2]
            for tile in (
                Tile(
                    amount(value["value"]),
                    f"{value['currency']} to order, {number(value['lines'])} lines",
                    address="proposals",
                ),
                Tile(
                    amount(value["at_risk"]),
                    f"{value['currency']} at risk",
                    value["at_risk"] > 0,
                    "urgent",
                ),
            )
        ),
        Tile(
            number(counted["overdue"]),
            f"of {number(open_lines['lines'])} open lines overdue",
            bool(counted["overdue"]),
            "overdue",
        ),
        Tile(percent(punctual["share"]), "of lines came on time", address="lead-times"),
        Tile(
            number(counted["wrong-lead-times"]),
            "suppliers with a wrong lead time",
            bool(counted["wrong-lead-times"]),
            "wrong-lead-times",
        ),
        Tile(number(counted["running-out"]), "items run out within 30 days", address="running-out"),
        Tile(number(counted["overstock"]), "items with too much stock", address="overstock"),
        Tile(number(counted["transfers"]), "transfers instead of purchases", address="transfers"),
    ]


def lists_section(connection: Any) -> Markup:
    """The lists behind the tiles, each with its first rows."""
    return render(
        "lists.html",
        lists=lists.LISTS,
        rows={name: lists.page_of(connection, name, MOST_ROWS) for name in lists.LISTS},
        counts={name: lists.count(connection, name) for name in lists.LISTS},
        urgencies=lists.URGENCIES,
    )
