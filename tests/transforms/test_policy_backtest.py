"""The replay of history: fair to every policy, no look ahead, and better than the plain formula on real sales."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import dbt, query
from tests.support.sales import replay_sales

pytestmark = pytest.mark.slow  # replays

SALES = Path(__file__).parents[1] / "data" / "real_sales.parquet"


def total(rows: list[dict[str, Any]], policy: str) -> dict[str, Any]:
    (found,) = [row for row in rows if row["policy"] == policy]
    return found


def stock_at(rows: list[dict[str, Any]], fill_rate: float) -> float:
    """The stock value with which Omnium's formula reaches a fill rate, between two of its margins."""
    points = sorted(
        (row["value_fill_rate"], float(row["average_stock_value"]))
        for row in rows
        if row["policy"].startswith("omnium")
    )
    for (low, little), (high, much) in pairwise(points):
        if low <= fill_rate <= high:
            return little + (much - little) * (fill_rate - low) / (high - low)
    raise AssertionError(f"{fill_rate} lies outside of {points[0][0]} to {points[-1][0]}")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Eight months of the sales of 35 articles of a wholesaler; every order takes two weeks."""
    folder = tmp_path_factory.mktemp("real")
    rows = replay_sales(
        folder,
        f"select * from '{SALES}'",
        last_day=date(2011, 11, 30),
        lead_days=14,
        replayed_days=240,
    )
    return folder, rows


def test_less_stock_than_the_plain_formula_at_the_same_service(
    real: tuple[Path, list[dict[str, Any]]],
) -> None:
    """Real sales, and only the direction: how much less is measured on all articles, in docs/models.md."""
    _, rows = real
    for policy in ("ours 0.7", "ours 0.8", "ours 0.9", "ours"):
        ours = total(rows, policy)
        assert float(ours["average_stock_value"]) < stock_at(rows, ours["value_fill_rate"]), policy


def test_every_policy_is_replayed_for_every_article_and_meets_the_same_customers(
    real: tuple[Path, list[dict[str, Any]]],
) -> None:
    _, rows = real
    assert {(row["items"], row["days"], row["demand_quantity"]) for row in rows} == {
        (35, 240, rows[0]["demand_quantity"])
    }
    # Every day was in stock: everything that was wanted was sold.
    assert total(rows, "what happened")["fill_rate"] == 1


def test_a_higher_service_level_serves_more_with_more_stock(real: tuple[Path, list[dict[str, Any]]]) -> None:
    _, rows = real
    ours = [total(rows, f"ours {level}".strip()) for level in (0.5, 0.7, 0.8, 0.9, "", 0.98)]
    for low, high in pairwise(ours):
        assert low["fill_rate"] < high["fill_rate"]
        assert low["average_stock_value"] < high["average_stock_value"]
        assert low["stock_out_days"] > high["stock_out_days"]


def test_what_happens_later_changes_no_level(real: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    """The same first day, once with the two months that follow and once without them."""
    replay_sales(
        tmp_path,
        f"select * from '{SALES}'",
        last_day=date(2011, 9, 30),
        lead_days=14,
        replayed_days=179,
    )
    levels = """
        select levels.policy, items.sku, days.as_of_day, levels.reorder_point, levels.order_up_to_level
        from intermediate.int_backtest_levels as levels
        inner join intermediate.int_backtest_items as items using (item_id)
        inner join intermediate.int_backtest_as_of_days as days using (refresh)
        where days.as_of_day <= '2011-09-29'
        order by all
    """
    with_later, without = query(real[0], levels), query(tmp_path, levels)
    # What was first sold in those two months is no article of the shorter history.
    known = {row["sku"] for row in without}
    assert len(known) > 30
    assert [row for row in with_later if row["sku"] in known] == without


def test_every_dbt_unit_test_of_the_replay_passes(real: tuple[Path, list[dict[str, Any]]]) -> None:
    dbt(real[0], "test", "--select", "test_type:unit,path:models/intermediate/backtest")
