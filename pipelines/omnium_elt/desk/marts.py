"""The pages' queries on the published warehouse. Lines of the proposal come from the view of `decide.lines`."""

from datetime import UTC, datetime
from typing import Any

from omnium_elt.infra import history
from omnium_elt.infra.home import Home
from omnium_elt.report import health
from omnium_elt.warehouse.manifest import version_of
from omnium_elt.warehouse.queries import Row, first_row, only_value, row, rows

OLD_HOURS = 26
"""Hours after which data are shown as old: a day and two hours."""
FILTERS = {
    "out": "urgency = 'out'",
    "runs_out": "urgency = 'runs_out'",
    "order_now": "urgency = 'order_now'",
    "wait": "urgency = 'wait'",
    "ticked": "is_ticked",
    "changed": "is_changed",
    "snoozed": "is_snoozed",
    "outdated": "is_outdated",
    "noted": "note <> ''",
}
"""Name of a filter, also used in addresses → condition on the lines of the proposal."""
OF_ORDER = "supplier_id = ? and warehouse_code = ? and coalesce(currency, '') = ?"
IS_ORDERED = "not is_snoozed and (is_ticked or action <> 'defer')"


def freshness(connection: Any, home: Home) -> Row:
    """The as-of day of the figures, when they were published, and up to when the tenant was read."""
    version = version_of(connection, home)
    seconds = None
    if version is not None:
        seconds = (datetime.now(UTC) - version.published_at).total_seconds()
    return {
        "as_of": version and version.as_of,
        "published_at": version and version.published_at,
        "read_until": health.read_until(connection),
        "hours": seconds and seconds / 3600,
        "is_old": seconds is not None and seconds > OLD_HOURS * 3600,
        "is_ahead": history.is_ahead(seconds),
    }


def totals(connection: Any) -> list[Row]:
    """Lines, value and money at risk of what is to be ordered, by currency, and how much of it is ticked."""
    return rows(
        connection,
        f"""
        select
            currency,
            count(*) as lines,
            coalesce(sum(line_value), 0) as value,
            coalesce(sum(money_at_risk), 0) as money_at_risk,
            count(*) filter (where is_ticked) as ticked_lines,
            coalesce(sum(line_value) filter (where is_ticked), 0) as ticked_value
        from decided_line
        where {IS_ORDERED}
        group by currency
        order by value desc
        """,
    )


def counts(connection: Any) -> Row:
    """The number of lines of each filter in `FILTERS`; lines that can wait count only if they were decided on."""
    selected = ", ".join(f"count(*) filter (where {where}) as {name}" for name, where in FILTERS.items())
    return row(
        connection,
        f"select {selected} from decided_line where action <> 'defer' or is_decided",
    )


ORDERS = """
    select
        orders.* exclude (lines, units, value, money_at_risk, urgency, urgency_rank, order_by_date),
        coalesce(orders.supplier_name, orders.supplier_id) as supplier,
        decided.*
    from marts.purchase_proposal as orders
    inner join (
        select
            supplier_id as of_supplier, warehouse_code as of_warehouse, currency as of_currency,
            count(*) filter (where not is_snoozed) as lines,
            coalesce(sum(line_value) filter (where not is_snoozed), 0) as value,
            coalesce(sum(money_at_risk) filter (where not is_snoozed), 0) as money_at_risk,
            count(*) filter (where is_ticked and not is_snoozed) as ticked_lines,
            coalesce(sum(line_value) filter (where is_ticked and not is_snoozed), 0) as ticked_value,
            count(*) filter (where is_snoozed) as snoozed_lines,
            count(*) filter (where is_outdated) as outdated_lines,
            coalesce(min(urgency_rank) filter (where not is_snoozed), 4) as urgency_rank,
            coalesce(arg_min(urgency, urgency_rank) filter (where not is_snoozed), 'wait') as urgency,
            min(order_by_date) as order_by_date
        from decided_line
        group by supplier_id, warehouse_code, currency
    ) as decided
        on decided.of_supplier = orders.supplier_id
        and decided.of_warehouse = orders.warehouse_code
        and decided.of_currency is not distinct from orders.currency
"""


def orders(connection: Any, size: int, offset: int, supplier_id: str | None = None) -> list[Row]:
    """Orders of the proposal, most urgent first, of one supplier or (None) of all."""
    return rows(
        connection,
        f"""
        select * from ({ORDERS})
        where $1 is null or supplier_id = $1
        order by action = 'defer', urgency_rank, money_at_risk desc, value desc, supplier_id, warehouse_code
        limit {int(size)} offset {int(offset)}
        """,
        supplier_id,
    )


def order(connection: Any, supplier_id: str, warehouse: str, currency: str) -> Row | None:
    """One order of the proposal; None if it is not proposed (any more)."""
    return first_row(
        connection,
        f"select * from ({ORDERS}) where {OF_ORDER}",
        supplier_id,
        warehouse,
        currency,
    )


def lines(connection: Any, where: str, values: list[Any], size: int, offset: int = 0) -> list[Row]:
    """Lines of the proposal, most urgent first, with the columns that `quantities.check` needs."""
    return rows(
        connection,
        f"""
        select line.*, input.is_package_break_allowed, input.reorder_min_quantity, input.max_quantity, input.position
        from (
            select * from decided_line where {where}
            order by urgency_rank, money_at_risk desc, order_by_date, sku, warehouse_code
            limit {int(size)} offset {int(offset)}
        ) as line
        left join marts.replenishment_input as input
            on input.sku = line.sku
            and input.warehouse_code = line.warehouse_code
        order by urgency_rank, money_at_risk desc, order_by_date, line.sku, line.warehouse_code
        """,
        *values,
    )


def count_lines(connection: Any, where: str, values: list[Any]) -> int:
    """The number of lines that meet the condition `where`."""
    return int(only_value(connection, f"select count(*) from decided_line where {where}", *values))


def line(connection: Any, warehouse: str, sku: str) -> Row | None:
    """One line of the proposal; None if nothing is proposed (any more)."""
    found = lines(connection, "warehouse_code = ? and sku = ?", [warehouse, sku], 1)
    return found[0] if found else None


def article(connection: Any, warehouse: str, sku: str) -> Row | None:
    """The row of the mart replenishment for one SKU in one warehouse; None if it has none."""
    return first_row(
        connection, "select * from marts.replenishment where warehouse_code = ? and sku = ?", warehouse, sku
    )


def places(connection: Any, sku: str) -> list[Row]:
    """The rows of replenishment for a SKU, one per warehouse (at most 100), most urgent first."""
    return rows(
        connection,
        "select * from marts.replenishment where sku = ? order by urgency_rank, warehouse_code limit 100",
        sku,
    )


def open_lines(connection: Any, where: str, values: list[Any], size: int) -> list[Row]:
    """Open purchase order lines, overdue ones first, then by likely arrival."""
    return rows(
        connection,
        f"""
        select * from marts.open_purchase_eta
        where {where}
        order by is_overdue desc, p50_arrival_date nulls last, purchase_order_number
        limit {int(size)}
        """,
        *values,
    )


def supplier(connection: Any, supplier_id: str) -> Row | None:
    """A supplier: terms, lead times as configured and measured, punctuality; None if it is unknown."""
    return first_row(
        connection,
        """
        select
            supplier.*, policy.* exclude (supplier_id, supplier_name, currency), card.on_time_share, card.lines_due,
            card.otif_net_share
        from marts.dim_supplier as supplier
        left join marts.lead_time_policy as policy on policy.supplier_id = supplier.supplier_id
        left join marts.supplier_scorecard as card
            on card.supplier_id = supplier.supplier_id
            and card.period = 'all'
        where supplier.supplier_id = ?
        """,
        supplier_id,
    )


def search(connection: Any, text: str, size: int) -> dict[str, list[Row]]:
    """Suppliers, articles and open orders whose name or number contains a text; exact ids and SKUs come first."""
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    suppliers = rows(
        connection,
        f"""
        select supplier_id, coalesce(supplier_name, supplier_id) as supplier from marts.dim_supplier
        where supplier_id ilike $1 escape '\\' or supplier_name ilike $1 escape '\\'
        order by supplier_id <> $2, supplier, supplier_id
        limit {int(size)}
        """,
        like,
        text,
    )
    articles = rows(
        connection,
        f"""
        select * from marts.replenishment
        where sku ilike $1 escape '\\' or product_name ilike $1 escape '\\' or gtin = $2
            or supplier_sku_id ilike $1 escape '\\'
        order by sku <> $2, urgency_rank, money_at_risk desc nulls last, sku, warehouse_code
        limit {int(size)}
        """,
        like,
        text,
    )
    open_orders = rows(
        connection,
        f"""
        select * from marts.open_purchase_eta
        where purchase_order_number ilike $1 escape '\\' or purchase_order_id ilike $1 escape '\\'
        order by purchase_order_number, sku
        limit {int(size)}
        """,
        like,
    )
    return {"suppliers": suppliers, "articles": articles, "open_orders": open_orders}
