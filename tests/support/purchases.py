"""Purchase orders, receipts and suppliers of a bookshop in Malmö, and the purchasing models built on them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.models import Row, dbt, query, write_raw

LOADED = "2025-06-30T20:00:00+00:00"
TODAY = "2025-06-30"
PURCHASING = ("+path:models/marts/purchasing", "+path:models/marts/core")
LINE = ("+fct_purchase_order_line",)


def supplier(name: str, **more: Any) -> Row:
    """A publisher with a lead time of 8 days and a safety margin of 2."""
    return {
        "id": name,
        "name": name.title(),
        "defaultLeadTime": 8,
        "defaultLeadTimeSafetyMarginDays": 2,
        "created": "2024-01-01T00:00:00Z",
        "modified": "2024-01-01T00:00:00Z",
        **more,
    }


def line(number: str, sku: str, quantity: float, **more: Any) -> Row:
    """A line of a purchase order without a promise of its own."""
    return {"lineItemId": number, "code": sku, "quantity": quantity, "placedPriceExclTax": 20, **more}


def order(name: str, *lines: Row, **more: Any) -> Row:
    """A purchase order of 2 June 2025 to the publisher norstedt, for the warehouse in Malmö."""
    return {
        "id": name,
        "supplierId": "norstedt",
        "storeId": "malmo",
        "status": "InProgress",
        "billingCurrency": "SEK",
        "created": "2025-06-02T08:00:00Z",
        "modified": "2025-06-02T08:00:00Z",
        "purchaseOrderForm": {"lineItems": list(lines)},
        **more,
    }


def receipt(name: str, order_name: str, sku: str, quantity: float, at: str, **more: Any) -> Row:
    """The stock transaction of a goods reception."""
    return {
        "id": name,
        "purchaseOrderId": order_name,
        "variant": sku,
        "warehouseCode": "malmo",
        "transactionType": "GoodsReception",
        "inventoryChange": quantity,
        "transactionDate": at,
        **more,
    }


def build(folder: Path, as_of: str = TODAY, select: tuple[str, ...] = PURCHASING, **variables: Any) -> None:
    """Build the purchasing marts, or the models that `select` names, and run their data tests."""
    cautious = ("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test")
    dbt(folder, "build", "--select", *select, *cautious, variables={"as_of_date": as_of, **variables})


def built(
    folder: Path,
    resources: dict[str, Iterable[Row]],
    as_of: str = TODAY,
    select: tuple[str, ...] = PURCHASING,
    **variables: Any,
) -> Path:
    """Write these raw rows and build the marts from them."""
    write_raw(folder, resources, LOADED)
    build(folder, as_of, select, **variables)
    return folder


def values(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query, with dates and exact numbers as text."""
    return [
        tuple(
            str(value.normalize() + 0) if hasattr(value, "normalize") else value if value is None else
            value if isinstance(value, bool | int | float) else str(value)
            for value in row.values()
        )
        for row in query(folder, sql)
    ]  # fmt: skip
