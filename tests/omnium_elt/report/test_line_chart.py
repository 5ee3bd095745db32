"""The chart that explains a line says what the marts say, and nothing that a tenant wrote runs in it."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
from omnium_elt.report import line_chart
from omnium_elt.report.line_chart import Arrival, Expected, Story, picture, story

DAY = date(2026, 1, 10)


@pytest.fixture
def warehouse(finished_home: Path) -> Iterator[Any]:
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def proposed(warehouse: Any, condition: str = "true") -> tuple[str, str, date]:
    ((sku, place, day),) = warehouse.execute(
        f"""
        select line.sku, line.warehouse_code, projection.week_end_date - 7
        from marts.purchase_proposal_line as line
        inner join marts.stock_projection as projection using (sku, warehouse_code)
        where projection.week = 1 and {condition}
        order by line.urgency_rank, line.money_at_risk desc, line.sku, line.warehouse_code
        limit 1
        """
    ).fetchall()
    return sku, place, day


def test_at_the_ends_of_the_weeks_it_is_the_projection(warehouse: Any) -> None:
    on_its_way = "sku || warehouse_code in (select sku || warehouse_code from marts.open_purchase_eta)"
    for sku, place, day in (proposed(warehouse), proposed(warehouse, on_its_way)):
        told = {one.day: one.stock for one in story(warehouse, day, sku, place).expected}
        weeks = warehouse.execute(
            "select week_end_date, expected_stock from marts.stock_projection "
            "where sku = ? and warehouse_code = ? and week <= 13 order by week",
            [sku, place],
        ).fetchall()
        assert len(weeks) == 13
        assert [round(told[end], 3) for end, _ in weeks] == [round(stock, 3) for _, stock in weeks]


def test_another_quantity_is_another_future(warehouse: Any) -> None:
    sku, place, day = proposed(warehouse, "expected_arrival_date <= projection.week_end_date + 70")
    told = story(warehouse, day, sku, place)
    more = story(warehouse, day, sku, place, ordered=told.ordered + 10)  # type: ignore[arg-type]
    assert more.expected[-1].stock == pytest.approx(told.expected[-1].stock + 10)


def test_the_past_is_the_stock_as_it_was(warehouse: Any) -> None:
    ((sku, place, last),) = warehouse.execute(
        "select sku, warehouse_code, max(day) from marts.fct_stock_daily group by all order by all limit 1"
    ).fetchall()
    told = story(warehouse, last, sku, place)
    assert (
        list(told.past)
        == warehouse.execute(
            "select day, cast(closing_quantity as double) from marts.fct_stock_daily "
            "where sku = ? and warehouse_code = ? and day > ? order by day",
            [sku, place, last - timedelta(line_chart.PAST_DAYS)],
        ).fetchall()
    )


def test_of_what_nothing_is_known_there_is_no_chart(warehouse: Any) -> None:
    assert picture(story(warehouse, DAY, "no such", "place")) is None


def test_a_chart_of_odd_figures_is_one_picture_with_no_nan_and_nothing_that_runs() -> None:
    evil = "<script>alert(1)</script>\"'&"
    told = Story(
        DAY,
        [(DAY - timedelta(1), -5.0), (DAY, 0.0)],
        [Expected(DAY + timedelta(day), -1e6, None if day % 2 else -1e9) for day in range(92)],
        [Arrival(evil, 12.0, DAY + timedelta(number), None) for number in range(0, 400, 20)],
        None,
        48.0,
        DAY + timedelta(300),
    )
    for width in (360, 720):
        shown = str(picture(told, width))
        assert ElementTree.fromstring(shown).get("viewBox") == f"0 0 {width} 276"
        assert "<script" not in shown
        assert not re.search(r"nan|inf", shown.replace("&lt;script&gt;", ""))
        assert shown.count("<circle") == 5


def test_it_says_what_it_shows_to_who_does_not_see_it() -> None:
    expected = [Expected(DAY + timedelta(day), 10.0 - day, None) for day in range(20)]
    shown = str(picture(Story(DAY, [(DAY, 10.0)], expected, [], 7.0, 24.0, DAY + timedelta(12))))
    assert (
        'aria-label="Stock over time: stock was 10 at the end of 2026-01-10, it is expected to run out on 2026-01-20, '
        'with 24 ordered today, which arrive about 2026-01-22."'
    ) in shown
    assert "reorder point 7" in shown
    assert "+24 proposed" in shown
