"""int_demand_estimates against its descriptions: the same figures, worked out a second time without a line of the SQL.

A dbt unit test compares to the last digit, which sums of weights do not have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from tests.support.estimates import compiled_estimates, estimates_on

TODAY = date(2026, 3, 14)
NAMES = {"a": "tools", "b": "paint", "c": "tools", "new": "tools"}
"""SKU: its category. Nothing ever happened to the last one, which is on offer."""


def weight(age: int, half_life: int) -> float:
    return 0.5 ** (age / half_life)


@dataclass
class Article:
    """`first`: days since the record begins; `sales`: units by days ago, in stock all the time."""

    first: int
    sales: Mapping[int, float]

    def over(self, half_life: int, what: Mapping[int, float]) -> float:
        """A sum over the days of sales, weighed."""
        return sum(value * weight(age, half_life) for age, value in what.items())

    def cut(self, most: float) -> dict[int, float]:
        return {age: min(units, most) for age, units in self.sales.items()}

    def sale_days(self, half_life: int) -> float:
        return self.over(half_life, dict.fromkeys(self.sales, 1.0))

    def days(self, half_life: int) -> float:
        return sum(weight(age, half_life) for age in range(self.first + 1))

    def known(self, most: int) -> int:
        """Days of the record, the last so many."""
        return min(most, self.first + 1)

    def begin(self, half_life: int) -> float:
        """A record that begins with a sale tells how much, not how often."""
        return weight(self.first, half_life) if self.first in self.sales else 0.0


History = Mapping[str, Article]

SELDOM: History = {
    "a": Article(60, {30: 2, 10: 4}),
    "b": Article(100, {100: 2, 50: 3, 20: 90}),
    "c": Article(400, {age: 1 + age % 3 for age in range(2, 400, 9)}),
}
OFTEN: History = {**SELDOM, "b": Article(100, {age: 1 + age % 2 for age in range(30, 101, 2)})}
"""New articles sold more seldom than their categories; and, one of them, more often."""
SLOW: History = {
    "a": Article(400, {400: 2, 150: 1}),
    "b": Article(300, {age: 1 + age % 2 for age in range(15, 300, 40)}),
    "c": Article(400, {390: 3, 20: 1}),
}
"""So slow that what others of the category sell tells more than an article's own past."""
UNLIKE: History = {
    "a": Article(60, {30: 2000, 10: 4000}),
    "b": Article(100, {50: 1}),
    "c": Article(400, {age: 40 + age % 3 for age in range(2, 400, 9)}),
}
"""Sizes differ a thousandfold, and hardly at all within an article."""
DAILY: History = {
    "a": Article(500, {age: (9 if 60 <= age < 90 else 3) + age % 4 for age in range(500)}),
    "b": Article(300, {age: 2 + age % 7 for age in range(0, 300, 3) if not 120 <= age < 165}),
    "c": Article(200, {age: 5 + age % 2 for age in range(201)}),
}
"""One sold three times as much for a month, one was silent for six weeks, and one sells evenly."""


def group(
    articles: Sequence[Article], most: Mapping[int, float], rate: float, log_size: float
) -> tuple[float, float]:
    """How often and how much a group sells, pulled towards its parent by 1,000 days and 20 sale days."""
    sales = sum(one.sale_days(160) - one.begin(160) for one in articles)
    days = sum(one.days(160) - one.begin(160) for one in articles)
    weights = [min(one.sale_days(160), 3) for one in articles]
    sizes = sum(share * log(mean_size(one, most)) for share, one in zip(weights, articles, strict=True))
    return (sales + 1000 * rate) / (days + 1000), (sizes + 20 * log_size) / (sum(weights) + 20)


def mean_size(one: Article, most: Mapping[int, float]) -> float:
    return one.over(160, one.cut(most[id(one)])) / one.sale_days(160)


def expected(history: History) -> dict[str, dict[str, float]]:
    articles = list(history.values())
    logs = {id(one): one.over(160, {age: log(units) for age, units in one.sales.items()}) for one in articles}
    usual = sum(logs.values()) / sum(one.sale_days(160) for one in articles)
    size_days = size_sale_days(articles)
    most = {
        id(one): 10
        * max(1, exp((logs[id(one)] + min(2, size_days) * usual) / (one.sale_days(160) + min(2, size_days))))
        for one in articles
    }

    tenant_rate, _ = group(articles, most, 0, 0)
    days = sum(one.days(160) - one.begin(160) for one in articles)
    tenant_rate *= (days + 1000) / days
    weights = [min(one.sale_days(160), 3) for one in articles]
    tenant_size = sum(
        share * log(mean_size(one, most)) for share, one in zip(weights, articles, strict=True)
    ) / sum(weights)
    here = group(articles, most, tenant_rate, tenant_size)
    ratios = [log(max(1, square_ratio(one))) for one in articles if one.sale_days(160) > 3]
    usual_ratio = exp(sum(ratios) / len(ratios))

    of_category = {
        category: group(
            [history[name] for name, its in NAMES.items() if its == category and name in history], most, *here
        )
        for category in set(NAMES.values())
    }
    figures = {}
    for sku, category in NAMES.items():
        rate, log_size = of_category[category]
        rates = {name: of_category[NAMES[name]][0] for name in history if name != sku}
        days = history[sku].days(160) if sku in history else 0
        rate *= of_launches(history, rates) ** max(0, 1 - days / 60)
        others = alike([history[name] for name, its in NAMES.items() if its == category and name in history])
        figures[sku] = of_one(history.get(sku), most, rate, exp(log_size), usual_ratio, others, size_days)
    return figures


def size_sale_days(articles: Sequence[Article]) -> float:
    """For how many sale days of an article's own the usual size counts.

    What sizes (their logarithms) vary by within articles, over what they vary by between them; 3 at most. A variance of
    1 within, and a third of it between, counts for 20 sale days.
    """
    within, degrees = 20.0, 20.0
    means, chances = [], []
    for one in articles:
        sizes = [(log(units), weight(age, 160)) for age, units in one.sales.items()]
        total, squares = sum(share for _, share in sizes), sum(share * share for _, share in sizes)
        means.append(sum(size * share for size, share in sizes) / total)
        within += sum(share * (size - means[-1]) ** 2 for size, share in sizes)
        degrees += total - squares / total
        chances.append(squares / total**2)
    weights = [min(one.sale_days(160), 3) for one in articles]
    middle = sum(share * mean for share, mean in zip(weights, means, strict=True)) / sum(weights)
    ratio = 20 / 3 + sum(
        share * ((mean - middle) ** 2 * degrees / within - chance)
        for share, mean, chance in zip(weights, means, chances, strict=True)
    )
    return min(3, (sum(weights) + 20) / ratio)


def of_launches(history: History, rates: Mapping[str, float]) -> float:
    """How seldom new articles sold in the 60 days after their first, against their categories; c is not new.

    Not quite as much where they sold more often.
    """
    sales = expected = 10.0
    for name, rate in rates.items():
        one = history[name]
        if one.first >= 400 - 60:
            continue
        new = range(max(0, one.first - 60), one.first)
        sales += weight(one.first, 160) * sum(age in one.sales for age in new)
        expected += weight(one.first, 160) * len(new) * rate
    return min(sales / expected, (sales / expected) ** 0.75)


def alike(articles: Sequence[Article]) -> tuple[float, float]:
    """How often articles of a category sell, and for how many days of an article's own that counts."""
    records = [(one.sale_days(160) - one.begin(160), one.days(160) - one.begin(160), one) for one in articles]
    rate = sum(sales for sales, _, _ in records) / sum(days for _, days, _ in records)
    differing = 2 * 20 + sum(
        (sales - rate * days) ** 2 - rate * days * (1 + weight(one.first, 160)) / 2
        for sales, days, one in records
    )
    variance = max(0.05, differing / (sum((rate * days) ** 2 for _, days, _ in records) + 20))
    return rate, max(0, 1 / (2 * variance * rate) - 14) if rate else 0


def spreads(history: History) -> dict[str, dict[int, float]]:
    """How much wider than the formula says sums of 15, 30 and 60 days of what sells daily lay, by SKU and days.

    That of the tenant counts like 20 sums beside an article's own, and 1 like 8 beside the tenant's. A calm year is no
    promise: what was missed by less counts by its root.
    """
    found: dict[str, dict[int, float]] = {sku: {} for sku in history}
    for blocks in (1, 2, 4):
        cases = {sku: list(misses(one, blocks)) for sku, one in history.items()}
        sums = {
            sku: (
                sum(share * miss for _, share, miss in its) / blocks,
                sum(share for _, share, _ in its) / blocks,
            )
            for sku, its in cases.items()
        }
        last = max((block for its in cases.values() for block, _, _ in its), default=blocks - 1)
        times = (last - blocks + 1) / blocks
        counted = sum(count for _, count in sums.values())
        mean = sum(total for total, _ in sums.values()) / counted if counted else 1
        tenant = (mean * times + 8) / (times + 8)
        for sku, (total, count) in sums.items():
            spread = (total + 20 * tenant) / (count + 20)
            spread = min(4, spread) if spread > 1 else spread**0.5
            found[sku][15 * blocks] = 1 + daily_share(history[sku], 0) * (spread - 1)
    return found


def misses(one: Article, blocks: int) -> Iterator[tuple[int, float, float]]:
    """Blocks since the forecast, what the case counts for, and its squared miss in times of its variance."""
    changed = {age // 15 for age in (one.first, *one.sales)}
    squares, units = (
        one.over(160, {age: sold**power for age, sold in one.sales.items()}) for power in (2, 1)
    )
    ratio = squares / units - units / one.days(160)
    memory = (one.sale_days(20) * one.days(20) + 3 * one.days(160)) / (one.sale_days(20) + 3)
    days = 15 * blocks
    for block in range(blocks, 25):
        begin = 15 * block
        # a time without a sale in a whole block is no case
        if one.first - begin < 60 or not changed.issuperset(range(block - blocks, block + 1)):
            continue
        share = daily_share(one, 0) * daily_share(one, begin)
        if not share:
            continue
        past = {age: sold for age, sold in one.sales.items() if begin <= age < 495}
        mean = days * one.over(20, past) / sum(weight(age, 20) for age in range(begin, one.known(495)))
        sold = sum(sold for age, sold in one.sales.items() if begin - days <= age < begin)
        doubt = ratio * (1 + days / 12) * days / (memory + 1)
        variance = mean * ratio + mean**2 * max(0.001 * days, doubt / (mean + doubt / 2))
        yield block, share, min(16, (sold - mean) ** 2 / variance)


def daily_share(one: Article, begin: int) -> float:
    """Nothing below a sale in five days, 1 from two in five on; as of so many days ago."""
    last = one.known(495) if begin else one.first + 1
    sales = sum(weight(age, 20) for age in one.sales if begin <= age < last)
    return min(1, max(0, sales / sum(weight(age, 20) for age in range(begin, last)) / 0.2 - 1))


def square_ratio(one: Article) -> float:
    squares = one.over(160, {age: units * units for age, units in one.sales.items()})
    return squares * one.sale_days(160) / one.over(160, one.sales) ** 2


def of_one(
    one: Article | None,
    most: Mapping[int, float],
    rate: float,
    size: float,
    usual_ratio: float,
    others: tuple[float, float],
    size_days: float,
) -> dict[str, float]:
    if one is None:
        # known by its category alone, whose rate counts as that of the slow memory
        return {
            "sale_rate": rate, "sale_size": size, "share_alive": 1, "daily_demand": rate * size,
            "variance_ratio": size * usual_ratio - rate * size, "memory_days": 0, "long_days": 0, "missed_sales": 0,
            "most_level_variance": 16, "expected_daily_demand": rate * size, "one_off_size": 10, "one_off_quantity": 0,
        }  # fmt: skip
    cut = one.cut(most[id(one)])
    sales, days, begin = one.sale_days(160), one.days(160), one.begin(160)
    prior = 14 + 4 * max(0, 1 - days / 120)
    alike_rate, alike_days = others
    prior_sales, prior_days = prior * rate + alike_days * alike_rate, prior + alike_days
    long_rate = (sales - begin + prior_sales) / (days - begin + prior_days)
    long_size = (one.over(160, cut) + size_days * size) / (sales + size_days)
    silent = range(min(one.sales))
    before_silence = days - begin - sum(weight(age, 160) for age in silent)
    missed = len(silent) * (sales - begin + prior_sales) / (before_silence + prior_days)
    alive = 1 / (1 + (missed / 8) ** 2)
    quick_sales, quick_days = one.sale_days(20), one.days(20)
    sale_rate = (quick_sales - one.begin(20) + 3) / (quick_days - one.begin(20) + 3 / long_rate)
    sale_size = (one.over(20, cut) + 3 * long_size) / (quick_sales + 3)
    spread = (sales * max(1, square_ratio(one)) + 3 * usual_ratio) / (sales + 3)
    spread *= one.over(160, one.sales) / one.over(160, cut)
    return {
        "sale_rate": sale_rate, "sale_size": sale_size, "share_alive": alive,
        "daily_demand": sale_rate * sale_size * alive,
        "variance_ratio": max(0, sale_size * spread - sale_rate * sale_size),
        "memory_days": (quick_sales * quick_days + 3 * days) / (quick_sales + 3), "long_days": days,
        "most_level_variance": 2 * 8 ** max(0, 1 - days / 60), "missed_sales": missed,
        "expected_daily_demand": rate * size, "one_off_size": most[id(one)],
        "one_off_quantity": sum(max(0.0, units - most[id(one)]) for units in one.sales.values()),
    }  # fmt: skip


def changes(history: History) -> list[dict[str, Any]]:
    """The record as rows of fct_stock_and_demand_change."""
    rows = []
    for sku, one in history.items():
        ages = sorted({one.first, *one.sales}, reverse=True)
        for age, following in zip(ages, [*ages[1:], -1], strict=True):
            rows.append(
                {
                    "sku": sku,
                    "day": TODAY - timedelta(days=age),
                    "run_days": age - following,
                    "demand": one.sales.get(age, 0),
                }
            )
    return rows


@pytest.mark.slow  # compiles the project
def test_estimates_are_what_their_descriptions_say(tmp_path: Path) -> None:
    compiled = compiled_estimates(tmp_path, TODAY)
    rates = [of_launches(history, dict.fromkeys(history, 0.1)) for history in (SELDOM, OFTEN)]
    assert rates[0] < 1 < rates[1]
    assert alike([OFTEN["a"], OFTEN["c"]])[1] < 30 < alike([SLOW["a"], SLOW["c"]])[1]
    assert size_sale_days(list(UNLIKE.values())) < 1 < 2 < size_sale_days(list(OFTEN.values()))
    assert spreads(DAILY)["c"][15] < 1 < 1.4 < spreads(DAILY)["a"][15]
    for history in (SELDOM, OFTEN, SLOW, UNLIKE, DAILY):
        estimates = estimates_of(history, compiled)
        assert estimates.keys() == NAMES.keys()
        for sku, figures in expected(history).items():
            assert {name: estimates[sku][name] for name in figures} == pytest.approx(
                figures, rel=1e-9, abs=1e-12
            ), sku
            assert estimates[sku]["category"] == NAMES[sku]
        for sku, by_days in spreads(history).items():
            assert {days: estimates[sku][f"spread_{days}"] for days in by_days} == pytest.approx(
                by_days, rel=1e-9
            ), sku
        assert estimates["a"]["last_one_off_day"] is None
        days_ago = 20 if history is SELDOM else None
        assert estimates["b"]["last_one_off_day"] == (days_ago and TODAY - timedelta(days=days_ago))


def estimates_of(history: History, compiled: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The rows of the compiled model, by SKU."""
    rows = estimates_on(compiled, TODAY, changes(history), NAMES, [("new", "w")])
    return {row["sku"]: row for row in rows}
