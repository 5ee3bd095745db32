"""Other engines read the lake while runs go on: one run's tables, whichever it is, and never a mix."""

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import lake as lake_step
from omnium_elt.steps.lake import publish_lake
from omnium_elt.steps.spark import end_java

from tests.support.lakes import killed_half_way

pytestmark = pytest.mark.slow

TABLES = ("orders", "orders__lines")


@pytest.fixture
def lake(home: Home) -> Settings:
    """Two tables that hold the same number of each run: an order's `run` and that of its lines."""
    home.create()
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("create schema omnium")
        connection.execute(
            "create table omnium.orders as select range as id, 0::decimal(38, 9) as run, "
            "timestamptz '2026-01-01 12:00:00+00' as created, '0' as _dlt_load_id from range(1000)"
        )
        connection.execute(
            "create table omnium.orders__lines as "
            "select id as order_id, run, unnest(range(3)) as place from omnium.orders"
        )
    return Settings(home=home, destination="parquet")


def next_run(lake: Settings, number: int) -> None:
    """Every row changes, and the tables grow: files of another length, too."""
    with duckdb.connect(str(lake.home.working_database)) as connection:
        connection.execute(f"update omnium.orders set run = {number}, _dlt_load_id = '{number}'")
        connection.execute(f"update omnium.orders__lines set run = {number}")
        connection.execute(
            f"insert into omnium.orders select id + {number * 1000}, run, created, _dlt_load_id "
            "from omnium.orders where id < 1000"
        )
        connection.execute(
            "insert into omnium.orders__lines select id, run, 0 from omnium.orders where id not in "
            "(select order_id from omnium.orders__lines)"
        )


def files_of_newest_run(lake: Path) -> dict[str, list[str]]:
    tables = json.loads((lake / "manifest.json").read_text())["tables"]
    return {name: [str(lake / file["path"]) for file in tables[name]["files"]] for name in TABLES}


class Spark:
    """One session, open for all runs."""

    def __init__(self) -> None:
        sql = pytest.importorskip("pyspark.sql")
        if shutil.which("java") is None:
            pytest.skip("Spark needs Java")
        self._session = (
            sql.SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.memory", "1g")
            .config("spark.sql.session.timeZone", "UTC")
            .getOrCreate()
        )

    def facts(self, files: list[str]) -> tuple[int, Decimal, Decimal]:
        frame = self._session.read.parquet(*files)
        (row,) = frame.selectExpr("count(*)", "min(run)", "max(run)").collect()
        return tuple(row)

    def close(self) -> None:
        self._session.stop()
        end_java()


class Polars:
    def __init__(self) -> None:
        self._polars = pytest.importorskip("polars")

    def facts(self, files: list[str]) -> tuple[int, Decimal, Decimal]:
        run = self._polars.scan_parquet(files).collect()["run"]
        return len(run), run.min(), run.max()

    def close(self) -> None:
        pass


class Pandas:
    def __init__(self) -> None:
        self._pandas = pytest.importorskip("pandas")

    def facts(self, files: list[str]) -> tuple[int, Decimal, Decimal]:
        run = self._pandas.read_parquet(files)["run"]
        return len(run), run.min(), run.max()

    def close(self) -> None:
        pass


class DuckDB:
    def __init__(self) -> None:
        self._connection = duckdb.connect()

    def facts(self, files: list[str]) -> tuple[int, Decimal, Decimal]:
        (row,) = self._connection.execute(
            "select count(*), min(run), max(run) from read_parquet(?)", [files]
        ).fetchall()
        return row

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(params=[Spark, Polars, Pandas, DuckDB], ids=lambda reader: reader.__name__)
def reader(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened = request.param()
    yield opened
    opened.close()


def test_a_session_that_stays_open_sees_one_run_at_a_time(lake: Settings, reader: Any) -> None:
    publish_lake(lake, Silent())
    first = files_of_newest_run(lake.home.lake)
    assert [reader.facts(first[name]) for name in TABLES] == [(1000, 0, 0), (3000, 0, 0)]

    # The second is killed when half of its files are there: nobody sees any of them.
    next_run(lake, 1)
    with killed_half_way(lake_step):
        publish_lake(lake, Silent())
    assert files_of_newest_run(lake.home.lake) == first
    assert [reader.facts(first[name]) for name in TABLES] == [(1000, 0, 0), (3000, 0, 0)]

    next_run(lake, 2)
    publish_lake(lake, Silent())
    newest = files_of_newest_run(lake.home.lake)
    assert [reader.facts(newest[name]) for name in TABLES] == [(3000, 2, 2), (5000, 2, 2)]
    assert [reader.facts(first[name]) for name in TABLES] == [(1000, 0, 0), (3000, 0, 0)]
