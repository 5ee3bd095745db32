"""Spark: a real session builds what DuckDB builds, every mart row for row, after changes and deletions.

TEST_SPARK=1 asks for it. The first build is of purchase orders alone, so that the history of promises has a past; the
second is of everything.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import checksum
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps import dbt_commands, spark
from omnium_elt.steps.publish import export_marts, publish_warehouse
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_elt.warehouse import database
from omnium_sandbox import Sandbox

from tests.support import proposal
from tests.support.engines import put_dateless, row_differences
from tests.support.parsing import share_parsing
from tests.support.tenants import WITHOUT_DATA_TESTS, sandbox_settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        not os.environ.get("TEST_SPARK"),
        reason="TEST_SPARK=1 builds the models on Spark as well",
    ),
]

FIRST = ("--select", "+fct_purchase_order_line")
SHORT_REPLAY = {"backtest_days": 6, "backtest_warm_up_days": 3, "backtest_items": 20}
"""Spark recurses once a day of it."""
ENVIRONMENT = {
    **WITHOUT_DATA_TESTS,
    # A small tenant: what takes the time is to compile and to plan, not to count.
    # With its first compiler alone Java keeps 48 MB of machine code, and compiles again and again what it threw away.
    "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
    # A heap that grows from little is collected whole each time that it grows; so is the room for classes.
    "PYSPARK_SUBMIT_ARGS": "--driver-java-options '-Xms1500m -Xmn600m -XX:MetaspaceSize=300m' "
    "--conf spark.sql.codegen.wholeStage=false --conf spark.sql.codegen.factoryMode=NO_CODEGEN "
    "--conf spark.sql.adaptive.enabled=false --conf spark.ui.showConsoleProgress=false pyspark-shell",
    "OMNIUM_SPARK_MEMORY": "2GB",
    "OMNIUM_SPARK_PARTITIONS": "1",
    "OMNIUM_DBT_THREADS": "1",
}
SCHEMAS = ("marts", "snapshots")


@dataclass(frozen=True)
class Both:
    """The same tenant, built by both engines twice."""

    duckdb: Settings
    spark: Settings
    first_run: dict[str, Any]
    """What `lake/marts.json` said after the first build."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Load, build, change, delete, load, reconcile, build again: the same raw tables for both engines."""
    folder = tmp_path_factory.mktemp("spark")
    try:
        spark.check(Settings(Home(folder)))
    except UsageError as missing:
        pytest.skip(str(missing))
    with Sandbox(size="small", seed=1) as sandbox, pytest.MonkeyPatch.context() as patch:
        put_dateless(sandbox)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        ours = sandbox_settings(Home(folder / "duckdb"), sandbox, variables=SHORT_REPLAY)
        theirs = replace(ours, home=Home(folder / "spark"), engine="spark")
        _well(perform(ours, Silent(), "load", COMMANDS["load"]))
        shutil.copytree(ours.home.root, theirs.home.root)
        with spark.session(theirs):
            _build(ours, theirs, FIRST)
            first_run = _manifest(theirs)
            change(sandbox)
            _well(perform(ours, Silent(), "load", COMMANDS["load"]))
            _well(perform(ours, Silent(), "reconcile", (reconcile_step(False),)))
            _take_over_raw(ours.home, theirs.home)
            _build(ours, theirs)
        yield Both(ours, theirs, first_run)


def _build(ours: Settings, theirs: Settings, chosen: tuple[str, ...] = ()) -> None:
    share_parsing()
    with dbt_commands.dbt_environment(ours):
        answer = dbtRunner().invoke(dbt_commands.dbt_arguments(ours, "build", *chosen))
    assert answer.success, answer.exception
    arguments = dbt_commands.dbt_arguments

    def chosen_arguments(settings: Settings, command: str, *more: str, **options: Any) -> list[str]:
        return arguments(settings, command, *more, *(chosen if command == "build" else ()), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt_commands, "dbt_arguments", chosen_arguments)
        _well(perform(theirs, Silent(), "transform", COMMANDS["transform"]))


def change(sandbox: Sandbox) -> None:
    """A line less in one order, a promise of another that moves, a changed supplier, a vanished one."""
    orders = [
        row
        for row in sandbox.tenant.rows("purchase_orders")
        if len(row["purchaseOrderForm"]["lineItems"]) > 1
    ]
    orders[0]["purchaseOrderForm"]["lineItems"].pop()
    for line in orders[-1]["purchaseOrderForm"]["lineItems"]:
        line["estimatedTimeOfArrival"] = "2031-05-04T00:00:00Z"
    for order in (orders[0], orders[-1]):
        sandbox.tenant.put("purchase_orders", order)
    first, second = [row for row, _ in zip(sandbox.tenant.rows("suppliers"), range(2), strict=False)]
    sandbox.tenant.put("suppliers", {**first, "defaultLeadTime": 33})
    sandbox.tenant.delete("suppliers", second["id"])


def _take_over_raw(source: Home, target: Home) -> None:
    with duckdb.connect(str(target.working_database)) as connection:
        connection.execute(f"attach '{source.working_database}' as source (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'source' and schema_name = 'omnium'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f'create or replace table omnium."{table}" as from source.omnium."{table}"')


def _well(report: RunReport) -> RunReport:
    assert report.exit_status == 0, (report.command, report.error, report.notes)
    return report


def _manifest(settings: Settings) -> dict[str, Any]:
    return json.loads((settings.home.lake / "marts.json").read_text())


def _tables(home: Home) -> dict[str, dict[str, str]]:
    """The tables of the working database that an engine built: column → type."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return {
            f"{schema}.{table}": columns
            for schema in SCHEMAS
            for table, columns in database.tables(connection, schema).items()
        }


def _rows(home: Home, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        listed = ", ".join(f'"{column}"' for column in columns)
        return connection.execute(f"select {listed} from {table}").fetchall()


def test_every_mart_and_the_history_of_promises_are_equal(both: Both) -> None:
    ours, theirs = _tables(both.duckdb.home), _tables(both.spark.home)
    assert ours == theirs
    lines = []
    for table, columns in ours.items():
        lines += row_differences(
            table,
            list(columns),
            _rows(both.duckdb.home, table, list(columns)),
            _rows(both.spark.home, table, list(columns)),
            "Spark",
        )
    assert lines == []


def test_the_history_of_promises_goes_on(both: Both) -> None:
    (moved,) = _rows(
        both.spark.home,
        "snapshots.purchase_order_line_history where dbt_valid_to is not null",
        ["purchase_order_line_id"],
    )[:1]
    states = _rows(
        both.spark.home,
        f"snapshots.purchase_order_line_history where purchase_order_line_id = '{moved[0]}'",
        ["dbt_valid_to", "promised_date"],
    )
    assert len(states) == 2
    assert {str(promised) for ended, promised in states if ended is None} == {"2031-05-04"}


def test_the_lake_names_each_file_of_the_newest_run(both: Both) -> None:
    lake, manifest = both.spark.home.lake, _manifest(both.spark)
    assert manifest["runs"] == [both.first_run["run_id"], manifest["run_id"]]
    assert set(manifest["tables"]) == set(_tables(both.spark.home))
    for name, table in manifest["tables"].items():
        files = [lake / file["path"] for file in table["files"]]
        assert [checksum(file) for file in files] == [file["sha256"] for file in table["files"]], name
        listed = ", ".join(f"'{file}'" for file in files)
        ((count,),) = duckdb.sql(f"select count(*) from read_parquet([{listed}])").fetchall()
        first = next(iter(table["columns"]))["name"]
        assert table["rows"] == count == len(_rows(both.spark.home, name, [first])), name


def test_files_of_the_run_before_are_still_there(both: Both) -> None:
    lake = both.spark.home.lake
    for name, table in both.first_run["tables"].items():
        for file in table["files"]:
            assert checksum(lake / file["path"]) == file["sha256"], name


def test_what_spark_built_is_published_like_any_other(both: Both) -> None:
    home = both.spark.home
    with database.connect(home.working_database) as connection:
        marts, _ = export_marts(connection, home, {}, {})
    built = {name.partition(".")[2] for name in _tables(home) if name.startswith("marts.")}
    assert {mart["name"] for mart in marts} == built
    publish_warehouse(home, proposal.VERSION)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        ((suppliers,),) = connection.execute("select count(*) from staging.stg_suppliers").fetchall()
    assert suppliers == len(_rows(home, "omnium.suppliers where _omnium_deleted_at is null", ["id"])) > 0


def test_nothing_new_builds_nothing(both: Both) -> None:
    report = _well(perform(both.spark, Silent(), "transform", COMMANDS["transform"]))
    assert [step.status for step in report.steps] == ["unchanged"]


@pytest.mark.skipif(spark.REMOTE in os.environ, reason="the server's Java is not ours to end")
def test_java_and_its_memory_end_with_the_session(both: Both) -> None:
    from pyspark import SparkContext

    assert (SparkContext._gateway, SparkContext._jvm) == (None, None)
    with spark.session(both.spark) as session:
        java = SparkContext._gateway.proc
        assert session.range(3).count() == 3
    assert java.returncode is not None
