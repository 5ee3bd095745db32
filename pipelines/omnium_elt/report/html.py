"""report: `exports/report.html`, one page for those who get it by mail.

What to order, what suppliers really take, and how far the data can be trusted. One file that holds its style
and its pictures: it makes no request to the network (a content security policy in the page forbids it), reads
on a phone, in the dark and on paper. Each section is a module that asks the marts, and a template that shows it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnium_elt.infra.files import replacing
from omnium_elt.report import accuracy, health, lead_times, proposals
from omnium_elt.report.queries import row, rows
from omnium_elt.report.rendering import amount, number, percent, render


@dataclass(frozen=True)
class Tile:
    """One figure, large, and what it is."""

    figure: str
    meaning: str
    is_warning: bool = False


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
            health.section(connection),
        ),
    )


def tiles(connection: Any) -> list[Tile]:
    """The figures that a person looks at first."""
    values = rows(
        connection,
        """
        select currency, sum(value) as value, sum(lines) as lines, count(distinct supplier_id) as suppliers
        from marts.purchase_proposal
        where action not in ('defer', 'none')
        group by currency
        order by value desc
        """,
    )
    open_lines = row(
        connection,
        """
        select count(*) as lines, count(*) filter (where is_overdue) as overdue
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
    wrong = row(
        connection,
        "select count(*) filter (where is_actionable) as suppliers from marts.lead_time_policy",
    )
    running_out = row(
        connection,
        """
        select count(*) as items
        from marts.replenishment
        where daily_demand > 0
            and block_reason is null
            -- nothing is ordered before the as-of date
            and projected_stock_out_date < (select min(order_by_date) + 30 from marts.replenishment)
        """,
    )
    return [
        *(
            Tile(amount(value["value"]), f"{value['currency']} to order, {number(value['lines'])} lines")
            for value in values[:2]
        ),
        Tile(number(open_lines["overdue"]), f"of {number(open_lines['lines'])} open lines overdue", True),
        Tile(percent(punctual["share"]), "of lines came on time"),
        Tile(number(wrong["suppliers"]), "suppliers with a wrong lead time", bool(wrong["suppliers"])),
        Tile(number(running_out["items"]), "items run out within 30 days"),
    ]
