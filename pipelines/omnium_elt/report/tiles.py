"""The report's tiles: the figures at the top of the page, each with a link to the section or list behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omnium_elt.report import lists
from omnium_elt.report.rendering import amount, counted, number, percent
from omnium_elt.report.summary import to_order
from omnium_elt.warehouse.queries import row


@dataclass(frozen=True)
class Tile:
    """One large figure and its meaning."""

    figure: str
    meaning: str
    is_warning: bool = False
    address: str = ""
    """Anchor on the same page that the tile links to."""


COUNTED = {
    "wrong-lead-times": "suppliers with a wrong lead time",
    "running-out": "items run out within 30 days",
    "overstock": "items with too much stock",
    "transfers": "transfers instead of purchases",
}
"""Name of a list → label of its count."""
WARNINGS = ("wrong-lead-times",)


def tiles(connection: Any) -> list[Tile]:
    """The tiles: what to order and what is at risk, what is late, and the counts of `COUNTED`."""
    counts = {name: lists.count(connection, name) for name in COUNTED}
    return [
        *_to_order(connection),
        _overdue(connection),
        _punctuality(connection),
        *(
            Tile(number(counts[name]), meaning, name in WARNINGS and counts[name] > 0, name)
            for name, meaning in COUNTED.items()
        ),
    ]


def _to_order(connection: Any) -> Iterator[Tile]:
    for one in to_order(connection)[:2]:
        said = f"{one['currency']} to order, {counted(one['lines'], 'line')}"
        yield Tile(amount(one["value"]), said, address="proposals")
        at_risk = one["money_at_risk"]
        yield Tile(amount(at_risk), f"{one['currency']} at risk", at_risk > 0, "urgent")


def _overdue(connection: Any) -> Tile:
    overdue = lists.count(connection, "overdue")
    lines = row(connection, "select count(*) as open from marts.open_purchase_eta where not is_transfer")
    return Tile(number(overdue), f"of {counted(lines['open'], 'open line')} overdue", overdue > 0, "overdue")


def _punctuality(connection: Any) -> Tile:
    punctual = row(
        connection,
        """
        select sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as share
        from marts.supplier_scorecard
        where period = 'all'
        """,
    )
    return Tile(percent(punctual["share"]), "of lines came on time", address="lead-times")
