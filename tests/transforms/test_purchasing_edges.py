"""Purchases at the edges: raw rows of another chain, written out, and the whole rows that they become.

OMNIUM_SOAK=1 leaves out more resources, in turn.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.models import Row, write_raw
from tests.support.purchases import (
    LINE,
    LOADED,
    build,
    built,
    line,
    order,
    receipt,
    supplier,
    values,
)


@pytest.mark.slow
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
        LINE,
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
    build(folder, select=LINE)
    assert values(folder, sql) == [
        ("bare", "2025-06-27", "delivery", "2025-06-27", 0),
        ("own", "2025-06-13", "line", "2025-06-13", 0),
        ("requested", "2025-06-27", "delivery", "2025-06-27", 0),
        ("seen", "2025-06-27", "delivery", "2025-06-12", 1),
    ]
    build(folder, "2025-06-10", LINE)
    assert values(folder, sql) == [
        ("bare", "2025-06-10", "lead_time", "2025-06-10", 0),
        ("own", "2025-06-13", "line", "2025-06-13", 0),
        ("requested", "2025-06-14", "requested", "2025-06-14", 0),
        ("seen", "2025-06-12", "delivery", "2025-06-12", 0),
    ]


@pytest.mark.slow
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
    build(tmp_path, select=(*LINE, "+dim_supplier", "+lead_time_policy", "+supplier_scorecard"))
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


LINES = (
    "select purchase_order_id, warehouse_code, order_date, promised_date, promise_source, net_quantity,"
    " received_quantity, open_quantity, over_received_quantity, first_receipt_days, full_receipt_days,"
    " weighted_receipt_days, is_complete, duration_days, is_transfer, supplying_warehouse_code"
    " from marts.fct_purchase_order_line where purchase_order_id {} order by 1, promised_date"
)


@pytest.fixture(scope="module")
def malmo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of Stockholm, two hours ahead of UTC; what comes up to three days early is on time."""

    def promised(name: str, day: str, **more: Any) -> Row:
        return order(name, line(name, "roman", 10, estimatedTimeOfArrival=f"{day}T10:00:00Z"), **more)

    return built(
        tmp_path_factory.mktemp("malmo"),
        {
            "suppliers": [supplier("norstedt")],
            "deliveries": [
                {"id": name, "created": "2025-06-03T08:00:00Z", "modified": "2025-06-03T08:00:00Z",
                 "estimatedTimeOfArrival": f"{day}T08:00:00Z"}
                for name, day in (("d1", "2025-06-12"), ("d2", "2025-06-16"), ("d3", "2025-06-16"))
            ],
            "purchase_orders": [
                # One line of ten that three deliveries took parts of, two of them for the same day.
                order("split", line("1", "roman", 6, deliveryId="d1"), line("2", "roman", 3, deliveryId="d2"),
                      line("3", "roman", 1, deliveryId="d3")),
                promised("over", "2025-06-10"),
                order("over-two", line("5", "roman", 5, estimatedTimeOfArrival="2025-06-10T10:00:00Z"),
                      line("6", "roman", 5, estimatedTimeOfArrival="2025-06-20T10:00:00Z")),
                promised("taken-back", "2025-06-10"),
                # Ordered after midnight in Malmö, received after midnight, promised for midnight.
                promised("midnight", "2025-06-11", created="2025-06-01T22:30:00Z"),
                # Received when the day of the load was over in Malmö.
                promised("tomorrow", "2025-06-11"),
                order("to-lund", line("8", "roman", 4), storeId="lund", supplierId="central",
                      supplierWarehouseCode="malmo"),
                *(promised(f"{name}-order", "2025-06-12", supplierId=name)
                  for name in ("early-4", "early-3", "on-day", "late-1", "half-late")),
            ],
            "inventory_transactions": [
                receipt("r1", "split", "roman", 7, "2025-06-11T08:00:00Z"),
                receipt("r2", "split", "roman", 3, "2025-06-18T08:00:00Z"),
                receipt("r3", "over", "roman", 6, "2025-06-09T08:00:00Z"),
                receipt("r4", "over", "roman", 7, "2025-06-12T08:00:00Z"),
                receipt("r5", "over-two", "roman", 12, "2025-06-12T08:00:00Z"),
                receipt("r6", "taken-back", "roman", 10, "2025-06-09T08:00:00Z"),
                receipt("r7", "taken-back", "roman", -4, "2025-06-12T08:00:00Z"),
                receipt("r8", "midnight", "roman", 10, "2025-06-10T22:30:00Z"),
                receipt("r9", "tomorrow", "roman", 10, "2025-06-30T22:30:00Z"),
                receipt("t1", "to-lund", "roman", -4, "2025-06-03T08:00:00Z"),
                receipt("t2", "to-lund", "roman", 4, "2025-06-04T08:00:00Z", warehouseCode="lund"),
                receipt("e4", "early-4-order", "roman", 10, "2025-06-08T21:59:00Z"),
                receipt("e3", "early-3-order", "roman", 10, "2025-06-08T22:00:00Z"),
                receipt("e0", "on-day-order", "roman", 10, "2025-06-12T21:59:00Z"),
                receipt("l1", "late-1-order", "roman", 10, "2025-06-12T22:00:00Z"),
                receipt("h1", "half-late-order", "roman", 5, "2025-06-12T08:00:00Z"),
                receipt("h2", "half-late-order", "roman", 5, "2025-06-13T08:00:00Z"),
            ],
        },
        time_zone="Europe/Stockholm",
        early_tolerance_days=3,
    )  # fmt: skip


def test_a_line_that_several_deliveries_took_parts_of(malmo: Path) -> None:
    """First in, first out: the seventh unit of the 11th already counts for the delivery of the 16th."""
    assert values(malmo, LINES.format("= 'split'")) == [
        ("split", "malmo", "2025-06-02", "2025-06-12", "delivery", "6", "6", "0", "0",
         9, 9, "9", True, 9, False, None),
        ("split", "malmo", "2025-06-02", "2025-06-16", "delivery", "4", "4", "0", "0",
         9, 16, "14.25", True, 16, False, None),
    ]  # fmt: skip


def test_more_than_was_ordered(malmo: Path) -> None:
    """What comes on top belongs to the last promise, and not to the average day of the units ordered."""
    assert values(malmo, LINES.format("like 'over%'")) == [
        ("over", "malmo", "2025-06-02", "2025-06-10", "line", "10", "13", "0", "3",
         7, 10, "8.2", True, 10, False, None),
        ("over-two", "malmo", "2025-06-02", "2025-06-10", "line", "5", "5", "0", "0",
         10, 10, "10", True, 10, False, None),
        ("over-two", "malmo", "2025-06-02", "2025-06-20", "line", "5", "7", "0", "2",
         10, 10, "10", True, 10, False, None),
    ]  # fmt: skip


def test_what_is_taken_back_is_open_again(malmo: Path) -> None:
    assert values(malmo, LINES.format("= 'taken-back'")) == [
        ("taken-back", "malmo", "2025-06-02", "2025-06-10", "line", "10", "6", "4", "0",
         7, None, "7", False, 28, False, None),
    ]  # fmt: skip


def test_days_are_those_of_the_warehouse(malmo: Path) -> None:
    """Half past midnight in Malmö is the evening before in UTC; the day after the as-of date is not known."""
    assert values(malmo, LINES.format("in ('midnight', 'tomorrow')")) == [
        ("midnight", "malmo", "2025-06-02", "2025-06-11", "line", "10", "10", "0", "0",
         9, 9, "9", True, 9, False, None),
        ("tomorrow", "malmo", "2025-06-02", "2025-06-11", "line", "10", "0", "10", "0",
         None, None, None, False, 28, False, None),
    ]  # fmt: skip


def test_a_store_receives_a_transfer(malmo: Path) -> None:
    """The other end of it, in Malmö, is no receipt; and no supplier's figures know of it."""
    assert values(malmo, LINES.format("= 'to-lund'")) == [
        ("to-lund", "lund", "2025-06-02", "2025-06-16", "lead_time", "4", "4", "0", "0",
         2, 2, "2", True, 2, True, "malmo"),
    ]  # fmt: skip
    assert values(
        malmo, "select transaction_id, warehouse_code, quantity, days_since_order, is_transfer, is_matched"
        " from marts.fct_purchase_receipt where purchase_order_id = 'to-lund'"
    ) == [("t2", "lund", "4", 2, True, True)]  # fmt: skip
    assert values(
        malmo, "select level, supplier_id, warehouse_code, completed_lines, mean_days from marts.lead_time"
        " where level like 'transfer%' or supplier_id in ('central', 'malmo') order by 1"
    ) == [("transfer", None, None, 1, 2.0), ("transfer_route", "malmo", "lund", 1, 2.0)]  # fmt: skip
    assert values(malmo, "select * from marts.supplier_scorecard where supplier_id = 'central'") == []


def test_what_comes_too_early_is_not_on_time_either(malmo: Path) -> None:
    """Promised for the 12th: from the 9th, 00:00 in Malmö, to the end of the 12th."""
    assert values(
        malmo,
        "select supplier_id, lines_due, on_time_share, in_full_share, otif_net_share, otif_quantity_share,"
        " median_days_late from marts.supplier_scorecard"
        " where period = 'all' and supplier_id <> 'norstedt' order by 1",
    ) == [
        ("early-3", 1, 1.0, 1.0, 1.0, 1.0, -3.0),
        ("early-4", 1, 0.0, 1.0, 0.0, 0.0, -4.0),
        ("half-late", 1, 0.0, 1.0, 0.0, 0.5, 1.0),
        ("late-1", 1, 0.0, 1.0, 0.0, 0.0, 1.0),
        ("on-day", 1, 1.0, 1.0, 1.0, 1.0, 0.0),
    ]


ARRIVED = ("came", "malmo", "2025-06-02", "2025-06-12", "delivery", "10", "10", "0", "0",
           9, 9, "9", True, 9, False, None)  # fmt: skip
WAITING = ("waits", "malmo", "2025-06-02", "2025-06-10", "lead_time", "10", "0", "10", "0",
           None, None, None, False, 28, False, None)  # fmt: skip


def changed(row: tuple[Any, ...], **places: Any) -> tuple[Any, ...]:
    """The row with some of its columns as they are without a resource."""
    names = ("promised", "source", "received", "open", "first", "full", "weighted", "complete", "duration")
    at = dict(zip(names, (3, 4, 6, 7, 9, 10, 11, 12, 13), strict=True))
    values_of = list(row)
    for name, value in places.items():
        values_of[at[name]] = value
    return tuple(values_of)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two orders, one of which came: raw rows only, from every resource that purchases are built of."""
    folder = tmp_path_factory.mktemp("plain")
    write_raw(
        folder,
        {
            "suppliers": [supplier("norstedt", versionId="v2", modified="2025-06-10T00:00:00Z")],
            "supplier_versions": [
                {"id": "norstedt", "versionId": "v1", "created": "2024-01-01T00:00:00Z",
                 "value": supplier("norstedt", defaultLeadTime=4)},
                {"id": "norstedt", "versionId": "v2", "created": "2024-06-01T00:00:00Z",
                 "value": supplier("norstedt")},
            ],
            "stores": [{"id": "malmo", "name": "Malmö", "isWarehouse": True}],
            "products": [{"id": "1_sv", "productId": "1", "skuId": "roman", "supplierId": "norstedt"}],
            "inventory": [{"sku": "roman", "warehouseCode": "malmo", "inventory": 10}],
            "deliveries": [{"id": "d1", "created": "2025-06-03T08:00:00Z", "modified": "2025-06-03T08:00:00Z",
                            "estimatedTimeOfArrival": "2025-06-12T08:00:00Z"}],
            "purchase_orders": [
                order("came", line("1", "roman", 10, deliveryId="d1")),
                order("waits", line("2", "roman", 10)),
            ],
            "inventory_transactions": [receipt("r1", "came", "roman", 10, "2025-06-11T08:00:00Z")],
            "event_log": [{"id": "e1", "objectId": "came", "status": "Confirmed",
                           "eventLogModel": "PurchaseOrder", "timestamp": "2025-06-02T08:00:00Z"}],
        },
        LOADED,
    )  # fmt: skip
    return folder


# Which tables a tenant does not have (not used, or a role that the API user lacks), and what becomes of the rows
# in fct_purchase_order_line and of the supplier's row in lead_time_policy.
WITHOUT: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]], list[tuple[Any, ...]]]] = {
    "deliveries": (
        ("deliveries",),
        [changed(ARRIVED, promised="2025-06-10", source="lead_time"), WAITING],
        [("norstedt", 8, False, 1, 9)],
    ),
    "versions, names and events": (
        ("supplier_versions", "stores", "products", "event_log"),
        [ARRIVED, WAITING],
        [("norstedt", 8, False, 1, 9)],
    ),
    "SupplierRead": (
        ("suppliers", "supplier_versions"),
        [ARRIVED, changed(WAITING, promised="2025-06-16")],
        [("norstedt", 14, True, 1, 9)],
    ),
    "InventoryRead": (
        ("inventory", "inventory_transactions"),
        [
            changed(ARRIVED, received="0", open="10", first=None, full=None, weighted=None, complete=False,
                    duration=28),
            WAITING,
        ],
        [("norstedt", 8, False, 0, None)],
    ),
    "PurchaseOrderRead": (
        ("purchase_orders", "purchase_orders__purchase_order_form__line_items", "deliveries"),
        [],
        [("norstedt", 8, False, 0, None)],
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "without", WITHOUT if os.environ.get("OMNIUM_SOAK") else ["deliveries", "InventoryRead"]
)
def test_what_is_missing_is_missing_and_nothing_else(plain: Path, without: str) -> None:
    tables, order_rows, policy = WITHOUT[without]
    with duckdb.connect(str(plain / "warehouse.duckdb")) as connection:
        connection.execute("drop schema if exists snapshots cascade")
        for table in tables:
            connection.execute(f"alter table omnium.{table} rename to hidden_{table}")
    try:
        build(plain)
        assert values(plain, LINES.format("is not null")) == order_rows
        assert values(
            plain, "select supplier_id, configured_days, is_default_configured, completed_lines,"
            " measured_p50_days from marts.lead_time_policy order by 1"
        ) == policy  # fmt: skip
        assert values(plain, "select count(*) from marts.lead_time where level = 'global'") == [(1,)]
    finally:
        with duckdb.connect(str(plain / "warehouse.duckdb")) as connection:
            for table in tables:
                connection.execute(f"alter table omnium.hidden_{table} rename to {table}")


@pytest.mark.slow
def test_a_line_that_was_split_later_is_whole_before(tmp_path: Path) -> None:
    """Seen before, and not seen before: in neither case do its parts stand beside the whole."""
    early, later = "2025-06-02T08:00:00Z", "2025-06-20T08:00:00Z"
    parts = "omnium.purchase_orders__purchase_order_form__line_items"
    folder = built(
        tmp_path,
        {
            "suppliers": [supplier("norstedt")],
            "purchase_orders": [
                order("seen", line("1", "roman", 100), modified=early),
                order("unseen", line("2", "roman", 100), modified="2025-06-12T08:00:00Z"),
            ],
        },
        "2025-06-15",
        LINE,
    )
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"update omnium.purchase_orders set modified = '{later}'")
        connection.execute(
            f"insert into {parts} select * replace (line_item_id || '-b' as line_item_id, '40' as quantity,"
            f" _dlt_list_idx + 1 as _dlt_list_idx, _dlt_id || 'b' as _dlt_id) from {parts}"
        )
        connection.execute(f"update {parts} set quantity = '60' where quantity = '100'")
    sql = (
        "select purchase_order_id, ordered_quantity, open_quantity from marts.fct_purchase_order_line"
        " order by 1"
    )
    whole = [("seen", "100", "100"), ("unseen", "100", "100")]
    build(folder, select=LINE)
    assert values(folder, sql) == whole
    build(folder, "2025-06-10", LINE)
    assert values(folder, sql) == whole
