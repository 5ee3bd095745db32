"""Compares rows of two engines: equal, except for the order in which they add up."""

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

from omnium_sandbox import Sandbox

Rows = list[tuple[Any, ...]]


def plain(value: Any) -> Any:
    """A value in a form that all engines share."""
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value[:1] in "{[" and value:
        try:
            return json.dumps(json.loads(value), sort_keys=True)
        except ValueError:
            return value
    if isinstance(value, dt.datetime) and value.tzinfo:
        return value.astimezone(dt.UTC)
    return value


def is_close(left: Any, right: Any) -> bool:
    """Whether two values are equal; numbers to nine digits, because engines add up in a different order."""
    numbers = (int, float, Decimal)
    if isinstance(left, numbers) and isinstance(right, numbers) and not isinstance(left, bool):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6)
    return bool(left == right)


def in_order(rows: Rows) -> Rows:
    """Rows sorted the same way for both engines, whatever the types: numbers by the digits that both agree on."""

    def key(row: tuple[Any, ...]) -> tuple[tuple[bool, str], ...]:
        return tuple(
            (value is not None, f"{value:.3f}" if isinstance(value, float | Decimal) else str(value))
            for value in row
        )

    return sorted((tuple(plain(value) for value in row) for row in rows), key=key)


def row_differences(table: str, columns: list[str], ours: Rows, theirs: Rows, engine: str) -> list[str]:
    """A line for each value that differs, at most five, or one line if the number of rows does."""
    ours, theirs = in_order(ours), in_order(theirs)
    if len(ours) != len(theirs):
        return [f"{table}: {len(ours)} rows in DuckDB, {len(theirs)} in {engine}"]
    lines = []
    for left, right in zip(ours, theirs, strict=True):
        lines += [
            f"{table}.{column}: {one!r} in DuckDB, {other!r} in {engine}"
            for column, one, other in zip(columns, left, right, strict=True)
            if not is_close(one, other)
        ]
    return lines[:5]


def put_dateless(sandbox: Sandbox) -> None:
    """Put purchases and a correction without a date into a tenant; engines sort these first or last, as each likes.

    The only known cost of the article is that of its newest purchase; the correction takes back from the last receipt.
    """
    supplier = next(iter(sandbox.tenant.rows("suppliers")))["id"]
    warehouse = next(iter(sandbox.tenant.rows("inventory")))["warehouseCode"]
    sandbox.tenant.put("products", {"id": "dateless_no", "skuId": "dateless", "supplierId": supplier})
    sandbox.tenant.put("inventory", {"sku": "dateless", "warehouseCode": warehouse, "inventory": 3})
    for number, created in enumerate(("2024-03-01T08:00:00Z", "2024-03-08T08:00:00Z", None)):
        line = {
            "lineItemId": f"dateless-{number}",
            "code": "dateless",
            "quantity": 30,
            "placedPriceExclTax": 10 + number,
        }
        order = {
            "id": f"dateless-{number}",
            "supplierId": supplier,
            "storeId": warehouse,
            "status": "InProgress",
        }
        order |= {
            "created": created,
            "modified": "2024-03-09T08:00:00Z",
            "purchaseOrderForm": {"lineItems": [line]},
        }
        sandbox.tenant.put("purchase_orders", order, stamp=False)
    for number, (quantity, at) in enumerate(
        [(10, "2024-03-11T08:00:00Z"), (10, "2024-03-15T08:00:00Z"), (-5, None)]
    ):
        receipt = {"id": f"dateless-{number}", "variant": "dateless", "warehouseCode": warehouse}
        receipt |= {"purchaseOrderId": "dateless-0", "inventoryChange": quantity, "transactionDate": at}
        sandbox.tenant.put(
            "inventory_transactions", receipt | {"transactionType": "GoodsReception"}, stamp=False
        )
