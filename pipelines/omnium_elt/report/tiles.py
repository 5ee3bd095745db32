"""The report's tiles: the figures that a person looks at first."""

from dataclasses import dataclass
from typing import Any

from omnium_elt.report.queries import row, rows
from omnium_elt.report.rendering import amount, number, percent


@dataclass(frozen=True)
class Tile:
    """One figure, large, and what it is."""

    figure: str
    meaning: str
    is_warning: bool = False


def tiles(connection: Any) -> list[Tile]:
    """What to order, what is late, and what runs out."""
    return [
        *_to_order(connection),
        _overdue(connection),
        _punctuality(connection),
        _wrong_lead_times(connection),
        _running_out(connection),
    ]


def _to_order(connection: Any) -> list[Tile]:
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
    return [
        Tile(amount(value["value"]), f"{value['currency']} to order, {number(value['lines'])} lines")
        for value in values[:2]
    ]


def _overdue(connection: Any) -> Tile:
    open_lines = row(
        connection,
        """
        select count(*) as lines, count(*) filter (where is_overdue) as overdue
        from marts.open_purchase_eta
        where not is_transfer
        """,
    )
    return Tile(
        number(open_lines["overdue"]), f"of {number(open_lines['lines'])} open lines overdue", is_warning=True
    )


def _punctuality(connection: Any) -> Tile:
    punctual = row(
        connection,
        """
        select sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as share
        from marts.supplier_scorecard
        where period = 'all'
        """,
    )
    return Tile(percent(punctual["share"]), "of lines came on time")


def _wrong_lead_times(connection: Any) -> Tile:
    wrong = row(
        connection,
        "select count(*) filter (where is_actionable) as suppliers from marts.lead_time_policy",
    )
    return Tile(
        number(wrong["suppliers"]), "suppliers with a wrong lead time", is_warning=bool(wrong["suppliers"])
    )


def _running_out(connection: Any) -> Tile:
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
    return Tile(number(running_out["items"]), "items run out within 30 days")
