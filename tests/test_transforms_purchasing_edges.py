"""Purchases at the edges: raw rows of another chain, written out, and the whole rows that they become."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from tests.models import Row, dbt, query, write_raw

LOADED = "2025-06-30T20:00:00+00:00"
TODAY = "2025-06-30"
PURCHASING = (
    *("--select", "+path:models/marts/purchasing", "+path:models/marts/core"),
    *("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"),
)


def supplier(name: str, **more: Any) -> Row:
    """A publisher: 8 days from order to arrival, and 2 of margin."""
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
    """A purchase order of 2 June 2025 to the publisher, for the warehouse in Malmö."""
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


def build(folder: Path, as_of: str = TODAY, **variables: Any) -> None:
    """Build the purchasing marts and run the tests of their data."""
    dbt(folder, "build", *PURCHASING, variables={"as_of_date": as_of, **variables})


def built(folder: Path, resources: dict[str, Iterable[Row]], as_of: str = TODAY, **variables: Any) -> Path:
    """Marts of these raw rows."""
    write_raw(folder, resources, LOADED)
    build(folder, as_of, **variables)
    return folder


def values(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query, dates and exact numbers as text."""
    return [
        tuple(
            str(value.normalize() + 0) if hasattr(value, "normalize") else value if value is None else
            value if isinstance(value, bool | int | float) else str(value)
            for value in row.values()
        )
        for row in query(folder, sql)
    ]  # fmt: skip


def test_a_delivery_that_was_moved_later_does_not_tell_its_promise_before(tmp_path: Path) -> None:
    """What the snapshot of that day held; without one, the next source that was known then."""
    delivery = {"id": "d1", "created": "2025-06-03T08:00:00Z", "modified": "2025-06-03T08:00:00Z",
                "estimatedTimeOfArrival": "2025-06-12T00:00:00Z"}  # fmt: skip
    folder = built(
        tmp_path,
        {
            "suppliers": [supplier("norstedt")],
            "purchase_orders": [
                order("seen", line("1", "roman", 5, deliveryId="d1")),
                order("requested", line("2", "roman", 5, deliveryId="d2"),
                      requestedDeliveryDate="2025-06-14T00:00:00Z"),
                order("bare", line("3", "roman", 5, deliveryId="d2")),
                order("own", line("4", "roman", 5, deliveryId="d2",
                                  estimatedTimeOfArrival="2025-06-13T00:00:00Z")),
            ],
            "deliveries": [delivery],
        },
        "2025-06-10",
    )  # fmt: skip
    sql = (
        "select purchase_order_id, promised_date, promise_source, first_promised_date, promise_slips"
        " from marts.fct_purchase_order_line order by 1"
    )
    assert values(folder, sql) == [
        ("bare", "2025-06-10", "lead_time", "2025-06-10", 0),
        ("own", "2025-06-13", "line", "2025-06-13", 0),
        ("requested", "2025-06-14", "requested", "2025-06-14", 0),
        ("seen", "2025-06-12", "delivery", "2025-06-12", 0),
    ]
    # On the 20th both deliveries are told for the 27th; nobody had looked at d2 before.
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "update omnium.deliveries set modified = '2025-06-20T08:00:00Z',"
            " estimated_time_of_arrival = '2025-06-27T00:00:00Z'"
        )
        connection.execute("insert into omnium.deliveries select * replace ('d2' as id, 'k2' as _dlt_id)"
                           " from omnium.deliveries")  # fmt: skip
        connection.execute("delete from snapshots.purchase_order_line_history"
                           " where purchase_order_line_id not like 'seen%'")  # fmt: skip
    build(folder)
    assert values(folder, sql) == [
        ("bare", "2025-06-27", "delivery", "2025-06-27", 0),
        ("own", "2025-06-13", "line", "2025-06-13", 0),
        ("requested", "2025-06-27", "delivery", "2025-06-27", 0),
        ("seen", "2025-06-27", "delivery", "2025-06-12", 1),
    ]
    build(folder, "2025-06-10")
    assert values(folder, sql) == [
        ("bare", "2025-06-10", "lead_time", "2025-06-10", 0),
        ("own", "2025-06-13", "line", "2025-06-13", 0),
        ("requested", "2025-06-14", "requested", "2025-06-14", 0),
        ("seen", "2025-06-12", "delivery", "2025-06-12", 0),
    ]


def test_a_store_that_was_deleted_as_a_supplier_keeps_its_transfers(tmp_path: Path) -> None:
    """Its last version tells; where versions are not read, the row that reconcile marked does."""
    write_raw(
        tmp_path,
        {
            "suppliers": [supplier("norstedt"), supplier("lund-store", omniumStoreId="lund")],
            "supplier_versions": [
                {"id": "ystad-store", "versionId": "v1", "created": "2024-01-01T00:00:00Z",
                 "value": supplier("ystad-store")},
                {"id": "ystad-store", "versionId": "v2", "created": "2024-02-01T00:00:00Z",
                 "value": supplier("ystad-store", omniumStoreId="ystad")},
            ],
            "purchase_orders": [
                order("bought", line("1", "roman", 5)),
                order("from-lund", line("2", "roman", 5), supplierId="lund-store"),
                order("from-ystad", line("3", "roman", 5), supplierId="ystad-store"),
                order("from-unknown", line("4", "roman", 5), supplierId="never-seen"),
            ],
        },
        LOADED,
    )  # fmt: skip
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("update omnium.suppliers set _omnium_deleted_at = '2025-06-15T00:00:00Z'"
                           " where id = 'lund-store'")  # fmt: skip
    build(tmp_path)
    assert values(
        tmp_path,
        "select purchase_order_id, is_transfer, supplying_warehouse_code, promised_date"
        " from marts.fct_purchase_order_line order by 1",
    ) == [
        ("bought", False, None, "2025-06-10"),
        ("from-lund", True, "lund", "2025-06-10"),
        ("from-unknown", False, None, "2025-06-16"),
        ("from-ystad", True, "ystad", "2025-06-10"),
    ]
    assert values(
        tmp_path, "select supplier_id, is_internal, is_deleted, lead_time_days from marts.dim_supplier"
        " order by 1"
    ) == [
        ("lund-store", True, True, 8),
        ("never-seen", False, True, None),
        ("norstedt", False, False, 8),
        ("ystad-store", True, True, 8),
    ]  # fmt: skip
    # No store of the retailer's own has figures as a supplier.
    assert values(tmp_path, "select supplier_id from marts.lead_time_policy order by 1") == [
        ("never-seen",),
        ("norstedt",),
    ]
    assert values(tmp_path, "select distinct supplier_id from marts.supplier_scorecard order by 1") == [
        ("never-seen",),
        ("norstedt",),
    ]
