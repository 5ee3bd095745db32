"""Holds the direction on real sales: a few articles of a British gift wholesaler.

`tests/data/retail_sales_sample.parquet` is made from Online Retail II (D. Chen, 2012, UCI Machine Learning Repository,
CC BY 4.0): units a day and median price of some articles.
"""

from pathlib import Path

import numpy
import pytest

pytestmark = pytest.mark.slow  # replays of real sales

DATA = Path(__file__).parents[1] / "data" / "retail_sales_sample.parquet"
DAYS = 31


def test_reorder_points_suffice_more_often_than_before_and_cost_less(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    from tests.benchmarks.demand import peers, pinball, program, sales

    shop = sales.from_file(DATA)
    origins = range(400, shop.days - DAYS, 30)
    program.write_sales(tmp_path, shop)
    found = program.forecasts(tmp_path, shop, list(origins), [DAYS], [0.95])
    covered, before, cost, cost_before = [], [], 0.0, 0.0
    for origin in origins:
        known = shop.first_sales() <= origin
        sold, prices = shop.between(origin, DAYS)[known], shop.prices[known]
        point = found[origin, DAYS].quantiles[0.95][known]
        old = peers.OldMethod(shop, origin).quantile(0.95, DAYS)[known]
        covered.append(sold <= point)
        before.append(sold <= old)
        cost += float((prices * pinball(point, sold, 0.95)).sum())
        cost_before += float((prices * pinball(old, sold, 0.95)).sum())
    assert 0.92 < numpy.concatenate(covered).mean() < 0.98
    assert numpy.concatenate(covered).mean() > numpy.concatenate(before).mean()
    assert cost < cost_before
