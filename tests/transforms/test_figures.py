"""The figures of the definitions of demand and replenishment, from raw rows to the rows of the marts.

Every figure was worked out by hand from the definitions; the SQL was not asked.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy
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

pytestmark = pytest.mark.slow  # two whole builds


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
    columns = "daily_demand_naive, daily_demand_in_stock, daily_demand_sd, in_stock_days, is_low_evidence, abc_class"
    assert rows(demand, "demand_profile", columns, "sku = 'five'") == [
        (2.785714, 3.804878, 1.316561, 10.25, True, None)
    ]
    shares = rows(demand, "fct_stock_daily", "day, in_stock_share", "sku = 'five'")
    assert [share for _, share in shares] == [1, 1, 1, 1, 0, 0, 0, 0.25, 1, 1, 1, 1, 1, 1]


def test_intermittent_demand_is_smoothed(demand: Path) -> None:
    columns = "daily_demand_sba, average_demand_interval, cv_squared, demand_pattern"
    assert rows(demand, "demand_profile", columns, "sku = 'ten'") == [
        (1.499666, 3.333333, 0.0625, "intermittent")
    ]


def test_lumpy_demand_fades_while_nothing_sells(demand: Path) -> None:
    # sizes 10 → 9.1 → 8.39; probability 1/3, on days with a sale 0.9·p + 0.1, else 0.9·p: 0.322332
    # CV² of 10, 1, 2: variance 24.3333, mean 4.3333
    columns = "daily_demand_tsb, average_demand_interval, cv_squared, demand_pattern"
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


def figures(folder: Path, sku: str) -> Row:
    """A row of replenishment, exact decimals as floats."""
    (found,) = query(folder, "select * from marts.replenishment where sku = ?", sku)
    return {name: float(value) if hasattr(value, "as_tuple") else value for name, value in found.items()}


def law(row: Row) -> Any:
    """The distribution of a row's demand over its protection time, by scipy."""
    from scipy import stats  # here, as the quick tests would import it for nothing

    mean, variance = row["expected_demand"], row["demand_sd"] ** 2
    if variance <= mean:
        return stats.poisson(mean)
    return stats.nbinom(mean * mean / (variance - mean), mean / variance)


def test_demand_and_lead_time_that_vary(proposals: Path) -> None:
    """Figure 6 from raw rows; with the mean and deviation of the figure it is a unit test of the model."""
    plain = figures(proposals, "plain")
    assert (plain["lead_time_mean_days"], plain["lead_time_sd_days"], plain["protection_days"]) == (
        10,
        2.5,
        11,
    )
    assert (plain["review_days"], plain["order_interval_days"]) == (1, 14)
    mean = plain["expected_demand"]
    assert mean == pytest.approx(plain["daily_demand"] * 11 * plain["season_factor"], rel=1e-4)
    # at least what the lead time's spread makes of it
    assert plain["demand_sd"] > mean / 11 * 2.5
    assert plain["reorder_point"] == pytest.approx(law(plain).ppf(0.95), abs=1)
    assert plain["safety_stock"] == pytest.approx(plain["reorder_point"] - mean, abs=1e-4)
    assert plain["order_up_to_level"] == pytest.approx(plain["reorder_point"] + mean / 11 * 14, rel=0.02)


def test_what_there_is_and_how_much_to_order(proposals: Path) -> None:
    columns = """
        sku, on_hand, reserved, available, on_order, awaiting_purchase, transfer_out_pending, position
    """
    assert rows(proposals, "inventory_position", columns, "sku in ('plain', 'capped')") == [
        ("capped", 40, 12, 28, 100, 15, 0, 113),
        ("plain", 40, 12, 28, 100, 15, 0, 113),
    ]
    for sku in ("plain", "capped"):
        row = figures(proposals, sku)
        assert row["raw_quantity"] == pytest.approx(row["order_up_to_level"] - 113, abs=1e-3)
        packs = math.ceil(max(50, row["raw_quantity"]) / 24)
        if sku == "capped" and 113 + 24 * packs > 580:
            packs -= 1
        assert (row["suggested_quantity"], row["pack_quantity"]) == (24 * packs, 24)
        assert (row["unit_cost"], row["order_value"]) == (10, 240 * packs)


def test_the_risk_of_waiting(proposals: Path) -> None:
    """Risk, shortage and the day to order, by the distribution that makes the reorder point."""
    for sku, position in (("at-260", 260), ("at-360", 360)):
        row = figures(proposals, sku)
        assert row["stock_out_risk"] == pytest.approx(law(row).sf(position), abs=2e-3)
        units = numpy.arange(position, 5_000)
        short = float(((units - position) * law(row).pmf(units)).sum())
        assert row["expected_shortage"] == pytest.approx(short, rel=0.02, abs=0.02)
        days = max(0, math.floor((position - row["reorder_point"]) / row["daily_demand"]))
        assert row["order_by_date"] == TODAY + timedelta(days=days)


def test_what_arrives_after_the_shelf_is_empty_comes_too_late(proposals: Path) -> None:
    """28 available: out on the second day; 85 more tomorrow last as long as 113 do."""
    ((daily,),) = rows(proposals, "replenishment", "daily_demand", "sku = 'early'")
    assert rows(proposals, "replenishment", "sku, projected_stock_out_date", "sku in ('late', 'early')") == [
        ("early", TODAY + timedelta(days=math.floor(113 / daily) + 1)),
        ("late", date(2026, 4, 2)),
    ]


@pytest.mark.parametrize("service_level", [0.9, 0.95, 0.98])
def test_few_units_are_counted(proposals: Path, service_level: float) -> None:
    few = figures(proposals, "few")
    (quantile,) = rows(
        proposals, f"replenishment_what_if({service_level}, null)", "reorder_point", "sku = 'few'"
    )
    assert quantile == (law(few).ppf(service_level),)


def test_how_often_an_order_pays(proposals: Path) -> None:
    """A shipment costs 45, storage an eighth of the value a year."""
    ((daily,),) = rows(proposals, "replenishment", "sum(daily_demand * unit_cost)", "supplier_id = 'south'")
    interval = 365 * math.sqrt(2 * 45 / (0.125 * 365 * daily))
    assert rows(
        proposals, "purchase_proposal", "economic_interval_days, shipment_cost", "supplier_id = 'south'"
    ) == [(pytest.approx(interval, abs=1e-4), 45)]
