"""The report's section on how good the proposals were.

How often reorder points held, how far forecasts were off, whether orders arrived by the predicted day, and what the
purchaser did with the proposals.
"""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from omnium_elt.report.rendering import number, percent, render
from omnium_elt.warehouse import database
from omnium_elt.warehouse.queries import Row, row, rows

MOST_MONTHS = 13
MOST_PROPOSALS = 20


def section(connection: Any) -> Markup:
    """The section as HTML; if nothing can be judged yet, it says when the first proposal can be."""
    if not database.columns_of(connection, "proposal_accuracy_monthly", "marts"):
        return _shown("No proposals are kept in this warehouse yet: the next run keeps its own.")
    months = rows(
        connection, "select * from marts.proposal_accuracy_monthly order by month desc limit ?", MOST_MONTHS
    )
    if not any(month["reorder_points_judged"] or month["arrivals_judged"] for month in months):
        return _shown(_not_yet(connection))
    found = row(
        connection,
        """
        select
            sum(reorder_points_judged) as judged,
            sum(reorder_point_held_share * reorder_points_judged) / nullif(sum(reorder_points_judged), 0) as held,
            sum(service_level * reorder_points_judged) / nullif(sum(reorder_points_judged), 0) as aim,
            sum(forecast_bias * wanted_quantity) / nullif(sum(wanted_quantity), 0) as bias,
            sum(forecast_error_share * wanted_quantity) / nullif(sum(wanted_quantity), 0) as error,
            sum(arrivals_judged) as arrivals,
            sum(arrived_in_time_share * arrivals_judged) / nullif(sum(arrivals_judged), 0) as in_time,
            sum(decided) as decided,
            sum(followed_share * decided) / nullif(sum(decided), 0) as followed,
            sum(changed_share * decided) / nullif(sum(decided), 0) as changed
        from marts.proposal_accuracy_monthly
        """,
    )
    said = [_reorder_points(found), _forecasts(found), _arrivals(found), _decisions(found)]
    return _shown(" ".join(sentence for sentence in said if sentence), months)


def _shown(lead: str, months: Sequence[Row] = ()) -> Markup:
    return render("accuracy.html", lead=lead, months=months)


def _not_yet(connection: Any) -> str:
    found = row(
        connection,
        """
        select
            min(proposal_date) as since,
            -- the first protection time that ends
            min(proposal_date + cast(greatest(1, round(protection_days)) as integer)) as first_day
        from marts.proposal_accuracy
        """,
    )
    if found["since"] is None:
        return "Nothing was proposed yet that could be judged."
    return (
        f"Nothing can be said yet. Proposals are kept since {found['since']}; the first can be judged on "
        f"{found['first_day']}, when the days are over that its reorder point had to cover."
    )


def _reorder_points(found: Row) -> str:
    if not found["judged"]:
        return "No reorder point can be judged yet."
    return (
        f"Of {number(found['judged'])} reorder points whose time is over, {percent(found['held'])} held "
        f"(target: {percent(found['aim'])})."
    )


def _forecasts(found: Row) -> str:
    if found["bias"] is None:
        return ""
    bias = float(found["bias"])
    tendency = "neither too high nor too low"
    if abs(bias) >= 0.005:
        tendency = f"{percent(abs(bias))} too {'high' if bias > 0 else 'low'}"
    return f"Forecasts were {tendency} on the whole, and off by {percent(found['error'])} article by article."


def _arrivals(found: Row) -> str:
    if not found["arrivals"]:
        return "No order that followed a proposal is due yet."
    return (
        f"Of {number(found['arrivals'])} orders, {percent(found['in_time'])} arrived by the latest day that was "
        "predicted (target: 90%)."
    )


def _decisions(found: Row) -> str:
    if not found["decided"]:
        return ""
    return (
        f"Of {number(found['decided'])} proposed lines, {percent(found['followed'])} were ordered as proposed and "
        f"{percent(found['changed'])} in another quantity."
    )


def furthest_off(connection: Any) -> list[Row]:
    """The judged proposals whose forecast was off by the most units, at most `MOST_PROPOSALS`."""
    if not database.columns_of(connection, "proposal_accuracy", "marts"):
        return []
    return rows(
        connection,
        f"""
        select accuracy.*, item.product_name
        from marts.proposal_accuracy as accuracy
        left join marts.replenishment as item
            on item.sku = accuracy.sku
            and item.warehouse_code = accuracy.warehouse_code
        where accuracy.is_judged and accuracy.forecast_error is not null
        order by abs(accuracy.forecast_error) desc, accuracy.sku, accuracy.warehouse_code, accuracy.proposal_date
        limit {MOST_PROPOSALS}
        """,
    )
