"""The figures of the definitions of demand and replenishment, from raw rows to the rows of the marts.

Every figure was worked out by hand from the definitions; the SQL was not asked.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import Row, dbt, query, write_raw
from tests.transforms.test_replenishment import (
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


def sales(sku: str, daily: Sequence[float]) -> list[Row]:
    """Orders of these quantities on the last days, the last one today; none where it is 0."""
    return [
        order(f"{sku}{ago}", days_ago(ago), line(f"{sku}{ago}", sku, quantity))
        for ago, quantity in zip(reversed(range(len(daily))), daily, strict=True)
        if quantity
    ]


def rows(folder: Path, mart: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Columns of a mart's rows, exact decimals as floats."""
    found = query(folder, f"select {columns} from marts.{mart} where {where} order by all")
    return [
        tuple(float(value) if hasattr(value, "as_tuple") else value for value in row.values())
        for row in found
    ]


# --- demand: figures 5, 10 and 13 -----------------------------------------------------------------


@pytest.fixture(scope="module")
def demand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    worth = {"50k": 50, "30k": 30, "12k": 12, "6k": 6, "2k": 2, "none": 40}
    folder = tmp_path_factory.mktemp("demand")
    write_raw(
        folder,
        {
            "stores": [{"id": "shop", "name": "Shop"}],
            "products": [
                product("five", cost=None, costInDefaultCurrency=None),
                product("ten", cost=None, costInDefaultCurrency=None),
                product("lumpy", cost=None, costInDefaultCurrency=None),
                product("rare", cost=None, costInDefaultCurrency=None),
                *(product(sku, cost=cost, costInDefaultCurrency=cost) for sku, cost in worth.items()),
            ],
            "inventory": [
                stocked("five", "shop", 20),
                stocked("ten", "shop", 50),
                stocked("lumpy", "shop", 50),
                *(stocked(sku, "shop", 100) for sku in worth),
            ],
            "inventory_transactions": [
                moved(1, days_ago(13), 0, "five", "shop", 14, 14),
                moved(2, days_ago(9), 0, "five", "shop", -14, 0),
                moved(3, days_ago(6), 18, "five", "shop", 45, 45),
                moved(4, days_ago(0), 20, "five", "shop", -25, 20),
                moved(5, days_ago(9), 0, "ten", "shop", 50, 50),
                moved(6, days_ago(9), 0, "lumpy", "shop", 50, 50),
                *(
                    moved(100 + number, days_ago(72), 0, sku, "shop", 100, 100)
                    for number, sku in enumerate(worth)
                ),
            ],
            "orders": [
                *sales("five", [3, 5, 2, 4, 0, 0, 0, 1, 6, 4, 3, 5, 4, 2]),
                *sales("ten", [0, 0, 5, 0, 0, 0, 3, 0, 4, 0]),
                *sales("lumpy", [0, 0, 10, 0, 0, 0, 1, 0, 2, 0]),
                *(order(sku, days_ago(30), line(sku, sku, 200)) for sku in worth if sku != "none"),
            ],
        },
        at(TODAY, 20),
    )
    dbt(folder, *BUILD)
    return folder


def test_stock_outs_hide_demand(demand: Path) -> None:
    """39 sold in 14 days, 10.25 of them in stock; the deviation is that of the ten days in full stock."""
    columns = "daily_demand_naive, daily_demand, daily_demand_sd, in_stock_days, is_low_evidence, abc_class"
    assert rows(demand, "demand_profile", columns, "sku = 'five'") == [
        (2.785714, 3.804878, 1.316561, 10.25, True, None)
    ]
    shares = rows(demand, "fct_stock_daily", "day, in_stock_share", "sku = 'five'")
    assert [share for _, share in shares] == [1, 1, 1, 1, 0, 0, 0, 0.25, 1, 1, 1, 1, 1, 1]


def test_intermittent_demand_is_smoothed(demand: Path) -> None:
    columns = "daily_demand, average_demand_interval, cv_squared, demand_pattern"
    assert rows(demand, "demand_profile", columns, "sku = 'ten'") == [
        (1.499666, 3.333333, 0.0625, "intermittent")
    ]


def test_lumpy_demand_fades_while_nothing_sells(demand: Path) -> None:
    # sizes 10 → 9.1 → 8.39; probability 1/3, on days with a sale 0.9·p + 0.1, else 0.9·p: 0.322332
    # CV² of 10, 1, 2: variance 24.3333, mean 4.3333
    columns = "daily_demand, average_demand_interval, cv_squared, demand_pattern"
    assert rows(demand, "demand_profile", columns, "sku = 'lumpy'") == [
        (2.704368, 3.333333, 1.295858, "lumpy")
    ]


def test_classes_by_annual_value(demand: Path) -> None:
    """Half of the value stands before the second, 80 % before the third, 92, 98: A, A, B, B, C; none: N."""
    assert rows(demand, "demand_profile", "sku, abc_class", "annual_value is not null and sku <> 'five'") == [
        ("12k", "B"),
        ("2k", "C"),
        ("30k", "A"),
        ("50k", "A"),
        ("6k", "B"),
        ("none", "N"),
    ]


# --- replenishment: figures 6 to 9 and 11 ----------------------------------------------------------

TWENTY_A_DAY = [20, *[26, 14] * 7]
"""Mean 20, sample deviation 6."""

FEW_A_DAY = [3.1, *[0.1] * 14]
"""Mean 0.3, sample variance 0.6."""

ARTICLES: dict[str, dict[str, Any]] = {
    "plain": {"stock": 40, "reserved": 12},
    "capped": {"stock": 40, "reserved": 12, "maxQuantity": 580},
    "at-260": {"stock": 260},
    "at-360": {"stock": 360},
}


@pytest.fixture(scope="module")
def proposals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proposals")
    durations = [5, *[10] * 6, 15]  # mean 10, population deviation 2.5
    received = [
        purchase(
            f"r{number}",
            days_ago(60),
            "widget",
            1,
            status="Completed",
            line={"deliveredQuantity": 1, "estimatedTimeOfArrival": at(days_ago(50))},
        )
        for number in range(len(durations))
    ]
    write_raw(
        folder,
        {
            "stores": [{"id": "shop", "name": "Shop"}],
            "suppliers": [
                {
                    "id": "north",
                    "name": "North",
                    "defaultLeadTime": 8,
                    "defaultOrderIntervalDays": 14,
                    "preferredCurrency": "NOK",
                },
                {"id": "south", "name": "South", "shipmentCost": 45, "preferredCurrency": "NOK"},
                {"id": "steady", "name": "Steady", "preferredCurrency": "NOK"},
            ],
            "products": [
                *(product(sku) for sku in ARTICLES),
                product("few", supplierPackagingQuantity=None),
                product("widget"),
                product("fifteen", supplierId="south", cost=15, costInDefaultCurrency=15),
                product("twelve", supplierId="south", cost=10, costInDefaultCurrency=10),
                product("late", supplierId="steady"),
                product("early", supplierId="steady"),
                product("known", supplierId="steady"),
            ],
            "inventory": [
                *(
                    stocked(
                        sku,
                        "shop",
                        facts["stock"],
                        reservedInventory=facts.get("reserved", 0),
                        maxQuantity=facts.get("maxQuantity", 0),
                        reorderMinQuantity=50,
                    )
                    for sku, facts in ARTICLES.items()
                ),
                stocked("few", "shop", 3),
                stocked("late", "shop", 28),
                stocked("early", "shop", 28),
            ],
            "inventory_transactions": [
                *(
                    moved(
                        number,
                        days_ago(60 - days),
                        9,
                        "widget",
                        "shop",
                        1,
                        number + 1,
                        purchaseOrderId=f"r{number}",
                    )
                    for number, days in enumerate(durations)
                ),
                moved(50, days_ago(50), 9, "known", "shop", 1, 1, purchaseOrderId="k"),
            ],
            "purchase_orders": [
                *received,
                *(
                    purchase(
                        f"open-{sku}", TODAY, sku, 100, line={"estimatedTimeOfArrival": at(days_ago(-9))}
                    )
                    for sku in ("plain", "capped")
                ),
                purchase(
                    "k",
                    days_ago(60),
                    "known",
                    1,
                    supplierId="steady",
                    status="Completed",
                    line={"deliveredQuantity": 1},
                ),
                purchase("in-three-days", days_ago(7), "late", 85, supplierId="steady"),
                purchase("tomorrow", days_ago(9), "early", 85, supplierId="steady"),
            ],
            "orders": [
                *(one for sku in ARTICLES for one in sales(sku, TWENTY_A_DAY)),
                *sales("few", FEW_A_DAY),
                *sales("fifteen", [20] * 15),
                *sales("twelve", [12] * 15),
                *sales("late", [20] * 15),
                *sales("early", [20] * 15),
                *(
                    order(
                        f"waits-{sku}",
                        days_ago(20),
                        line(f"waits-{sku}", sku, 15, isAwaitingPurchaseOrder=True),
                        status="New",
                    )
                    for sku in ("plain", "capped")
                ),
            ],
        },
        at(TODAY, 20),
    )
    dbt(folder, *BUILD, variables={"average_daily_usage_days": 15, "shrinkage_strength": 0})
    return folder


def test_demand_and_lead_time_that_vary(proposals: Path) -> None:
    columns = """
        lead_time_mean_days, lead_time_sd_days, daily_demand, daily_demand_sd, review_days, order_interval_days,
        protection_days, expected_demand, demand_sd, safety_stock, reorder_point, order_up_to_level
    """
    assert rows(proposals, "replenishment", columns, "sku = 'plain'") == [
        (10, 2.5, 20, 6, 1, 14, 11, 220, 53.814496, 88.516969, 308.516969, 588.516969)
    ]


def test_what_there_is_and_how_much_to_order(proposals: Path) -> None:
    columns = """
        sku, on_hand, reserved, available, on_order, awaiting_purchase, transfer_out_pending, position
    """
    assert rows(proposals, "inventory_position", columns, "sku in ('plain', 'capped')") == [
        ("capped", 40, 12, 28, 100, 15, 0, 113),
        ("plain", 40, 12, 28, 100, 15, 0, 113),
    ]
    columns = "sku, raw_quantity, suggested_quantity, pack_quantity, unit_cost, order_value"
    assert rows(proposals, "replenishment", columns, "sku in ('plain', 'capped')") == [
        ("capped", 467, 456, 24, 10, 4560),
        ("plain", 475.517, 480, 24, 10, 4800),
    ]


def test_the_risk_of_waiting(proposals: Path) -> None:
    columns = "sku, stock_out_risk, expected_shortage, order_by_date"
    assert rows(proposals, "replenishment", columns, "sku in ('at-260', 'at-360')") == [
        ("at-260", 0.228652, 7.14083, TODAY),
        ("at-360", 0.00464, 0.078395, date(2026, 4, 2)),
    ]


def test_what_arrives_after_the_shelf_is_empty_comes_too_late(proposals: Path) -> None:
    """28 available and 20 a day: out on the second day; 85 more tomorrow make it the sixth."""
    assert rows(proposals, "replenishment", "sku, projected_stock_out_date", "sku in ('late', 'early')") == [
        ("early", date(2026, 4, 6)),
        ("late", date(2026, 4, 2)),
    ]


@pytest.mark.parametrize(("service_level", "quantile"), [(0.9, 7), (0.95, 8), (0.98, 10)])
def test_few_units_are_counted(proposals: Path, service_level: float, quantile: int) -> None:
    assert rows(
        proposals, "replenishment", "expected_demand, round(pow(demand_sd, 2), 4)", "sku = 'few'"
    ) == [(3.3, 7.1625)]
    assert rows(
        proposals, f"replenishment_what_if({service_level}, null)", "reorder_point", "sku = 'few'"
    ) == [(quantile,)]


def test_how_often_an_order_pays(proposals: Path) -> None:
    """A shipment costs 45, storage an eighth of the value a year, and 420 a day leave the shelf."""
    assert rows(
        proposals, "purchase_proposal", "economic_interval_days, shipment_cost", "supplier_id = 'south'"
    ) == [(25.014282, 45)]
