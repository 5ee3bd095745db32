"""The lists behind the counts in the report and the dashboard; a count and its list share one query.

Each list has a title, its meaning, a query, a sort order, and the columns to show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omnium_elt.warehouse.queries import Row, only_value, rows

Kind = Literal["text", "number", "amount", "percent", "date", "urgency", "article", "supplier"]


@dataclass(frozen=True)
class Column:
    """A column of a list. An `amount` gets the row's currency; `article` and `supplier` are links to their pages."""

    heading: str
    name: str
    kind: Kind = "text"

    @property
    def is_number(self) -> bool:
        """Whether the column is aligned to the right."""
        return self.kind in ("number", "amount", "percent", "date")


@dataclass(frozen=True)
class List:
    """A list: `sql` selects its rows, and `order` sorts them, the most urgent first."""

    title: str
    meaning: str
    sql: str
    order: str
    columns: tuple[Column, ...]
    mart: str
    """The mart that holds all of its rows."""
    nothing: str = "None today."


URGENCIES = {
    "out": ("out", "bad"),
    "runs_out": ("runs out even if ordered today", "warn"),
    "order_now": ("order now", ""),
    "wait": ("wait", "none"),
}
"""Urgency → its label and the CSS class of its pill; the most urgent first."""

_ARTICLE = Column("Article", "sku", "article")
_WAREHOUSE = Column("Warehouse", "warehouse_code")
_SUPPLIER = Column("Supplier", "supplier_id", "supplier")
_AT_RISK = Column("At risk", "money_at_risk", "amount")

LISTS = {
    "overdue": List(
        "Open lines overdue",
        "Purchase order lines that are open after their promised day, the longest overdue first.",
        """
        select eta.*, supplier.supplier_name, product.product_name
        from marts.open_purchase_eta as eta
        left join marts.dim_supplier as supplier on supplier.supplier_id = eta.supplier_id
        left join (select sku, any_value(product_name) as product_name from marts.replenishment group by sku) as product
            on product.sku = eta.sku
        where eta.is_overdue and not eta.is_transfer
        """,
        "promised_date, purchase_order_number, sku, warehouse_code",
        (
            Column("Order", "purchase_order_number"),
            _SUPPLIER,
            _ARTICLE,
            _WAREHOUSE,
            Column("Open", "open_quantity", "number"),
            Column("Promised", "promised_date", "date"),
            Column("Half by", "p50_arrival_date", "date"),
            Column("Nine of ten by", "p90_arrival_date", "date"),
        ),
        "open_purchase_eta",
    ),
    "running-out": List(
        "Items that run out within 30 days",
        "If nothing more is ordered than what is on its way; the first to run out first.",
        """
        select *, suggested_quantity > 0 as is_ordered,
            case when suggested_quantity > 0 then 'yes' else 'no' end as in_proposal
        from marts.replenishment
        where daily_demand > 0
            and block_reason is null
            -- nothing is ordered before the as-of date
            and projected_stock_out_date < (select min(order_by_date) + 30 from marts.replenishment)
        """,
        "urgency_rank, projected_stock_out_date, money_at_risk desc, sku, warehouse_code",
        (
            _ARTICLE,
            _WAREHOUSE,
            _SUPPLIER,
            Column("Urgency", "urgency", "urgency"),
            Column("Available", "available", "number"),
            Column("Runs out", "projected_stock_out_date", "date"),
            _AT_RISK,
            Column("In today's proposal", "in_proposal"),
        ),
        "replenishment",
    ),
    "wrong-lead-times": List(
        "Suppliers with a wrong lead time",
        "What is configured in Omnium does not fit how long their deliveries take; the furthest off first.",
        "select * from marts.lead_time_policy where is_actionable",
        "abs(measured_p50_days - configured_days) desc nulls last, supplier_id",
        (
            _SUPPLIER,
            Column("Configured", "configured_days", "number"),
            Column("Margin", "configured_margin_days", "number"),
            Column("Should be", "recommended_lead_time_days", "number"),
            Column("Margin should be", "recommended_margin_days", "number"),
            Column("Arrive in time", "coverage_share", "percent"),
            Column("Arrivals", "completed_lines", "number"),
        ),
        "lead_time_policy",
        "Every lead time that can be judged is right.",
    ),
    "overstock": List(
        "Items with too much stock",
        "More than they would be filled up to, or without demand; the most money first.",
        "select * from marts.overstock",
        "excess_value desc nulls last, sku, warehouse_code",
        (
            _ARTICLE,
            _WAREHOUSE,
            _SUPPLIER,
            Column("Too many", "excess_quantity", "number"),
            Column("Value", "excess_value", "amount"),
            Column("Days of cover", "days_of_cover", "number"),
            Column("Last sold", "last_sold_date", "date"),
            Column("What to do", "action"),
        ),
        "overstock",
    ),
    "transfers": List(
        "Transfers instead of purchases",
        "One warehouse has too many of what another needs; the most urgent first.",
        "select *, to_warehouse_code as warehouse_code from marts.transfer_proposal",
        "urgency_rank, purchase_value_saved desc nulls last, sku, to_warehouse_code",
        (
            _ARTICLE,
            Column("From", "from_warehouse_code"),
            Column("To", "to_warehouse_code"),
            Column("Units", "units", "number"),
            Column("Saves buying for", "purchase_value_saved", "amount"),
            Column("Days sooner", "days_sooner", "number"),
            Column("Urgency", "urgency", "urgency"),
        ),
        "transfer_proposal",
    ),
}
"""Name of a list, also used in addresses → list."""


def count(connection: Any, name: str) -> int:
    """The number of rows of a list."""
    return int(only_value(connection, f"select count(*) from ({LISTS[name].sql})"))


def page_of(connection: Any, name: str, size: int, offset: int = 0) -> Sequence[Row]:
    """`size` rows of a list from `offset` on, in its order."""
    chosen = LISTS[name]
    return rows(
        connection,
        f"select * from ({chosen.sql}) order by {chosen.order} limit {int(size)} offset {int(offset)}",
    )
