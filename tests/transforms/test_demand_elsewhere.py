"""What is expected of an article where it is new, of what other warehouses sell of it.

Worked out a second time without a line of the SQL, from the description of int_demand_estimates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import exp, log
from typing import Any

import pytest

from tests.support.estimates import compiled_estimates, estimates_on

pytestmark = pytest.mark.slow  # compiles the project

TODAY = date(2026, 3, 14)


@dataclass(frozen=True)
class Record:
    """What one warehouse knows of a SKU: since how many days it is in stock, and every how many days one unit sells.

    `every` 0: nothing sold.
    """

    sku: str
    warehouse: str
    since: int
    every: int
    is_handed_on: bool = False

    @property
    def ages(self) -> list[int]:
        """Days ago of its sales, not of the first day."""
        return [age for age in range(1, self.since) if self.every and age % self.every == 0]

    @property
    def days(self) -> float:
        return sum(0.5 ** (age / 160) for age in range(self.since + 1))

    @property
    def sales(self) -> float:
        return sum(0.5 ** (age / 160) for age in self.ages)

    @property
    def orders_a_sale_day(self) -> float:
        rate = self.sales / (self.days + 1)
        return -log(1 - rate) / rate if rate else 1

    @property
    def orders(self) -> float:
        return self.sales * self.orders_a_sale_day

    def changes(self) -> Iterable[dict[str, Any]]:
        """Rows of fct_stock_and_demand_change."""
        ages = [self.since, *sorted(self.ages, reverse=True)]
        for age, following in zip(ages, [*ages[1:], -1], strict=True):
            yield {
                "sku": self.sku, "warehouse": self.warehouse, "day": TODAY - timedelta(days=age),
                "run_days": age - following, "demand": 0 if age == self.since else 1,
                "transfer_out": 5 if self.is_handed_on and age == self.since else 0,
            }  # fmt: skip


COMMON = [
    Record(f"common{number}", warehouse, 200, every)
    for number in range(8)
    for warehouse, every in (("large", 4), ("small", 20))
]
"""A store sells a fifth of each article that it has, and has half of the large one's range."""
CATALOGUE = {
    **{f"common{number}": "tools" for number in range(8)},
    **{f"range{number}": "tools" for number in range(8)},
    **dict.fromkeys(("sold", "silent", "unknown", "fresh"), "tools"),
    "alien": "paint",
}
RECORDS = [
    *COMMON,
    *(Record(f"range{number}", "large", 200, 4) for number in range(8)),
    # new in the store
    Record("sold", "large", 200, 4), Record("sold", "small", 3, 0),
    Record("silent", "large", 200, 0), Record("silent", "small", 3, 0),
    Record("fresh", "large", 9, 1), Record("fresh", "small", 3, 0),
    Record("unknown", "small", 3, 0),
    # of a category of which nothing else is sold anywhere
    Record("alien", "large", 200, 4), Record("alien", "small", 3, 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return compiled_estimates(tmp_path_factory.mktemp("compiled"), TODAY)


def estimates(
    compiled: Mapping[str, str], records: Iterable[Record], new_items: Iterable[tuple[str, str]] = ()
) -> Mapping[tuple[str, str], dict[str, Any]]:
    changes = [change for record in records for change in record.changes()]
    rows = estimates_on(compiled, TODAY, changes, CATALOGUE, new_items)
    return {(row["sku"], row["warehouse_code"]): row for row in rows}


def scales(records: list[Record]) -> dict[tuple[str, str], float]:
    """By warehouse and category: how many times as much is sold, by 3 orders towards 1, by 20 towards that."""
    common = [one for one in records if sum(other.sku == one.sku for other in records) > 1]
    rates = {
        sku: sum(one.orders for one in common if one.sku == sku)
        / sum(one.days for one in common if one.sku == sku)
        for sku in {one.sku for one in common}
    }

    def scale(some: list[Record], weight: float, parent: float) -> float:
        wanted = sum(one.days * rates[one.sku] for one in some)
        return (sum(one.orders for one in some) + weight * parent) / (wanted + weight)

    found = {}
    for place in {one.warehouse for one in records}:
        here = [one for one in common if one.warehouse == place]
        for category in set(CATALOGUE.values()):
            of_category = [one for one in here if CATALOGUE[one.sku] == category]
            found[place, category] = scale(of_category, 20, scale(here, 3, 1))
    return found


def test_what_several_warehouses_have_says_how_much_one_sells_of_it(compiled: Mapping[str, str]) -> None:
    found, of_place = estimates(compiled, RECORDS), scales(RECORDS)
    # who has a sale on every fourth day has more orders than a quarter, as some come on the same day
    assert of_place["large", "tools"] / of_place["small", "tools"] == pytest.approx(
        log(1 - 1 / 4) / log(1 - 1 / 20), rel=0.12
    )
    for sku in ("sold", "fresh", "alien"):
        there = next(one for one in RECORDS if (one.sku, one.warehouse) == (sku, "large"))
        category = CATALOGUE[sku]
        here = there.days * of_place["large", category] / of_place["small", category]
        own = next(one for one in RECORDS if (one.sku, one.warehouse) == (sku, "small"))
        # a unit at a time, and of what sells on a day the part that makes one order
        size = exp(-there.sales * log(there.orders_a_sale_day) / (there.sales + 2))
        row = found[sku, "small"]
        assert row["scaled_daily_demand"] == pytest.approx(there.orders / here * size, rel=1e-9), sku
        assert own.orders == 0


def test_a_store_with_a_part_of_the_range_is_not_told_a_part_of_each_article(
    compiled: Mapping[str, str],
) -> None:
    """Every 20th day, as of all that it has; it sells a tenth of what the large one sells of the category."""
    row = estimates(compiled, RECORDS)["sold", "small"]
    assert row["expected_daily_demand"] == pytest.approx(1 / 20, rel=0.2)


def test_few_days_elsewhere_say_little_and_none_sold_in_many_says_something(
    compiled: Mapping[str, str],
) -> None:
    found = estimates(compiled, RECORDS)
    unknown, silent, fresh, sold = (
        found[sku, "small"]["expected_daily_demand"] for sku in ("unknown", "silent", "fresh", "sold")
    )
    assert 0 < silent < 0.4 * unknown
    # eight in nine days there count for three orders: what the category sells counts beside them
    assert fresh < 0.75 * found["fresh", "small"]["scaled_daily_demand"]
    assert found["silent", "small"]["scaled_daily_demand"] == 0
    assert found["unknown", "small"]["scaled_daily_demand"] is None
    assert sold == pytest.approx(found["sold", "small"]["scaled_daily_demand"], rel=0.25)


def test_a_category_without_a_common_article_is_scaled_as_its_warehouse(compiled: Mapping[str, str]) -> None:
    found = estimates(compiled, RECORDS)
    assert found["alien", "small"]["scaled_daily_demand"] == pytest.approx(
        found["sold", "small"]["scaled_daily_demand"], rel=0.35
    )


def test_the_silence_of_a_place_that_only_hands_on_says_nothing(compiled: Mapping[str, str]) -> None:
    """A hub has everything in stock, supplies both, and has no customers: nothing changes, and it expects nothing."""
    hub = [replace(one, warehouse="hub", every=0, is_handed_on=True) for one in RECORDS if one.since == 200]
    with_hub, without = estimates(compiled, [*RECORDS, *hub]), estimates(compiled, RECORDS)
    scaled = [key for key, row in without.items() if row["scaled_daily_demand"] is not None]
    assert len(scaled) > 20
    for key in scaled:
        assert with_hub[key]["scaled_daily_demand"] == pytest.approx(
            without[key]["scaled_daily_demand"], rel=0.02
        ), key
    for record in hub:
        row = with_hub[record.sku, "hub"]
        assert row["scaled_daily_demand"] is None
        assert row["daily_demand"] < 0.01


def test_a_new_place_is_taken_for_an_average_one_until_it_has_sold(compiled: Mapping[str, str]) -> None:
    row = estimates(compiled, RECORDS, [("sold", "opened today")])["sold", "opened today"]
    assert 1 / 20 < row["daily_demand"] < 1 / 4


def test_one_warehouse_alone_is_scaled_by_nothing(compiled: Mapping[str, str]) -> None:
    alone = estimates(compiled, [one for one in RECORDS if one.warehouse == "large"])
    assert {row["scaled_daily_demand"] for row in alone.values()} == {None}
