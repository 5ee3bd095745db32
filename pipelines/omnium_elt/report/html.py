"""report: `exports/report.html`, one page for those who get it by mail.

What to order, what suppliers really take, and how far the data can be trusted. One file that holds its style
and its pictures: it makes no request to the network (a content security policy in the page forbids it), reads
on a phone, in the dark and on paper. Everything that came from the tenant is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from omnium_elt.infra.files import replacing
from omnium_elt.report import accuracy, svg
from omnium_elt.report.pieces import (
    ACTIONS,
    Heading,
    Row,
    Tile,
    amount,
    figure,
    legend,
    money,
    number,
    percent,
    pill,
    row,
    rows,
    sentence,
    sum_of,
    table,
    text,
)
from omnium_elt.warehouse import database

MOST_LINES = 2_000
"""Proposal lines shown at most, the most urgent first: a page for a mailbox, not a data set."""
MOST_ROWS = 60
"""Rows of any other table."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = Path(__file__).with_name("report.css")


def write(page: str, path: Path) -> None:
    """Write a page, replacing the one before in one step."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def page(connection: Any, as_of: str | None) -> str:
    """The whole page, of the marts that `connection` sees, as text."""
    sections = (
        proposals(connection),
        lead_times(connection),
        accuracy.section(connection),
        health(connection),
    )
    day = f" as of {escape(as_of)}" if as_of else ""
    dated = f' as of <span class="day">{escape(as_of)}</span>' if as_of else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f"<title>Purchasing{day}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>\n"
        f"<body><main><header><h1>Purchasing{dated}</h1>"
        "<p>What to order today, how long suppliers really take, and how far the data can be trusted.</p>"
        '<nav><a href="#proposals">What to order</a><a href="#lead-times">Lead times</a>'
        '<a href="#accuracy">How good we were</a>'
        '<a href="#health">Data health</a></nav></header>\n'
        f"{tiles(connection)}\n" + "\n".join(sections) + "<footer>Made by omnium-elt from the marts "
        "that stand beside this file as Parquet; manifest.json says what every column means.</footer>"
        "</main></body></html>\n"
    )


# Sections -------------------------------------------------------------------------------------------


def tiles(connection: Any) -> str:
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
    shown = [
        *(
            Tile(amount(value["value"], ""), f"{value['currency']} to order, {number(value['lines'])} lines")
            for value in values[:2]
        ),
        Tile(number(open_lines["overdue"]), f"of {number(open_lines['lines'])} open lines overdue", True),
        Tile(percent(punctual["share"]), "of lines came on time"),
        Tile(number(wrong["suppliers"]), "suppliers with a wrong lead time", bool(wrong["suppliers"])),
        Tile(number(running_out["items"]), "items run out within 30 days"),
    ]
    return f'<div class="tiles">{"".join(tile.html for tile in shown)}</div>'


def proposals(connection: Any) -> str:
    """What to order: by supplier, with the lines of each order one tap away."""
    orders = rows(
        connection,
        """
        select *, coalesce(supplier_name, supplier_id) as supplier
        from marts.purchase_proposal
        where action <> 'none'
        order by sum(value) over (partition by supplier_id) desc, supplier_id, value desc, warehouse_code
        """,
    )
    lines = rows(
        connection,
        """
        select *
        from marts.purchase_proposal_line
        order by order_by_date, line_value desc, supplier_id, warehouse_code, sku
        limit ?
        """,
        MOST_LINES,
    )
    total = row(connection, "select count(*) as lines from marts.purchase_proposal_line")["lines"]
    by_order: dict[tuple[Any, ...], list[Row]] = {}
    for line in lines:
        by_order.setdefault((line["supplier_id"], line["warehouse_code"], line["currency"]), []).append(line)
    suppliers = "".join(
        _supplier(list(group), by_order) for _, group in groupby(orders, lambda order: order["supplier_id"])
    )
    left_out = (
        f'<p class="lead">The {number(len(lines))} most urgent of {number(total)} lines are shown; all of '
        "them stand in purchase_proposal_line.parquet.</p>"
        if total > len(lines)
        else ""
    )
    body = (
        '<div class="heading"><span>Supplier</span><span>Action</span><span class="number">Lines</span>'
        '<span class="number">Value</span><span class="number">Order by</span><span></span></div>'
        f"{suppliers}{left_out}"
        if orders
        else '<p class="lead">Nothing needs to be ordered today.</p>'
    )
    return (
        '<section id="proposals"><h2>What to order</h2><p class="lead">One order per supplier and warehouse, '
        "from demand without stock-outs and lead times as measured. A supplier's name opens the lines, and what "
        "is open is printed.</p>"
        f'<div class="figures">{_largest_orders(connection)}{_stock_outs(connection)}'
        f"{_replay(connection)}</div>{body}</section>"
    )


def _supplier(orders: list[Row], lines: Mapping[tuple[Any, ...], list[Row]]) -> str:
    """One supplier's orders, folded."""
    first = orders[0]
    currencies = {order["currency"] for order in orders}
    value = "several currencies" if len(currencies) > 1 else money(sum_of(orders, "value"), first["currency"])
    days = [order["order_by_date"] for order in orders if order["order_by_date"]]
    pills = " ".join(
        pill(action, len(list(group))) for (_, action), group in groupby(sorted(orders, key=_action), _action)
    )
    inner = "".join(
        _order(order, lines.get((order["supplier_id"], order["warehouse_code"], order["currency"]), []))
        for order in orders
    )
    return (
        f'<details class="supplier"><summary><b>{text(first["supplier"])}</b><span>{pills}</span>'
        f'<span class="number">{number(sum_of(orders, "lines"))}</span><span class="number">{value}</span>'
        f'<span class="number">{text(min(days)) if days else ""}</span></summary>{inner}</details>'
    )


def _action(order: Row) -> tuple[int, str]:
    """What to sort and group orders by: what is to do comes first."""
    action = str(order["action"])
    return list(ACTIONS).index(action) if action in ACTIONS else len(ACTIONS), action


def _order(order: Row, lines: list[Row]) -> str:
    remarks = []
    if order["action"] == "defer":
        wait = f" wait about {number(order['defer_days'])} days" if order["defer_days"] else " wait"
        remarks.append(
            "Below the supplier's minimum of "
            f"{money(order['minimum_order_amount'], order['currency'])}:{wait}."
        )
    if order["action"] == "order_below_minimum":
        together = ", together with its orders for other warehouses" if order["is_pooled"] else ""
        remarks.append(
            "Below the supplier's minimum of "
            f"{money(order['minimum_order_amount'], order['currency'])}, but it cannot wait: order now{together}."
        )
    if order["top_up_units"]:
        remarks.append(f"{number(order['top_up_units'])} units added to reach the minimum.")
    if order["action"] == "split":
        remarks.append(
            f"Above the supplier's maximum of {money(order['maximum_order_amount'], order['currency'])}: "
            "place it in parts."
        )
    if order["is_rate_missing"]:
        remarks.append("The supplier's terms are in a currency without a known rate.")
    shown = table(
        lines,
        (
            Heading("Article", _article),
            Heading("Quantity", lambda line: number(line["quantity"]), True),
            Heading("Value", lambda line: money(line["line_value"], line["currency"]), True),
            Heading("Order by", lambda line: text(line["order_by_date"]), True),
            Heading("Runs out", lambda line: text(line["projected_stock_out_date"]), True),
            Heading("Risk", lambda line: percent(line["stock_out_risk"]), True),
        ),
    )
    remark = f"<p>{' '.join(remarks)}</p>" if remarks else ""
    return (
        f'<div class="order"><h3>{text(order["warehouse_code"])} · {number(order["lines"])} lines · '
        f"{money(order['value'], order['currency'])}</h3>{remark}{shown if lines else ''}</div>"
    )


def _article(line: Row) -> str:
    name = text(line["product_name"]) or text(line["sku"])
    own = f"SKU {text(line['sku'])}" + (
        f" · supplier's {text(line['supplier_sku_id'])}" if line["supplier_sku_id"] else ""
    )
    return f"{name}<small>{own}</small><small>{text(line['explanation'])}</small>"


def _largest_orders(connection: Any) -> str:
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
    picture = svg.bars(bars, "Order value by supplier")
    return figure("Where the money goes", "The twenty largest orders by supplier", picture, is_tall=True)


def _stock_outs(connection: Any) -> str:
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
    caption = (
        "Items per week, from now on, if nothing more is ordered. "
        f"{legend('first', 'in today’s orders')}{legend('second', 'not in them')}"
    )
    return figure("When stock runs out", caption, svg.columns(columns, "Items that run out per week"))


def _replay(connection: Any) -> str:
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
        return ""
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
    caption = (
        f"The last {number(found[0]['days'])} days replayed: share of demand served, against stock at cost. "
        f"{legend('first', 'this proposal')}{legend('second', 'Omnium’s suggestion, more or fewer days')}"
        f"{legend('third', 'what happened')}"
    )
    return figure(
        "What it is worth", caption, svg.curves(curves, "Share served against stock", "average stock at cost")
    )


def lead_times(connection: Any) -> str:
    """Suppliers as configured and as they are."""
    found = rows(
        connection,
        """
        select
            coalesce(policy.supplier_name, policy.supplier_id) as supplier, policy.*,
            card.on_time_share, card.lines_due, card.otif_net_share,
        from marts.lead_time_policy as policy
        left join marts.supplier_scorecard as card
            on card.supplier_id = policy.supplier_id
            and card.period = 'all'
        where policy.completed_lines > 0
        order by
            policy.is_actionable desc,
            abs(policy.measured_p50_days - policy.configured_days) desc nulls last,
            policy.supplier_id
        limit ?
        """,
        MOST_ROWS,
    )
    shown = table(
        found,
        (
            Heading("Supplier", lambda row: text(row["supplier"])),
            Heading(
                "Configured",
                lambda row: f"{number(row['configured_days'])} + {number(row['configured_margin_days'])}",
                True,
            ),
            Heading("Median", lambda row: number(row["measured_p50_days"]), True),
            Heading("9 of 10 within", lambda row: number(row["measured_p90_days"]), True),
            Heading("Within configured", lambda row: percent(row["coverage_share"]), True),
            Heading("On time", lambda row: percent(row["on_time_share"]), True),
            Heading("Lines", lambda row: number(row["completed_lines"]), True),
            Heading("Configure", _advice),
        ),
    )
    return (
        '<section id="lead-times"><h2>Supplier lead times</h2><p class="lead">Days from order to the last '
        "unit received, open orders taken into account. Configured is lead time + safety margin.</p>"
        f'<div class="figures">{_configured_against_measured(found)}'
        f"{_punctuality(connection)}{_arrivals(connection)}</div>{shown}</section>"
    )


def _advice(policy: Row) -> str:
    if not policy["is_actionable"]:
        return ""
    margin = policy["recommended_margin_days"]
    days = number(policy["recommended_lead_time_days"]) + ("" if margin is None else f" + {number(margin)}")
    return f'<span class="pill warn">{days}</span>'


def _configured_against_measured(policies: Sequence[Row]) -> str:
    ranges = [
        svg.Range(
            str(row["supplier"]),
            float(row["measured_p50_days"]),
            float(row["measured_p90_days"] or row["measured_p50_days"]),
            float(row["configured_days"]),
            f"{row['supplier']}: configured {row['configured_days']} days, half arrive within "
            f"{row['measured_p50_days']}, nine of ten within {row['measured_p90_days'] or '?'}",
        )
        for row in policies[:16]
        if row["measured_p50_days"] is not None
    ]
    return figure(
        "Furthest from what is configured",
        f"{legend('first', 'median')}{legend('range', 'to nine of ten')}{legend('mark', 'configured')}",
        svg.ranges(ranges, "Measured against configured lead times", "days"),
        is_tall=True,
    )


def _punctuality(connection: Any) -> str:
    found = rows(
        connection,
        """
        select
            month,
            sum(on_time_share * lines_due) / nullif(sum(lines_due), 0) as on_time,
            sum(otif_quantity_share * lines_due) / nullif(sum(lines_due), 0) as in_time_units
        from marts.supplier_scorecard
        where period = 'month' and lines_due > 0
        group by month
        order by month desc
        limit 18
        """,
    )[::-1]
    return figure(
        "On time, month by month",
        "Share of lines that came by their first promise, by month of promise",
        svg.lines(
            [f"{row['month']:%b %y}" for row in found],
            [svg.Line("", tuple(row["on_time"] for row in found))],
            "Share of lines on time per month",
        ),
    )


def _arrivals(connection: Any) -> str:
    found = rows(
        connection,
        """
        with arrivals as (
            select
                (p50_arrival_date - min(p50_arrival_date) over ()) // 7 as week,
                min(p50_arrival_date) over () as first_day,
                is_overdue
            from marts.open_purchase_eta
            where p50_arrival_date is not null and not is_transfer
        )
        select
            weeks.week,
            count(*) filter (where not arrivals.is_overdue) as in_time,
            count(*) filter (where arrivals.is_overdue) as overdue,
            (select min(first_day) from arrivals) + cast(7 * weeks.week as integer) as first_day
        from range(10) as weeks (week)
        left join arrivals on arrivals.week = weeks.week
        group by weeks.week
        order by weeks.week
        """,
    )
    columns = [
        svg.Column(
            f"{row['first_day']:%d %b}" if row["first_day"] else "",
            (float(row["in_time"]), float(row["overdue"])),
            f"Week of {row['first_day']}: {row['in_time']} lines, {row['overdue']} overdue ones",
        )
        for row in found
    ]
    return figure(
        "What is on its way",
        f"Open lines by week of likely arrival {legend('first', 'as promised')}{legend('second', 'overdue')}",
        svg.columns(columns, "Open purchase order lines by week of likely arrival"),
    )


def health(connection: Any) -> str:
    """How complete and how fresh the data are, and what is odd in them."""
    checks = rows(
        connection,
        "select * from marts.data_quality order by rows = 0, rows desc, check_name limit ?",
        MOST_ROWS,
    )
    odd = [check for check in checks if check["rows"]]
    quality = table(
        odd,
        (
            Heading(
                "Found",
                lambda check: f"{text(sentence(check['check_name']))}<small>{text(check['meaning'])}</small>",
            ),
            Heading("Rows", lambda check: number(check["rows"]), True),
            Heading("For example", lambda check: f"<small>{text(check['example_keys'])}</small>"),
        ),
    )
    passed = f"{len(checks) - len(odd)} of {len(checks)} checks found nothing."
    return (
        '<section id="health"><h2>Data health</h2><p class="lead">What was read, whether it is all there, '
        f"and what the models met that is odd.</p>{_completeness(connection)}"
        f'<h3 style="margin-top:32px">Odd data</h3><p class="lead">{passed} What was found is counted, and '
        f"the figures bear with it as said.</p>{quality if odd else ''}</section>"
    )


def _completeness(connection: Any) -> str:
    wanted = {
        "resource",
        "run_id",
        "window_to",
        "total_hits",
        "distinct_keys",
        "complete",
        "max_lateness_seconds",
    }
    if not wanted <= set(database.tables(connection).get("_omnium_windows", [])):
        return '<p class="lead">No receipts of reading are kept in this warehouse.</p>'
    found = rows(
        connection,
        """
        select
            resource,
            max(window_to) filter (where complete) as read_until,
            count(*) as windows,
            count(*) filter (where complete) as complete_windows,
            sum(total_hits) filter (where complete) as announced,
            sum(distinct_keys) filter (where complete) as received
        from omnium._omnium_windows
        group by resource
        order by complete_windows = windows, read_until, resource
        """,
    )
    return table(
        found,
        (
            Heading("Resource", lambda row: text(sentence(row["resource"]))),
            Heading("Read until (UTC)", lambda row: text(row["read_until"]), True),
            Heading("Windows", lambda row: number(row["windows"]), True),
            Heading("Rows announced", lambda row: number(row["announced"]), True),
            Heading("Rows received", lambda row: number(row["received"]), True),
            Heading("Complete", _is_complete),
        ),
    )


def _is_complete(receipt: Row) -> str:
    missing = receipt["windows"] - receipt["complete_windows"]
    if not missing:
        return '<span class="pill">complete</span>'
    return f'<span class="pill warn">{number(missing)} read again</span>'
