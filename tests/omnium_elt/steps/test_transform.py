"""transform: dbt in this process, skipped where nothing changed, clear when it fails."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from omnium_elt.infra import history
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.dbt_commands import (
    _day_for_dbt,
    _failure,
    broken_rules,
    dbt_arguments,
    dbt_environment,
)
from omnium_elt.steps.transform import finished, transform


@pytest.fixture
def settings(home_after_run: Home) -> Settings:
    return Settings(home=home_after_run)


class Noting(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def start(self, resource: str, total: int | None) -> None:
        self.events.append(("start", resource, total))

    def advance(self, resource: str, rows: int) -> None:
        self.events.append(("advance", resource, rows))

    def finish(self, resource: str, status: str) -> None:
        self.events.append(("finish", resource, status))


def execute(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database)) as connection:
        return connection.execute(sql).fetchall()


def test_without_data_it_says_what_to_do_first(home: Home) -> None:
    home.create()
    with pytest.raises(UsageError, match="omnium-elt load"):
        transform(Settings(home=home), Silent())


def test_variables_reach_dbt_as_they_are(home: Home) -> None:
    variables = {"more_order_types": {"Tilbud 😀": False, "won't \x85 come": True, "yes": True}}
    arguments = dbt_arguments(Settings(home=home, variables=variables), "run")
    read = yaml.safe_load(arguments[arguments.index("--vars") + 1])
    assert read["more_order_types"] == variables["more_order_types"]


def test_it_is_skipped_where_nothing_changed(settings: Settings) -> None:
    before = finished(settings)
    progress = Noting()
    assert transform(settings, progress).status == "unchanged"
    assert progress.events == []
    assert finished(settings) == before


@pytest.mark.slow
def test_it_runs_for_another_day_and_leaves_project_and_environment_alone(settings: Settings) -> None:
    newest = date.fromisoformat(json.loads((settings.home.state / "transform.json").read_text())["as_of"])
    earlier = newest - timedelta(days=120)
    progress = Noting()
    project, environment = files_of(TRANSFORMS), dict(os.environ)

    report = transform(dataclasses.replace(settings, as_of=earlier), progress)

    assert (report.status, report.details["as_of"]) == ("ok", earlier.isoformat())
    assert report.details["models"] > 30
    assert progress.events[0] == ("start", "transform", progress.events.count(("advance", "transform", 1)))
    assert progress.events[-1] == ("finish", "transform", "ok")
    later_lines = execute(
        settings.home.working_database,
        f"select count(*) from marts.fct_purchase_order_line where order_date > date '{earlier}'",
    )
    assert later_lines == [(0,)], "nothing that was known later"
    assert files_of(TRANSFORMS) == project
    assert dict(os.environ) == environment


def test_a_new_day_does_not_let_dbt_parse_the_project_again(home: Home) -> None:
    """dbt keeps what it parsed for the same variables; the models find the newest load's day by themselves."""
    settings = Settings(home=home)
    lake = dataclasses.replace(settings, destination="parquet")
    asked = dataclasses.replace(settings, as_of=date(2026, 3, 1))
    told = [
        _day_for_dbt(one, {"as_of": day, "is_over": is_over})
        for one in (settings, lake, asked)
        for day, is_over in (("2026-11-28", True), ("2026-11-29", False))
    ]
    assert told == [
        {"as_of": None},
        {"as_of": None},
        {"as_of": "2026-11-28", "is_over": True},
        {"as_of": "2026-11-29", "is_over": False},
        {"as_of": date(2026, 3, 1)},
        {"as_of": date(2026, 3, 1)},
    ]


def files_of(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_it_runs_again_after_a_changed_row_and_with_another_variable(settings: Settings) -> None:
    database = settings.home.working_database
    execute(
        database,
        "update omnium.stores set name = 'Renamed', _dlt_load_id = '9999999999.0' "
        "where id = (select min(id) from omnium.stores)",
    )
    stricter = dataclasses.replace(settings, variables={"service_level": 0.99})
    assert transform(stricter, Silent()).status == "ok"
    assert transform(stricter, Silent()).status == "unchanged"
    renamed = execute(database, "select count(*) from marts.dim_warehouse where warehouse_name = 'Renamed'")
    assert renamed == [(1,)]
    assert (finished(settings) or {})["variables"] == {"service_level": 0.99}


CHANGES = (
    ("suppliers", "name = 'Renamed'", "id = (select min(id) from omnium.suppliers)"),
    ("inventory", "inventory = inventory + 7", "_dlt_id in (select min(_dlt_id) from omnium.inventory)"),
    ("purchase_orders", "status = 'OrderCanceled'", "id = (select max(id) from omnium.purchase_orders)"),
    (
        "orders",
        "_omnium_deleted_at = now()",
        "id in (select id from omnium.orders order by created desc limit 3)",
    ),
)
"""A table, what is set in which of its rows: one after the other, each followed by a build of what rests on it."""


@pytest.mark.slow
def test_what_rests_on_nothing_that_changed_is_left_and_the_rest_equals_a_full_build(
    settings: Settings,
) -> None:
    database = settings.home.working_database
    said = {"test.omnium.of_what_does_not_rest_on_carts": "rules_of_it: odd (3 rows)"}
    (settings.home.state / "warnings.json").write_text(json.dumps(said))
    execute(database, "update omnium.carts set _dlt_load_id = '9999999999.0'")
    after_carts = transform(settings, Silent())
    assert after_carts.details["models"] < 10, "nothing but data_quality rests on carts"
    # What was not asked again stays said, also where nothing is built at all.
    assert "rules_of_it: odd (3 rows)" in after_carts.details["warnings"]
    assert transform(settings, Silent()).details["warnings"] == after_carts.details["warnings"]
    for number, (table, change, rows) in enumerate(CHANGES):
        execute(
            database,
            f"update omnium.{table} set {change}, _dlt_load_id = '999999999{number}.0' where {rows}",
        )
        # As if the clock had been set back by a day since the last build.
        execute(database, "update build_state.node_version set recorded_at = recorded_at + interval 1 day")
        report = transform(settings, Silent())
        assert report.status == "ok"
        assert report.details["unchanged"] > 0, f"a change of {table} concerns not everything"
    by_and_by = rows_of_marts(database)
    whole = transform(settings, Silent(), force=True)
    assert whole.details["unchanged"] == 0
    assert "rules_of_it: odd (3 rows)" not in whole.details["warnings"]
    assert rows_of_marts(database) == by_and_by
    assert execute(database, "select count(*) from marts.dim_supplier where supplier_name = 'Renamed'") == [
        (1,)
    ]


@pytest.mark.slow
def test_tables_that_dbt_built_by_hand_in_between_are_built_again(settings: Settings) -> None:
    database = settings.home.working_database
    right = rows_of_marts(database)
    by_hand = dbt_arguments(settings, "run", "--select", "lead_time_policy", as_of="2020-01-01")
    by_hand[by_hand.index("--vars") + 1] = json.dumps({"as_of_date": "2020-01-01"})
    with dbt_environment(settings):
        assert dbtRunner().invoke(by_hand).success
    assert rows_of_marts(database) != right
    (settings.home.state / "transform.json").unlink()
    transform(settings, Silent())
    assert rows_of_marts(database) == right


def rows_of_marts(database: Path) -> dict[str, tuple[Any, ...]]:
    """A digest of the rows of each mart."""
    names = execute(database, "select table_name from duckdb_tables() where schema_name = 'marts'")
    return {
        name: execute(database, f"select count(*), sum(hash(rows)) from marts.{name} as rows")[0]
        for (name,) in names
    }


@pytest.mark.slow
def test_a_failing_model_is_named_and_the_marts_count_as_unfinished(settings: Settings) -> None:
    # No value of a tenant can make one fail; a setting that the command line would have refused does.
    with pytest.raises(OmniumEltError) as caught:
        transform(dataclasses.replace(settings, variables={"storage_cost_percent": "plenty"}), Silent())
    assert "plenty" in caught.value.message
    assert caught.value.message.startswith("transform: ")
    assert "\n" not in caught.value.message
    assert str(settings.home.dbt / "logs" / "dbt.log") in caught.value.remedy
    assert finished(settings) is None


@pytest.mark.slow
def test_what_does_not_fit_into_memory_beside_others_is_built_alone(settings: Settings) -> None:
    execute(
        settings.home.working_database,
        "update omnium.gift_cards set _dlt_load_id = '9000000000.0' "
        "where _dlt_id = (select min(_dlt_id) from omnium.gift_cards)",
    )
    add_query, asked = DuckDBConnectionManager.add_query, list[str]()

    def short_of_memory(manager: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        if "create or replace table" in sql and '"impossible_value"' in sql:
            asked.append(sql)
            if len(asked) == 1:
                raise duckdb.OutOfMemoryException(
                    "Out of Memory Error: failed to pin block of size 256.0 KiB"
                )
        return add_query(manager, sql, *arguments, **named)

    with mock.patch.object(DuckDBConnectionManager, "add_query", short_of_memory):
        report = transform(settings, Silent())
    assert (report.status, len(asked)) == ("ok", 2)
    assert transform(settings, Silent()).status == "unchanged"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exception", "messages", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), [], "transform: no space left on the disk"),
        (
            None,
            ['IO Error: Could not write file "x": No space left on device'],
            'transform: model failed: orders: IO Error: Could not write file "x": No space left on device',
        ),
    ],
)
def test_a_full_disk_is_told_with_what_to_do(
    exception: BaseException | None, messages: list[str], message: str, tmp_path: Path
) -> None:
    node = SimpleNamespace(name="orders", resource_type="model")
    results = [SimpleNamespace(status="error", node=node, message=text) for text in messages]
    error = _failure(
        Settings(home=Home(tmp_path)), exception, results, lambda one: f"{one.node.name}: {one.message}"
    )
    assert str(error) == f"{message}\nMake room, or choose another --home, and run again: nothing is lost."


@pytest.mark.slow
def test_broken_rules_are_named_with_their_rows(settings: Settings) -> None:
    """What a person reads of a model's one test: each kind of rule, broken on purpose in finished marts."""
    database = settings.home.working_database
    execute(
        database,
        "update marts.lead_time_survival set level = 'planet', still_open = -1, survival = 1.5, at_risk = 1, "
        "received = 3 where rowid < 2",
    )
    execute(database, "insert into marts.lead_time_survival from marts.lead_time_survival where rowid = 5")
    execute(database, "update marts.dim_supplier set supplier_name = null where rowid = 0")
    execute(database, "insert into marts.dim_supplier from marts.dim_supplier where rowid = 1")
    names = ["rules_lead_time_survival", "rules_dim_supplier", "rules_dim_warehouse"]
    with dbt_environment(settings):
        answer = dbtRunner().invoke(dbt_arguments(settings, "test", "--select", *names))
    wanted = {"as_of": None}
    told = {one.node.name: (one.status, broken_rules(settings, wanted, one)) for one in answer.result.results}
    assert told == {
        "rules_lead_time_survival": (
            "warn",
            "counts does not hold (2 rows), level is none of its values (2 rows), "
            "level, supplier_id, warehouse_code, sku, day stands in several rows (1 row), "
            "still_open < 0 (2 rows), survival > 1 (2 rows)",
        ),
        "rules_dim_supplier": (
            "warn",
            "supplier_id stands in several rows (1 row), supplier_name is null (1 row)",
        ),
        "rules_dim_warehouse": ("pass", ""),
    }


@pytest.mark.slow
def test_the_lake_gives_the_same_marts(
    settings: Settings, marts_of: Callable[[Path], dict[str, Any]]
) -> None:
    from omnium_elt.steps.lake import publish_lake

    expected = marts_of(settings.home.working_database)
    lake = dataclasses.replace(settings, destination="parquet")
    assert publish_lake(lake, Silent()).status == "ok"
    execute(
        settings.home.working_database, "delete from omnium.purchase_orders"
    )  # only the lake has them now
    report = transform(lake, Silent())
    assert report.status == "ok"
    assert marts_of(settings.home.working_database) == expected


def test_the_run_history_remembers(settings: Settings) -> None:
    (past,) = history.runs(settings.home)
    assert past["command"] == "run"
    assert [step["name"] for step in past["steps"]] == ["transform", "publish"]
    facts = history.resources(settings.home)
    assert facts["suppliers"]["last_status"] == "ok"
    assert facts["suppliers"]["last_success"]
