"""transform: dbt in this process, skipped where nothing changed, clear when it fails."""

import dataclasses
import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from omnium_elt.infra import history
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.transform import broken_rules, dbt_arguments, dbt_environment, finished, transform


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


def test_it_is_skipped_where_nothing_changed(settings: Settings) -> None:
    before = finished(settings)
    progress = Noting()
    assert transform(settings, progress).status == "unchanged"
    assert progress.events == []
    assert finished(settings) == before


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


def files_of(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in folder.rglob("*") if "__pycache__" not in path.parts}


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


def test_a_failing_model_is_named_and_the_marts_count_as_unfinished(settings: Settings) -> None:
    # No value of a tenant can make one fail; a setting that the command line would have refused does.
    with pytest.raises(OmniumEltError) as caught:
        transform(dataclasses.replace(settings, variables={"storage_cost_percent": "plenty"}), Silent())
    assert "plenty" in caught.value.message
    assert caught.value.message.startswith("transform: ")
    assert "\n" not in caught.value.message
    assert str(settings.home.dbt / "logs" / "dbt.log") in caught.value.remedy
    assert finished(settings) is None


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
    before = json.loads((settings.home.state / "transform.json").read_text())
    report = transform(dataclasses.replace(lake, as_of=date.fromisoformat(before["as_of"])), Silent())
    assert report.status == "ok"
    assert marts_of(settings.home.working_database) == expected


def test_the_run_history_remembers(settings: Settings) -> None:
    (past,) = history.runs(settings.home)
    assert past["command"] == "run"
    assert [step["name"] for step in past["steps"]] == ["transform", "publish"]
    facts = history.resources(settings.home)
    assert facts["suppliers"]["last_status"] == "ok"
    assert facts["suppliers"]["last_success"]
