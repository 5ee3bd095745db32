"""Warehouses that supply others, transfers, excesses, order days: from raw rows to the marts."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from tests.support.models import Row, dbt, query, write_raw
from tests.support.trade import (
    BUILD,
    TODAY,
    at,
    days_ago,
    line,
    moved,
    order,
    product,
    purchase,
    stocked,
)

pytestmark = pytest.mark.slow  # a build of a whole proposal

FIRST = days_ago(120)


def sold(sku: str, shop: str, daily: int) -> list[Row]:
    """So many a day for 120 days, from a shelf that is never empty."""
    return [
        order(
            f"{sku}-{shop}-{ago}",
            days_ago(ago),
            line(f"{sku}-{shop}-{ago}", sku, daily),
            shipped_from=shop,
        )
        for ago in range(1, 121)
    ]


def sent(number: str, sku: str, shop: str, units: int, ago: int) -> Row:
    """A transfer from the hub that has arrived."""
    return purchase(
        number,
        days_ago(ago),
        sku,
        units,
        supplierId="own",
        supplierWarehouseCode="hub",
        storeId=shop,
        status="Completed",
        line={"deliveredQuantity": units},
        deliveryId=f"d-{number}",
    )


def tenant() -> dict[str, list[Row]]:
    """A hub with two shops, and articles that show one thing each."""
    return {
        "stores": [{"id": name, "name": name.title()} for name in ("hub", "east", "west")],
        "suppliers": [
            {
                "id": "far",
                "name": "Far",
                "defaultLeadTime": 10,
                "defaultOrderIntervalDays": 14,
                "preferredCurrency": "NOK",
            },
            {"id": "own", "name": "The hub", "omniumStoreId": "hub"},
        ],
        "products": [
            product(sku, supplierId="far", supplierPackagingQuantity=None)
            for sku in ("widget", "gadget", "fossil", "gizmo")
        ],
        "inventory": [
            # widget: the hub supplies both shops; all of them together have too little
            stocked("widget", "hub", 20),
            stocked("widget", "east", 15),
            stocked("widget", "west", 10),
            # gadget: east has far too much, west nothing
            stocked("gadget", "east", 900),
            stocked("gadget", "west", 0),
            # fossil: nobody buys it any more
            stocked("fossil", "east", 40),
            # gizmo: three articles of the hub go to the shops, and online customers empty it
            stocked("gizmo", "hub", 0),
            stocked("gizmo", "east", 500),
        ],
        "inventory_transactions": [
            moved(number, FIRST, 0, sku, shop, 5_000, 5_000, transactionType="InventoryCount")
            for number, (sku, shop) in enumerate(
                [
                    ("widget", "hub"),
                    ("widget", "east"),
                    ("widget", "west"),
                    ("gadget", "east"),
                    ("gadget", "west"),
                    ("fossil", "east"),
                    ("gizmo", "hub"),
                    ("gizmo", "east"),
                ]
            )
        ],
        "purchase_orders": [
            *(
                sent(f"w-{shop}-{ago}", "widget", shop, 60, ago)
                for shop in ("east", "west")
                for ago in (20, 50, 80)
            ),
            *(sent(f"g-{ago}", "gizmo", "east", 60, ago) for ago in (20, 50, 80)),
            purchase("too-many", days_ago(3), "fossil", 25, supplierId="far", storeId="east"),
        ],
        "orders": [
            *sold("widget", "east", 2),
            *sold("widget", "west", 1),
            *sold("gadget", "east", 2),
            *sold("gadget", "west", 3),
            *sold("gizmo", "hub", 2),
            *sold("gizmo", "east", 1),
            order("old", days_ago(300), line("old", "fossil", 1), shipped_from="east"),
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("proposals")
    write_raw(place, tenant(), at(TODAY, 20))
    variables = {
        "supplier_order_days": {"far": "tuesday"},
        "service_level_by_abc": {"A": 0.98, "N": 0.5},
        "order_interval": "economic",
        "service_level_from_margin": True,
    }
    dbt(place, *BUILD, variables=variables)
    return place


def row(folder: Path, sku: str, place: str) -> Row:
    return query(
        folder, "select * from marts.replenishment where sku = ? and warehouse_code = ?", sku, place
    )[0]


def test_a_hub_is_planned_with_the_shops_that_it_supplies(folder: Path) -> None:
    hub, east, west = (row(folder, "widget", place) for place in ("hub", "east", "west"))
    assert (hub["is_echelon"], hub["supplied_places"], hub["supplier_id"]) == (True, 2, "far")
    assert hub["daily_demand"] == pytest.approx(3, rel=0.05)
    assert hub["expected_demand"] == pytest.approx(3 * hub["protection_days"], rel=0.1)
    # its own 20, and what the shops have: no more and no less
    assert hub["position"] == hub["available"] + east["position"] + west["position"] == 45
    assert hub["suggested_quantity"] >= hub["order_up_to_level"] - 45 > 0
    # the shops order from the hub, and not once more from the supplier
    assert east["supplier_id"] == west["supplier_id"] == "own"
    assert not east["is_echelon"]
    assert "with the 2 places that it supplies" in hub["explanation"]
    assert "45 with these places" in hub["explanation"]


def test_its_own_customers_are_served_where_the_shops_have_plenty(folder: Path) -> None:
    hub = row(folder, "gizmo", "hub")
    # 500 in the east are enough for both, but the hub's own shelf is empty: they come back
    assert (hub["is_echelon"], hub["position"], hub["urgency"]) == (False, 0, "out")
    # 2 a day; what other articles sell still pulls at it a little
    assert 1.5 < hub["daily_demand"] < 2.1
    assert float(hub["transfer_in_quantity"]) >= hub["order_up_to_level"]
    assert hub["suggested_quantity"] == 0


def test_what_only_a_minimum_set_in_omnium_asks_for_waits_for_the_suppliers_minimum(tmp_path: Path) -> None:
    seldom = [
        order(f"s-{ago}", days_ago(ago), line(f"s-{ago}", "spare", 1), shipped_from="shop")
        for ago in range(5, 125, 10)
    ]
    rows = {
        "stores": [{"id": "shop", "name": "Shop"}],
        "suppliers": [
            {
                "id": "far",
                "name": "Far",
                "defaultLeadTime": 10,
                "preferredCurrency": "NOK",
                "minimumOrderAmount": 100,
            }
        ],
        "products": [product("spare", supplierId="far", supplierPackagingQuantity=None)],
        "inventory": [stocked("spare", "shop", 45, minQuantity=50)],
        "inventory_transactions": [
            moved(1, FIRST, 0, "spare", "shop", 5_000, 5_000, transactionType="InventoryCount")
        ],
        "orders": seldom,
    }
    write_raw(tmp_path, rows, at(TODAY, 20))
    dbt(tmp_path, *BUILD)
    spare = row(tmp_path, "spare", "shop")
    assert (spare["position"], spare["reorder_point"], spare["suggested_quantity"]) == (45, 50, 5)
    (proposal,) = query(tmp_path, "select * from marts.purchase_proposal where action <> 'none'")
    # 5 units at 10 lack 50 of the minimum of 100, which the demand of a tenth of a unit a day brings in about 50 days
    assert proposal["action"] == "defer"
    assert 40 <= proposal["defer_days"] <= 60
    assert days_ago(-proposal["defer_days"]) <= proposal["order_by_date"] == spare["order_by_date"]


def test_what_only_a_repair_waits_for_is_bought(tmp_path: Path) -> None:
    rows = {
        "stores": [{"id": "shop", "name": "Shop"}],
        "suppliers": [{"id": "far", "name": "Far", "defaultLeadTime": 10, "preferredCurrency": "NOK"}],
        "products": [
            product("part", supplierId="far", supplierPackagingQuantity=None),
            product("hours", supplierId="far", isVirtual=True),
        ],
        "orders": [
            order(
                "repair",
                days_ago(2),
                line("repair-1", "part", 2, isAwaitingPurchaseOrder=True),
                line("repair-2", "hours", 3, isAwaitingPurchaseOrder=True),
                orderType="Repair",
                status="InProgress",
            )
        ],
    }
    write_raw(tmp_path, rows, at(TODAY, 20))
    dbt(tmp_path, *BUILD)
    assert query(tmp_path, "select * from marts.inventory_position") == [
        {
            "sku": "part",
            "warehouse_code": "shop",
            "on_hand": 0,
            "reserved": 0,
            "available": 0,
            "on_order": 0,
            "on_order_late": 0,
            "on_order_expected": 0,
            "draft_order": 0,
            "awaiting_purchase": 2,
            "transfer_out_pending": 0,
            "position": -2,
            "is_negative": False,
            "is_unknown": False,
        }
    ]
    lines = query(tmp_path, "select sku, warehouse_code, quantity, urgency from marts.purchase_proposal_line")
    assert lines == [{"sku": "part", "warehouse_code": "shop", "quantity": 2, "urgency": "out"}]


def test_what_one_shop_has_too_much_of_goes_to_the_other_before_anything_is_bought(folder: Path) -> None:
    (transfer,) = query(folder, "select * from marts.transfer_proposal where sku = 'gadget'")
    west = row(folder, "gadget", "west")
    assert (transfer["from_warehouse_code"], transfer["to_warehouse_code"]) == ("east", "west")
    assert transfer["units"] == transfer["needed_units"] == west["transfer_in_quantity"]
    assert float(transfer["units"]) >= west["order_up_to_level"]
    assert transfer["purchase_value_saved"] == transfer["units"] * 10
    assert (west["raw_quantity"], west["suggested_quantity"], west["urgency"]) == (0, 0, "out")
    assert "from other warehouses" in west["explanation"]
    assert query(folder, "select 1 from marts.purchase_proposal_line where sku = 'gadget'") == []


def test_too_much(folder: Path) -> None:
    gadget, fossil = (
        query(folder, "select * from marts.overstock where sku = ? and warehouse_code = 'east'", sku)[0]
        for sku in ("gadget", "fossil")
    )
    assert gadget["action"] == "transfer"
    assert gadget["transfer_quantity"] == row(folder, "gadget", "west")["transfer_in_quantity"]
    assert float(gadget["excess_quantity"]) == pytest.approx(900 - gadget["order_up_to_level"], abs=1)
    assert gadget["days_since_last_sale"] == 1
    assert (fossil["action"], fossil["cancel_orders"], fossil["excess_on_order"]) == (
        "cancel orders",
        "too-many",
        25,
    )
    assert fossil["days_since_last_sale"] == 300


def test_who_orders_every_tuesday_needs_a_week_more(folder: Path) -> None:
    gadget = row(folder, "gadget", "west")
    assert gadget["review_days"] == 7
    assert gadget["protection_days"] == gadget["lead_time_mean_days"] + 7


def test_the_service_level_depends_on_the_class(folder: Path) -> None:
    levels = query(
        folder,
        """
        select distinct profile.abc_class, replenishment.service_level
        from marts.replenishment
        inner join marts.demand_profile as profile using (sku, warehouse_code)
        """,
    )
    by_class = {one["abc_class"]: one["service_level"] for one in levels}
    assert by_class["A"] == 0.98
    assert {level for name, level in by_class.items() if name in ("B", "C")} <= {0.95}
    # An article without demand has a level of its own where there is one.
    assert by_class.get("N", 0.5) == 0.5


def test_stock_of_the_weeks_to_come(folder: Path) -> None:
    weeks, west = (
        query(
            folder,
            "select * from marts.stock_projection where sku = 'gadget' and warehouse_code = ? order by week",
            shop,
        )
        for shop in ("east", "west")
    )
    (transfer,) = query(folder, "select units from marts.transfer_proposal where sku = 'gadget'")
    units = float(transfer["units"])
    assert [one["week"] for one in weeks] == list(range(1, 27))
    assert weeks[0]["week_end_date"] == TODAY + timedelta(days=7)
    # what is proposed to be sent to the west leaves today
    assert {one["cumulative_transfers"] for one in weeks} == {-transfer["units"]}
    assert west[-1]["cumulative_transfers"] == transfer["units"]
    assert weeks[0]["expected_stock"] == pytest.approx(900 - units - 2 * 7, abs=1.5)
    assert all(later["expected_stock"] < one["expected_stock"] for one, later in pairwise(weeks))
    assert weeks[0]["stock_out_probability"] == 0
    assert weeks[-1]["stock_out_probability"] < 0.1


@pytest.mark.parametrize(
    ("price", "cost", "level"),
    [
        (15, 10, 0.992522),  # 5 / (5 + 10 · 0.125 · 11 / 365)
        (10.1, 10, 0.726369),
        (10.0001, 10, 0.5),  # a margin of next to nothing: as often as not
        (900, 10, 0.999),
        (9, 10, 0.95),  # sold below its cost: the general one
        (None, 10, 0.95),
    ],
)
def test_the_service_level_that_a_margin_is_worth(
    tmp_path: Path, price: float | None, cost: float, level: float
) -> None:
    inline = f"""
        select {{{{ replenishment_service_level('class', 'price', 'cost', 'days') }}}} as level
        from (select 'B' as class, {price or "null"}::double as price, {cost}::double as cost, 11e0 as days)
    """
    variables = {"service_level_from_margin": True, "service_level_by_abc": {"A": 0.99}}
    compiled = dbt(tmp_path, "compile", "--inline", inline, variables=variables)
    found = duckdb.sql(compiled.results[0].node.compiled_code).fetchall()[0][0]
    assert found == pytest.approx(level, abs=1e-6)


@pytest.mark.parametrize("classes", [{"D": 0.9}, {"A": 95}, {"A": 1}])
def test_a_service_level_that_is_none_is_refused(tmp_path: Path, classes: dict[str, float]) -> None:
    inline = "select {{ replenishment_service_level('a', 'b', 'c', 'd') }} from nothing"
    with pytest.raises(AssertionError, match="service_level_by_abc"):
        dbt(tmp_path, "compile", "--inline", inline, variables={"service_level_by_abc": classes})
