"""Simulates a shop with reorder points and order-up-to levels, set anew every day, and lost sales."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from tests.benchmarks.demand.sales import Floats, Sales


@dataclass(frozen=True)
class Result:
    """The result of a policy.

    The share of demand that was served, by value and by units; the share of item-days without stock; and the average
    stock value.
    """

    policy: str
    value_fill: float
    unit_fill: float
    empty_share: float
    stock_value: float


def simulate(
    policy: str, sales: Sales, as_of: Sequence[int], reorder: Floats, level: Floats, lead_time: int
) -> Result:
    """Simulate one policy; `reorder` and `level` have a row for each day of `as_of`, as set at the end of that day.

    `as_of` are consecutive days. If the inventory position is not above the reorder point, the shop orders up to the
    level, in whole units, and receives them `lead_time` days later. Stock starts at the level of the first day; the
    first two lead times do not count. An article takes part from its first sale on.
    """
    articles = len(sales.articles)
    first = sales.first_sales()
    stock, coming = (
        numpy.ceil(numpy.where(first <= as_of[0], level[0], 0.0)),
        numpy.zeros((articles, lead_time + 1)),
    )
    wanted, served = numpy.zeros(articles), numpy.zeros(articles)
    value, empty, counted, days = 0.0, 0, 0, 0
    for row, number in enumerate(as_of[:-1]):
        is_known = first <= number
        position = stock + coming.sum(1)
        coming[:, lead_time] += numpy.where(
            is_known & (position <= reorder[row]), numpy.ceil(numpy.maximum(level[row] - position, 0)), 0
        )
        coming = numpy.roll(coming, -1, axis=1)
        stock = stock + coming[:, 0]
        coming[:, 0] = 0
        demand = sales.units[:, number + 1]
        sold = numpy.minimum(stock, demand)
        stock = stock - sold
        if row >= 2 * lead_time:
            wanted += demand * is_known
            served += sold * is_known
            value += float((stock * sales.prices).sum())
            empty += int(((stock <= 0) & is_known).sum())
            counted += int(is_known.sum())
            days += 1
    return Result(
        policy,
        float((served * sales.prices).sum() / (wanted * sales.prices).sum()),
        float(served.sum() / wanted.sum()),
        empty / counted,
        value / days,
    )


def stock_at(fill: float, results: Sequence[Result]) -> float:
    """The stock value at a value fill rate, interpolated between these policies; NaN outside their range."""
    ordered = sorted(results, key=lambda one: one.value_fill)
    fills = [one.value_fill for one in ordered]
    if not fills[0] <= fill <= fills[-1]:
        return float("nan")
    return float(numpy.exp(numpy.interp(fill, fills, numpy.log([one.stock_value for one in ordered]))))


def empty_at(stock: float, results: Sequence[Result]) -> float:
    """The share of empty item-days at a stock value, interpolated between these policies."""
    ordered = sorted(results, key=lambda one: one.stock_value)
    return float(
        numpy.interp(stock, [one.stock_value for one in ordered], [one.empty_share for one in ordered])
    )
