"""How receipts are dealt to the rows of an order, and where goods that a virtual location orders arrive."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.models import Row, query, write_raw
from tests.support.purchases import build, built, line, order, receipt, supplier

pytestmark = pytest.mark.slow  # several builds


def split(name: str, *rows: Row, **more: Any) -> Row:
    """An order of lines of one SKU, in the order of their promises."""
    days = (10, 20, 25, 28)
    return order(
        name,
        *(
            {**row, "estimatedTimeOfArrival": f"2025-06-{day:02}T08:00:00Z"}
            for row, day in zip(rows, days, strict=False)
        ),
        **more,
    )


def part(number: int, quantity: float, delivered: float | None = None, **more: Any) -> Row:
    """A line that says what of it was delivered; None: it does not say."""
    said = {} if delivered is None else {"deliveredQuantity": delivered}
    return line(str(number), "roman", quantity, **said, **more)


ORDERS: dict[str, tuple[list[Row], list[tuple[float, str]], dict[str, Any]]] = {
    # name: its lines, its receipts (units, day of June), and what else the order says
    "second row delivered": ([part(1, 60), part(2, 40, 40)], [(40, "12")], {}),
    "second row delivered, and more": ([part(1, 60, 0), part(2, 40, 40)], [(40, "12"), (25, "13")], {}),
    "no counters": ([part(1, 60), part(2, 40)], [(40, "12"), (25, "13")], {}),
    "both in part": ([part(1, 60, 10), part(2, 40, 20)], [(15, "12"), (15, "13"), (5, "14")], {}),
    "delivered, receipts on their way": ([part(1, 60), part(2, 40, 40)], [(10, "12")], {}),
    "over-delivered": ([part(1, 5, 8), part(2, 5)], [(8, "12")], {}),
    "too much": ([part(1, 5), part(2, 5, 5)], [(12, "12")], {}),
    "taken back": ([part(1, 60), part(2, 40, 30)], [(40, "12"), (-10, "13")], {}),
    "all taken back": ([part(1, 60), part(2, 40)], [(40, "12"), (-50, "13")], {}),
    "canceled": ([part(1, 60, canceledQuantity=60), part(2, 40, 40)], [(40, "12")], {}),
    "closed": ([part(1, 60), part(2, 40, 40)], [(40, "12")], {"status": "Completed"}),
    "three rows": ([part(1, 10), part(2, 10, 10), part(3, 10, 4)], [(14, "12"), (7, "13")], {}),
    "cancelled in part": ([part(1, 60, 60), part(2, 40, 30, canceledQuantity=10)], [(90, "12")], {}),
}

EXPECTED: dict[str, list[tuple[float, float, float, int | None]]] = {
    # received, open, over-received, full_receipt_days of each row
    "second row delivered": [(0, 60, 0, None), (40, 0, 0, 10)],
    "second row delivered, and more": [(25, 35, 0, None), (40, 0, 0, 10)],
    "no counters": [(60, 0, 0, 11), (5, 35, 0, None)],
    "both in part": [(15, 45, 0, None), (20, 20, 0, None)],
    "delivered, receipts on their way": [(0, 60, 0, None), (10, 0, 0, None)],
    "over-delivered": [(8, 0, 3, 10), (0, 5, 0, None)],
    "too much": [(5, 0, 0, 10), (7, 0, 2, 10)],
    "taken back": [(0, 60, 0, None), (30, 10, 0, None)],
    "all taken back": [(0, 60, 0, None), (0, 40, 0, None)],
    "canceled": [(0, 0, 0, None), (40, 0, 0, 10)],
    "closed": [(0, 0, 0, None), (40, 0, 0, 10)],
    "three rows": [(7, 3, 0, None), (10, 0, 0, 10), (4, 6, 0, None)],
    "cancelled in part": [(60, 0, 0, 10), (30, 0, 0, 10)],
}


@pytest.fixture(scope="module")
def dealt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(
        tmp_path_factory.mktemp("dealt"),
        {
            "suppliers": [supplier("norstedt")],
            "purchase_orders": [split(name, *lines, **more) for name, (lines, _, more) in ORDERS.items()],
            "inventory_transactions": [
                receipt(f"{name} {number}", name, "roman", units, f"2025-06-{day}T08:00:00Z")
                for name, (_, receipts, _) in ORDERS.items()
                for number, (units, day) in enumerate(receipts)
            ],
        },
    )


@pytest.mark.parametrize("name", ORDERS)
def test_receipts_fill_what_omnium_says_was_delivered_first(dealt: Path, name: str) -> None:
    rows = query(
        dealt,
        "select received_quantity, open_quantity, over_received_quantity, full_receipt_days"
        " from marts.fct_purchase_order_line where purchase_order_id = ? order by promised_date",
        name,
    )
    assert [tuple(row.values()) for row in rows] == [
        (Decimal(str(received)), Decimal(str(still_open)), Decimal(str(over)), days)
        for received, still_open, over, days in EXPECTED[name]
    ]


def test_what_is_open_adds_up(dealt: Path) -> None:
    """Where nothing is over-delivered: Σ open = max(0, Σ net − max(Σ received, Σ delivered))."""
    assert query(
        dealt,
        "select purchase_order_id from marts.fct_purchase_order_line where stage = 'placed'"
        " group by purchase_order_id having not bool_or(delivered_quantity > net_quantity)"
        " and sum(open_quantity) <> greatest(0, sum(net_quantity)"
        " - greatest(sum(received_quantity), sum(delivered_quantity)))",
    ) == []  # fmt: skip


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WEB is a virtual location in Malmö, POS one that no stock row tells but a transaction does."""
    web = {"warehouseCode": "web", "physicalWarehouseCode": "malmo", "isVirtual": True}
    pos = {"warehouseCode": "pos", "physicalWarehouseCode": "malmo", "isVirtual": True}
    return built(
        tmp_path_factory.mktemp("virtual"),
        {
            "suppliers": [supplier("norstedt"), supplier("web-store", omniumStoreId="web")],
            "products": [
                {"id": "1_sv", "productId": "1", "skuId": "roman", "supplierId": "norstedt", "cost": 20}
            ],
            "inventory": [
                {"sku": "roman", "warehouseCode": "malmo", "inventory": 5},
                {"sku": "roman", "inventory": 5, **web},
                # Not virtual, whatever it names.
                {"sku": "roman", "warehouseCode": "lund", "physicalWarehouseCode": "malmo", "inventory": 1},
            ],
            "purchase_orders": [
                order("for-web", line("1", "roman", 100), storeId="web"),
                order("line-for-web", line("2", "roman", 10, warehouseCode="web"), storeId="lund"),
                order("for-pos", line("3", "roman", 7), storeId="pos"),
                order("draft-for-web", line("4", "roman", 30), storeId="web", status="New"),
                order("seen-twice", line("5", "roman", 8), storeId="web"),
                order("in-malmo", line("6", "roman", 8), storeId="web"),
                order("in-web", line("7", "roman", 8), storeId="web"),
                order("shown-in-web", line("8", "roman", 8)),
                order("also-in-malmo", line("12", "roman", 30), storeId="web"),
                order("shown-in-web-alone", line("13", "roman", 8)),
                order("from-web", line("9", "roman", 3), storeId="lund", supplierId="web-store"),
                order("both", line("10", "roman", 2, warehouseCode="web"), line("11", "roman", 3)),
            ],
            "inventory_transactions": [
                receipt("p0", "other", "roman", 1, "2025-06-01T08:00:00Z", **pos),
                receipt("s1", "seen-twice", "roman", 6, "2025-06-12T08:00:00Z"),
                receipt("s2", "seen-twice", "roman", 6, "2025-06-12T08:00:00Z", **web),
                receipt("m1", "in-malmo", "roman", 6, "2025-06-12T08:00:00Z"),
                receipt("w1", "in-web", "roman", 6, "2025-06-12T08:00:00Z", **web),
                # 6 and 6 in both, in two bookings; 10 more in the warehouse alone, 2 more in the location alone.
                *(
                    receipt(f"{place}{day}", "also-in-malmo", "roman", 6, f"2025-06-{day}T08:00:00Z", **where)
                    for place, where in (("am", {}), ("aw", web))
                    for day in (12, 13)
                ),
                receipt("am14", "also-in-malmo", "roman", 10, "2025-06-14T08:00:00Z"),
                receipt("aw15", "also-in-malmo", "roman", 2, "2025-06-15T08:00:00Z", **web),
                receipt("v3", "shown-in-web-alone", "roman", 5, "2025-06-12T08:00:00Z", **web),
                receipt("v1", "shown-in-web", "roman", 6, "2025-06-12T08:00:00Z"),
                receipt("v2", "shown-in-web", "roman", 6, "2025-06-12T08:00:00Z", **web),
            ],
        },
        select=("+path:models/marts/purchasing", "+path:models/marts/core", "+int_incoming_stock"),
    )


def test_what_a_virtual_location_orders_comes_to_its_warehouse(virtual: Path) -> None:
    rows = query(
        virtual,
        "select purchase_order_id, warehouse_code, received_quantity, open_quantity, supplying_warehouse_code"
        " from marts.fct_purchase_order_line order by purchase_order_id",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("also-in-malmo", "malmo", Decimal(24), Decimal(6), None),
        ("both", "malmo", Decimal(0), Decimal(5), None),
        ("for-pos", "malmo", Decimal(0), Decimal(7), None),
        ("for-web", "malmo", Decimal(0), Decimal(100), None),
        ("from-web", "lund", Decimal(0), Decimal(3), "malmo"),
        ("in-malmo", "malmo", Decimal(6), Decimal(2), None),
        ("in-web", "malmo", Decimal(6), Decimal(2), None),
        ("line-for-web", "malmo", Decimal(0), Decimal(10), None),
        ("seen-twice", "malmo", Decimal(6), Decimal(2), None),
        ("shown-in-web", "malmo", Decimal(6), Decimal(2), None),
        ("shown-in-web-alone", "malmo", Decimal(5), Decimal(3), None),
    ]


def test_it_is_on_order_there(virtual: Path) -> None:
    assert query(
        virtual, "select sku, warehouse_code, on_order, draft_order, transfer_out_pending"
        " from intermediate.int_incoming_stock order by 2"
    ) == [
        {"sku": "roman", "warehouse_code": "lund", "on_order": Decimal(3), "draft_order": Decimal(0),
         "transfer_out_pending": Decimal(0)},
        {"sku": "roman", "warehouse_code": "malmo", "on_order": Decimal(139), "draft_order": Decimal(30),
         "transfer_out_pending": Decimal(3)},
    ]  # fmt: skip
    assert query(
        virtual, "select warehouse_code, physical_warehouse_code from marts.dim_warehouse"
        " where physical_warehouse_code is not null order by 1"
    ) == [
        {"warehouse_code": "pos", "physical_warehouse_code": "malmo"},
        {"warehouse_code": "web", "physical_warehouse_code": "malmo"},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SKUs in other capitals or between blanks, products that were deleted, packages with a slash in their name."""

    def product(sku: str, **more: Any) -> Row:
        return {"id": f"{sku}_sv", "productId": sku, "skuId": sku, "name": f"The {sku}", "cost": 20, **more}

    def package(sku: str, *contents: str) -> Row:
        components = [{"componentId": one, "skuId": one, "quantity": 2} for one in contents]
        return product(sku, isPackage=True, components=components)

    folder = tmp_path_factory.mktemp("spelled")
    write_raw(
        folder,
        {
            "suppliers": [supplier("norstedt")],
            "stores": [{"id": "malmo", "name": "Malmö"}],
            "products": [
                product("CASE"), product("Twin"), product("TWIN"), product("status", status="Deleted"),
                product("flag", isDeleted=True), product("gone"), product("again", modified="2025-01-01T00:00:00Z"),
                {**product("again"), "id": "again_no", "name": "Old"},
                {"id": "roof_sv", "productId": "roof", "name": "The roof",
                 "variants": [{"skuId": "under-roof", "productId": "roof-1"}]},
                package("a/b", "b", "a"), package("b", "c"), package("a", "c"), package("self", "self", "c"),
                product("made", components=[{"componentId": "c", "skuId": "c", "quantity": 9}]),
                package("box", "made", "b"),
                package("gone-set", "c"), package("round", "trip"), package("trip", "round", "c"), product("c"),
            ],
            "inventory": [{"sku": "Stocked", "warehouseCode": "malmo", "inventory": 1}],
            "purchase_orders": [
                order("po", line("1", "case", 5), line("2", "CASE", 4), line("3", "twin", 3), line("4", "STOCKED", 2),
                      line("5", "gone", 1), line("6", "under-roof", 1), line("7", "Case ", 1)),
            ],
            "inventory_transactions": [
                receipt("r1", "po", "Case", 6, "2025-06-12T08:00:00Z", newInventory=6),
                receipt("r2", "po", "stocked", 2, "2025-06-12T08:00:00Z"),
                {"id": "s1", "variant": " case ", "warehouseCode": "malmo", "transactionType": "Sale",
                 "inventoryChange": -3, "newInventory": 3, "transactionDate": "2025-06-20T08:00:00Z"},
                {"id": "s2", "variant": "CASE", "warehouseCode": "malmo", "transactionType": "Return",
                 "inventoryChange": 1, "newInventory": 4, "transactionDate": "2025-06-25T08:00:00Z"},
            ],
            "orders": [
                {"id": "o1", "created": "2025-06-20T08:00:00Z", "status": "Completed", "orderType": "Online",
                 "storeId": "malmo", "orderForm": {"lineItems": [{"lineItemId": "l1", "code": "a/b", "quantity": 1}]}},
                {"id": "o2", "created": "2025-06-20T08:00:00Z", "status": "Completed", "orderType": "Online",
                 "storeId": "malmo", "orderForm": {"lineItems": [
                     {"lineItemId": "l2", "code": " case ", "quantity": 3},
                     {"lineItemId": "l3", "code": "tWIN", "quantity": 1}]}},
            ],
            "returns": [
                {"orderId": "o2", "returnOrderForm": {
                    "returnId": "r", "created": "2025-06-25T08:00:00Z",
                    "lineItems": [{"lineItemId": "l2", "code": "Case ", "quantity": 3, "returnQuantity": 1}]}},
            ],
        },
        "2025-06-30T20:00:00+00:00",
    )  # fmt: skip
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "update omnium.products set _omnium_deleted_at = '2025-06-15T00:00:00Z'"
            " where id in ('gone_sv', 'again_no', 'roof_sv', 'gone-set_sv')"
        )
    build(folder, select=("+path:models/marts/purchasing", "+path:models/marts/core"))
    return folder


def test_a_sku_in_other_capitals_is_its_product(spelled: Path) -> None:
    """Where exactly one is: `twin` could be either of two, and stays what it is."""
    rows = query(
        spelled, "select sku, net_quantity, received_quantity from marts.fct_purchase_order_line"
        " where sku not in ('gone', 'under-roof') order by sku"
    )  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("CASE", Decimal(10), Decimal(6)),
        ("Stocked", Decimal(2), Decimal(2)),
        ("twin", Decimal(3), Decimal(0)),
    ]
    counted = query(
        spelled, "select check_name, rows, example_keys from marts.data_quality"
        " where check_name in ('line_sku_in_other_case', 'line_of_unknown_sku') order by 1"
    )  # fmt: skip
    assert [tuple(row.values()) for row in counted] == [
        ("line_of_unknown_sku", 2, "po / 3, po / 4"),
        ("line_sku_in_other_case", 3, "po / 1, po / 4, po / 7"),
    ]


def test_what_customers_order_and_return_in_another_spelling_is_the_product(spelled: Path) -> None:
    lines = query(
        spelled, "select sku, demand_quantity from intermediate.int_customer_order_lines"
        " where order_id = 'o2' order by sku"
    )  # fmt: skip
    assert [tuple(row.values()) for row in lines] == [("CASE", Decimal(3)), ("tWIN", Decimal(1))]
    returned = query(spelled, "select sku, returned_quantity from intermediate.int_customer_returns")
    assert [tuple(row.values()) for row in returned] == [("CASE", Decimal(1))]


def test_the_stock_of_all_spellings_is_that_of_the_product(spelled: Path) -> None:
    days = query(spelled, "select * from intermediate.int_stock_change_days order by day")
    assert [(row["sku"], str(row["day"]), row["closing_quantity"]) for row in days] == [
        ("CASE", "2025-06-12", Decimal(6)),
        ("CASE", "2025-06-20", Decimal(3)),
        ("CASE", "2025-06-25", Decimal(4)),
    ]


def test_deleted_products_keep_their_names(spelled: Path) -> None:
    rows = query(
        spelled, "select sku, product_name, is_deleted from marts.dim_product"
        " where sku in ('status', 'flag', 'gone', 'again', 'under-roof', 'CASE') order by sku"
    )  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("CASE", "The CASE", False),
        ("again", "The again", False),
        ("flag", "The flag", True),
        ("gone", "The gone", True),
        ("status", "The status", True),
        ("under-roof", "The roof", True),
    ]
    assert query(spelled, "select sku_id from staging.stg_products where sku_id = 'gone'") == []


def test_packages_with_a_slash_in_their_name_are_opened(spelled: Path) -> None:
    """`a/b` holds two b, each of two c, and two a, each of two c; what contains itself is not followed.

    What is made of nine c, but is no package, stays whole in a box.
    """
    rows = query(
        spelled,
        "select sku, component_sku, quantity from intermediate.int_package_components where is_package"
        " order by sku, component_sku",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("a", "c", Decimal(2)),
        ("a/b", "c", Decimal(8)),
        ("b", "c", Decimal(2)),
        ("box", "c", Decimal(4)),
        ("box", "made", Decimal(2)),
        ("gone-set", "c", Decimal(2)),
        ("round", "c", Decimal(4)),
        ("self", "c", Decimal(2)),
        ("trip", "c", Decimal(2)),
        ("trip", "round", Decimal(2)),
    ]
    odd = query(
        spelled, "select example_keys from marts.data_quality where check_name = 'package_contains_itself'"
    )
    assert odd == [{"example_keys": "self / self, trip / round"}]
