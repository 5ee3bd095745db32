"""The report's section on the proposal: orders by supplier, with lines that can be unfolded."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from markupsafe import Markup

from omnium_elt.report import line_chart, svg
from omnium_elt.report.lists import URGENCIES
from omnium_elt.report.rendering import amount, counted, number, percent, render
from omnium_elt.warehouse.queries import Row, row, rows, sum_of

MOST_LINES = 2_000
"""Most proposal lines shown, the most urgent first: the page is sent by mail and must stay small."""
MOST_CHARTS = 6
"""Most lines shown with the chart that explains them; the dashboard has a chart for every line."""
ACTIONS = {
    "order": ("order", ""),
    "top_up": ("order, topped up", ""),
    "split": ("order in parts", "warn"),
    "order_below_minimum": ("order below the minimum", "warn"),
    "defer": ("wait", "none"),
    "none": ("nothing", "none"),
}
"""Action of a proposal → its label and the CSS class of its pill."""


def section(connection: Any) -> Markup:
    """The section as HTML: what to order by supplier, charts of the most urgent lines, and the replayed history."""
    orders = rows(
        connection,
        """
        select *, coalesce(supplier_name, supplier_id) as supplier
        from marts.purchase_proposal
        where action <> 'none'
        order by
            min(urgency_rank) over (partition by supplier_id),
            sum(money_at_risk) over (partition by supplier_id) desc,
            sum(value) over (partition by supplier_id) desc,
            supplier_id, urgency_rank, money_at_risk desc, value desc, warehouse_code
        """,
    )
    lines = rows(
        connection,
        """
        select *
        from marts.purchase_proposal_line
        order by
            action = 'defer', urgency_rank, money_at_risk desc, order_by_date, line_value desc, supplier_id,
            warehouse_code, sku
        limit ?
        """,
        MOST_LINES,
    )
    total = row(connection, "select count(*) as lines from marts.purchase_proposal_line")["lines"]
    by_order: dict[tuple[Any, ...], list[Row]] = {}
    for line in lines:
        by_order.setdefault(_key(line), []).append(line)
    return render(
        "proposals.html",
        suppliers=[
            _supplier(list(group), by_order)
            for _, group in groupby(orders, lambda order: order["supplier_id"])
        ],
        shown_lines=len(lines),
        total_lines=total,
        urgencies=URGENCIES,
        explained=_explained(connection),
        largest_orders=_largest_orders(connection),
        stock_outs=_stock_outs(connection),
        replay=_replay(connection),
    )


def _supplier(orders: list[Row], lines: Mapping[tuple[Any, ...], list[Row]]) -> Row:
    """The orders of one supplier, as the template shows them."""
    first = orders[0]
    shown = {_key(order): lines.get(_key(order), []) for order in orders}
    value = sum_of(orders, "value")
    shown_value = sum(sum_of(found, "line_value") for found in shown.values())
    left_out = sum_of(orders, "lines") - sum(len(found) for found in shown.values())
    currency = first["currency"]
    is_one = {order["currency"] for order in orders} == {currency}
    actions = [
        (*ACTIONS.get(action, (action, "none")), len(list(group)))
        for (_, action), group in groupby(sorted(orders, key=_action), _action)
    ]
    return {
        "name": first["supplier"],
        "actions": actions,
        "lines": sum_of(orders, "lines"),
        "value": amount(value, currency) if is_one else "several currencies",
        "urgency": first["urgency"],
        "money_at_risk": amount(sum_of(orders, "money_at_risk"), currency) if is_one else "",
        "left_out": left_out,
        "left_out_value": amount(value - shown_value, currency) if is_one else "",
        "order_by": min((order["order_by_date"] for order in orders if order["order_by_date"]), default=None),
        "orders": [
            {
                **order,
                "remarks": _remarks(order),
                "shown_lines": shown[_key(order)],
            }
            for order in orders
        ],
    }


def _key(order: Row) -> tuple[Any, ...]:
    return order["supplier_id"], order["warehouse_code"], order["currency"]


def _action(order: Row) -> tuple[int, str]:
    """The key by which orders are sorted and grouped: position of the action in `ACTIONS` (unknown: last), action."""
    action = str(order["action"])
    return list(ACTIONS).index(action) if action in ACTIONS else len(ACTIONS), action


def _remarks(order: Row) -> list[str]:
    """Remarks on an order for the purchaser, a sentence each."""
    remarks = []
    minimum = f"Below the supplier's minimum of {amount(order['minimum_order_amount'], order['currency'])}"
    if order["action"] == "defer":
        days = f" about {counted(order['defer_days'], 'day')}" if order["defer_days"] else ""
        remarks.append(f"{minimum}: wait{days}.")
    if order["action"] == "order_below_minimum":
        together = ", together with its orders for other warehouses" if order["is_pooled"] else ""
        remarks.append(f"{minimum}, but it cannot wait: order now{together}.")
    if order["top_up_units"]:
        remarks.append(f"{counted(order['top_up_units'], 'unit')} added to reach the minimum.")
    if order["action"] == "split":
        remarks.append(
            f"Above the supplier's maximum of {amount(order['maximum_order_amount'], order['currency'])}: "
            "place it in parts."
        )
    if order["is_rate_missing"]:
        remarks.append("The supplier's terms are in a currency without a known rate.")
    return remarks


def _explained(connection: Any) -> list[Row]:
    """The most urgent lines with the chart that explains each."""
    as_of = row(connection, "select min(order_by_date) as day from marts.replenishment")["day"]
    found = rows(
        connection,
        """
        select sku, warehouse_code, coalesce(product_name, sku) as name, urgency, money_at_risk, currency
        from marts.purchase_proposal_line
        where action <> 'defer'
        order by urgency_rank, money_at_risk desc, order_by_date, sku, warehouse_code
        limit ?
        """,
        MOST_CHARTS,
    )
    if as_of is None:
        return []
    return [
        {
            **line,
            "picture": line_chart.picture(
                line_chart.story(connection, as_of, line["sku"], line["warehouse_code"]), svg.WIDTH
            ),
        }
        for line in found
    ]


def _largest_orders(connection: Any) -> Markup:
    found = rows(
        connection,
        """
        select coalesce(supplier_name, supplier_id) as supplier, currency, sum(value) as value
        from marts.purchase_proposal
        where action not in ('defer', 'none')
            and currency = (
                select currency
                from marts.purchase_proposal
                group by currency
                order by sum(value) desc
                limit 1
            )
        group by supplier_id, supplier, currency
        order by value desc, supplier
        limit 20
        """,
    )
    bars = [
        svg.Bar(str(row["supplier"]), float(row["value"]), amount(row["value"], row["currency"]))
        for row in found
    ]
    return svg.bars(bars, "Order value by supplier")


def _stock_outs(connection: Any) -> Markup:
    found = rows(
        connection,
        """
        with items as (
            select
                greatest(0, (projected_stock_out_date - min(order_by_date) over ()) // 7) as week,
                suggested_quantity > 0 as is_ordered
            from marts.replenishment
            where daily_demand > 0 and block_reason is null
        )
        select
            weeks.week,
            count(*) filter (where items.is_ordered) as ordered,
            count(*) filter (where not items.is_ordered) as others
        from range(8) as weeks (week)
        left join items on items.week = weeks.week
        group by weeks.week
        order by weeks.week
        """,
    )
    columns = [
        svg.Column(
            "this week" if not row["week"] else f"+{row['week']}",
            (float(row["ordered"]), float(row["others"])),
            f"Week {row['week']}: {row['ordered']} in today's orders, {row['others']} not",
        )
        for row in found
    ]
    return svg.columns(columns, "Items that run out per week")


def _replay(connection: Any) -> Row | None:
    found = rows(
        connection,
        """
        select
            policy,
            case
                when starts_with(policy, 'ours') then 'ours'
                when starts_with(policy, 'omnium') then 'omnium'
                else policy
            end as kind,
            cast(average_stock_value as double) as stock,
            value_fill_rate as share,
            days
        from marts.policy_backtest
        where level = 'total' and average_stock_value is not null and value_fill_rate is not null
        order by kind = 'ours' desc, kind = 'omnium' desc, kind, stock
        """,
    )
    if not found:
        return None
    curves = [
        svg.Curve(
            kind,
            tuple(
                (
                    row["stock"],
                    row["share"],
                    f"{row['policy']}: {percent(row['share'])} served, stock {number(round(row['stock']))}",
                )
                for row in group
            ),
        )
        for kind, group in groupby(found, lambda row: row["kind"])
    ]
    return {
        "days": found[0]["days"],
        "picture": svg.curves(curves, "Share served against stock", "average stock at cost"),
    }
