"""policy_backtest on real sales: python -m tests.benchmarks.replay --data DIR [--lead-days 14] [--nth 1]

DIR holds retail_daily_sales.parquet (sku, day, quantity) and retail_articles.parquet (sku, median_price_gbp). Prints
the stock of each policy and the share of demand that it served, and the stock with which Omnium's formula serves the
same share as ours, interpolated between two of its margins. With all articles and daily estimates it takes minutes.
"""

import argparse
import tempfile
from datetime import date
from itertools import pairwise
from pathlib import Path

from tests.support.sales import replay_sales


def main() -> None:
    """Replay the sales and print the policies."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lead-days", type=int, default=14)
    parser.add_argument("--refresh-days", type=int, default=1, help="days between two looks at history")
    parser.add_argument("--nth", type=int, default=1, help="every so many articles")
    options = parser.parse_args()
    articles = options.data / "retail_articles.parquet"
    sales = f"""
        with articles as (
            select sku, median_price_gbp as price, row_number() over (order by sku) as number from '{articles}'
        )
        select sku, day, quantity, price
        from '{options.data / "retail_daily_sales.parquet"}'
        inner join articles using (sku)
        where quantity > 0 and price > 0 and number % {options.nth} = 0
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = replay_sales(
            Path(folder),
            sales,
            last_day=date(2011, 11, 30),
            lead_days=options.lead_days,
            replayed_days=240,
            backtest_items=100_000,
            backtest_refresh_days=options.refresh_days,
        )
    curve = sorted(
        (row["value_fill_rate"], float(row["average_stock_value"]))
        for row in rows
        if row["policy"].startswith("omnium")
    )
    for row in sorted(rows, key=lambda row: row["average_stock_value"]):
        stock, served = float(row["average_stock_value"]), row["value_fill_rate"]
        line = f"{row['policy']:16} stock {stock:12,.0f}  empty days {row['stock_out_days']:7,}  served {served:6.1%}"
        if row["policy"].startswith("ours"):
            needed = stock_for(curve, served)
            line += f"  Omnium's formula {needed:12,.0f} ({stock / needed - 1:+.1%})" if needed else ""
        print(line)


def stock_for(curve: list[tuple[float, float]], served: float) -> float | None:
    """The stock value at which a curve of (share served, stock) reaches `served`; None beyond its ends."""
    for (low, little), (high, much) in pairwise(curve):
        if low <= served <= high:
            return little + (much - little) * (served - low) / (high - low)
    return None


if __name__ == "__main__":
    main()
