"""int_demand_seasons: what the same days a year ago sold against what was sold a year before now."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.models import dbt

TODAY = date(2026, 3, 13)
SATURDAY = 5


@pytest.mark.slow  # compiles the project
def test_a_weekday_that_sells_nothing_is_no_season(tmp_path: Path) -> None:
    """Twenty articles sell one a day but on Saturdays, all year round: the days to come sell as much as the last ones.

    A Saturday counted as an ordinary day would make every season a fourteenth too low.
    """
    compiled = dbt(
        tmp_path, "compile", "--select", "int_demand_seasons", variables={"as_of_date": TODAY.isoformat()}
    )
    days = [day for day in (TODAY - timedelta(days=age) for age in range(700)) if day.weekday() != SATURDAY]
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema intermediate; create schema marts")
        connection.execute(
            "create table intermediate.int_demand_estimates as select ? as as_of_day, 'gifts' as category, "
            "'a' || i as sku, 'w' as warehouse_code, 10e0 as one_off_size from range(20) as articles (i)",
            [TODAY],
        )
        connection.execute(
            "create table marts.fct_stock_and_demand_change as "
            "select sku, 'w' as warehouse_code, day, 1 as demand_quantity "
            "from intermediate.int_demand_estimates cross join (select unnest(?) as day)",
            [days],
        )
        seasons = dict(
            connection.execute(
                f"select ahead_days, season_days / ahead_days from ({compiled.results[0].node.compiled_code}) "
                "where ahead_days in (7, 28, 91, 364)"
            ).fetchall()
        )
    assert seasons == pytest.approx({7: 1, 28: 1, 91: 1, 364: 1}, abs=0.02)
