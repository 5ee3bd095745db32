"""The report's section about ourselves."""

import re
from datetime import date
from html import unescape
from typing import Any

import duckdb
from omnium_elt.report import accuracy

MONTHLY = (
    "month date, proposals bigint, judged bigint, reorder_points_judged bigint, reorder_point_held_share double,"
    " service_level double, forecast_demand double, wanted_quantity double, forecast_bias double,"
    " forecast_error_share double, decided bigint, followed_share double, changed_share double, ignored_share double,"
    " unasked bigint, arrivals_judged bigint, arrived_in_time_share double, mean_days_late double"
)


def warehouse(
    *months: tuple[Any, ...], proposed: tuple[tuple[Any, ...], ...] = ()
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema marts")
    connection.execute(f"create table marts.proposal_accuracy_monthly ({MONTHLY})")
    connection.execute("create table marts.proposal_accuracy (proposal_date date, protection_days double)")
    for month in months:
        connection.execute(
            f"insert into marts.proposal_accuracy_monthly values ({', '.join('?' * len(month))})", month
        )
    for row in proposed:
        connection.execute("insert into marts.proposal_accuracy values (?, ?)", row)
    return connection


def lead(page: str) -> str:
    found = re.search(r'<p class="lead">(.*?)</p>', page)
    assert found
    return unescape(found[1])


def test_before_the_first_run_that_keeps_proposals() -> None:
    assert lead(accuracy.section(duckdb.connect())) == (
        "No proposals are kept in this warehouse yet: the next run keeps its own."
    )


def test_before_anything_can_be_judged() -> None:
    month = (
        date(2026, 3, 1),
        3,
        0,
        0,
        None,
        None,
        None,
        None,
        None,
        None,
        0,
        None,
        None,
        None,
        0,
        0,
        None,
        None,
    )
    with warehouse(month, proposed=((date(2026, 3, 1), 30.6), (date(2026, 3, 4), 10.2))) as connection:
        assert lead(accuracy.section(connection)) == (
            "Nothing can be said yet. Proposals are kept since 2026-03-01; the first can be judged on 2026-03-14, when"
            " the days are over that its reorder point had to cover."
        )
    with warehouse() as connection:
        assert lead(accuracy.section(connection)) == "Nothing was proposed yet that could be judged."


def test_two_months_in_a_sentence_each_and_a_table() -> None:
    """90 of 100 and 285 of 300 held; 10 % and −10 % of 100 and 300 wanted: 5 % too low; 3 of 4 and 9 of 12 arrivals."""
    march = (
        date(2026, 3, 1),
        120,
        110,
        100,
        0.9,
        0.95,
        110,
        100,
        0.1,
        0.5,
        10,
        0.5,
        0.3,
        0.2,
        1,
        4,
        0.75,
        1.0,
    )
    april = (
        date(2026, 4, 1),
        320,
        310,
        300,
        0.95,
        0.95,
        270,
        300,
        -0.1,
        0.3,
        30,
        0.9,
        0.1,
        0.0,
        0,
        12,
        0.75,
        0.0,
    )
    with warehouse(march, april) as connection:
        page = accuracy.section(connection)
    assert lead(page) == (
        "Of 400 reorder points whose time is over, 94% held (target: 95%). Forecasts were 5% too low on the whole,"
        " and off by 35% article by article. Of 16 orders, 75% arrived by the latest day that was predicted"
        " (target: 90%). Of 40 proposed lines, 80% were ordered as proposed and 15% in another quantity."
    )
    cells = [re.sub("<[^>]*>", " ", row).split() for row in re.findall("<tr>(.*?)</tr>", page, re.DOTALL)[1:]]
    assert cells == [
        ["2026-04", "320", "300", "95%", "−10%", "30%", "75%", "90%"],
        ["2026-03", "120", "100", "90%", "+10%", "50%", "75%", "50%"],
    ]


def test_only_arrivals_are_known() -> None:
    month = (date(2026, 3, 1), 3, 0, 0, None, None, None, None, None, None, 2, 1.0, 0.0, 0.0, 0, 2, 1.0, -1.0)
    with warehouse(month) as connection:
        assert lead(accuracy.section(connection)) == (
            "No reorder point can be judged yet. Of 2 orders, 100% arrived by the latest day that was predicted"
            " (target: 90%). Of 2 proposed lines, 100% were ordered as proposed and 0% in another quantity."
        )
