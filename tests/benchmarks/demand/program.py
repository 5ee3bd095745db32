"""The program's forecasts of daily sales: builds its dbt models as of many days at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import duckdb
import numpy
import pyarrow

from tests.benchmarks.demand.sales import Floats, Sales
from tests.support.forecasts import MODELS, forecast_query
from tests.support.models import dbt

DAYS_AT_ONCE = 60


@dataclass(frozen=True)
class Forecast:
    """The forecast of each article as of one day.

    Demand of an ordinary day; mean, variance and quantiles of the demand of the next days.
    """

    daily: Floats
    mean: Floats
    variance: Floats
    quantiles: Mapping[float, Floats]


def write_sales(folder: Path, sales: Sales) -> None:
    """Write raw tables as a load does: an order with one line for each article and day with sales."""
    folder.mkdir(parents=True, exist_ok=True)
    article, day = numpy.nonzero(sales.units)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema omnium")
        connection.execute("create table names (number bigint, sku varchar)")
        connection.executemany("insert into names values (?, ?)", list(enumerate(sales.articles)))
        sold = pyarrow.table({"article": article, "day": day, "quantity": sales.units[article, day]})
        connection.register("sold", sold)
        connection.execute(
            "create table lines as select names.sku, cast(? as date) + cast(sold.day as integer) as day, "
            "sold.quantity, names.sku || '/' || sold.day as id from sold join names on names.number = sold.article",
            [sales.first_day],
        )
        connection.execute(
            "create table omnium.orders as select id, id as _dlt_id, 'Online' as order_type, 'Completed' as status, "
            "'shop' as store_id, cast(day + interval 12 hour as varchar) || '+00:00' as created, "
            "cast(null as timestamptz) as _omnium_deleted_at from lines"
        )
        connection.execute(
            "create table omnium.orders__order_form__line_items as select id || '/1' as _dlt_id, id as _dlt_root_id, "
            "id as _dlt_parent_id, 0 as _dlt_list_idx, '1' as line_item_id, sku as code, "
            "cast(quantity as varchar) as quantity from lines"
        )
        connection.execute(
            "create table omnium._dlt_loads as select cast(? as timestamptz) as inserted_at",
            [f"{sales.day(sales.days - 1)} 20:00+00"],
        )
        connection.execute("drop table lines")


def forecasts(
    folder: Path,
    sales: Sales,
    as_of: Sequence[int],
    horizons: Sequence[int],
    probabilities: Sequence[float],
) -> dict[tuple[int, int], Forecast]:
    """Forecasts by day number and horizon. The models are built for DAYS_AT_ONCE days at a time."""
    answers: dict[tuple[int, int], Forecast] = {}
    for begin in range(0, len(as_of), DAYS_AT_ONCE):
        chosen = as_of[begin : begin + DAYS_AT_ONCE]
        days = {sales.day(number).isoformat(): number for number in chosen}
        selected = tuple(f"+{name}" for name in MODELS) if begin == 0 else MODELS
        with mock.patch.dict(os.environ, {"OMNIUM_DBT_THREADS": "2"}):
            dbt(
                folder, "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test",
                "--select", *selected, variables={"replayed_as_of_days": list(days)},
            )  # fmt: skip
        answers |= _read(folder, sales, days, horizons, probabilities)
    return answers


def _read(
    folder: Path,
    sales: Sales,
    days: Mapping[str, int],
    horizons: Sequence[int],
    probabilities: Sequence[float],
) -> dict[tuple[int, int], Forecast]:
    compiled = forecast_query(folder, probabilities)
    columns = {name: column for column, name in enumerate(sales.articles)}
    found: dict[tuple[int, int], Forecast] = {}
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        for horizon in horizons:
            rows = connection.execute(compiled.replace("__horizon__", f"{horizon}e0")).fetchnumpy()
            numbers = numpy.array(
                [days.get(str(day)[:10], -1) for day in rows["as_of_day"].astype("datetime64[D]")]
            )
            places = numpy.array([columns[sku] for sku in rows["sku"]])
            for number in days.values():
                is_here = numbers == number
                found[number, horizon] = Forecast(
                    _placed(rows["daily_demand"], is_here, places, len(columns)),
                    _placed(rows["forecast_mean"], is_here, places, len(columns)),
                    _placed(rows["forecast_variance"], is_here, places, len(columns)),
                    {
                        probability: _placed(rows[f"q{index}"], is_here, places, len(columns))
                        for index, probability in enumerate(probabilities)
                    },
                )
    return found


def _placed(values: Floats, is_here: Floats, places: Floats, size: int) -> Floats:
    """One value for each article; 0 for those without a row."""
    placed = numpy.zeros(size)
    placed[places[is_here]] = values[is_here]
    return placed
