"""The figures that a purchaser needs in the morning: for `run --json`, the manifest, a mail, a chat."""

from typing import Any

from omnium_elt.report import lists
from omnium_elt.warehouse.queries import Row, only_value, rows

MOST_URGENT = 5


def summary(connection: Any, as_of: str | None) -> Row:
    """Lines, value and money at risk by currency, counts by urgency and of each list, and the most urgent lines.

    Amounts are in the currency next to them. Lines that wait for a supplier's minimum are left out.

    One function, as its queries together make one message.
    """
    orders = only_value(
        connection, "select count(*) from marts.purchase_proposal where action not in ('defer', 'none')"
    )
    urgencies = rows(
        connection,
        """
        select urgency, count(*) as lines
        from marts.purchase_proposal_line
        where action <> 'defer'
        group by urgency
        """,
    )
    most_urgent = rows(
        connection,
        """
        select
            coalesce(supplier_name, supplier_id) as supplier, warehouse_code as warehouse, sku,
            coalesce(product_name, sku) as article, quantity, line_value as value, currency, urgency, money_at_risk,
            explanation
        from marts.purchase_proposal_line
        where action <> 'defer'
        order by urgency_rank, money_at_risk desc, order_by_date, supplier_id, warehouse_code, sku
        limit ?
        """,
        MOST_URGENT,
    )
    counted = {one["urgency"]: one["lines"] for one in urgencies}
    return {
        "as_of": as_of,
        "orders": orders,
        "to_order": [_plain(one) for one in to_order(connection)],
        "urgency": {name: counted.get(name, 0) for name in lists.URGENCIES},
        **{name.replace("-", "_"): lists.count(connection, name) for name in lists.LISTS},
        "most_urgent": [_plain(one) for one in most_urgent],
    }


def to_order(connection: Any) -> list[Row]:
    """Lines, value and money at risk of what is to be ordered, by currency, the largest value first."""
    return rows(
        connection,
        """
        select
            currency, count(*) as lines, coalesce(sum(line_value), 0) as value,
            coalesce(sum(money_at_risk), 0) as money_at_risk
        from marts.purchase_proposal_line
        where action <> 'defer'
        group by currency
        order by value desc, currency
        """,
    )


def _plain(found: Row) -> Row:
    """Convert decimals to floats for JSON."""
    amounts = ("value", "money_at_risk", "quantity")
    return {
        name: float(value) if name in amounts and value is not None else value
        for name, value in found.items()
    }
