"""A clock that is set back between two runs, or was wrong for a while: the order of runs is not told by it."""

import json
import time
from datetime import UTC, date, datetime, timedelta

import dlt.common.time
import duckdb
import pytest
import yaml
from omnium_elt.infra import history
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.infra.run_report import ResourceReport, RunReport, Silent, StepReport
from omnium_elt.report import health
from omnium_elt.steps.load import load
from omnium_elt.steps.run import COMMANDS, _is_due, perform
from omnium_elt.warehouse import database
from omnium_sandbox import Sandbox

from tests.support.tenants import sandbox_settings

SOURCES = TRANSFORMS / "models" / "sources.yml"


def set_back(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A new process whose clock is behind, as far as dlt numbers packages by it."""
    monkeypatch.setattr(dlt.common.time, "precise_time", lambda: time.time() - seconds)
    monkeypatch.setattr(dlt.common.time.increasing_precise_time, "_last", 0.0)


def test_a_row_that_changes_after_the_clock_was_set_back_is_seen_by_the_steps_after_the_load(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sandbox_settings(home, sandbox, resources=("stores",))
    load(settings, Silent())
    with database.connect(home.working_database) as connection:
        before = database.fingerprint(connection)
        first = database.held(connection).cursors["stores"]
    set_back(monkeypatch, 3600)
    time.sleep(1.1)  # the server's clock is told in whole seconds
    sandbox.tenant.put("stores", {**next(iter(sandbox.tenant.rows("stores"))), "name": "Renamed"})
    load(settings, Silent())
    with database.connect(home.working_database) as connection:
        assert database.fingerprint(connection)["stores"] != before["stores"]
        assert database.held(connection).cursors["stores"] > first
        loads = connection.execute("select load_id from omnium._dlt_loads order by inserted_at").fetchall()
    assert loads == sorted(loads)


def test_the_day_of_the_newest_load_is_that_of_the_last_one_though_the_clock_was_ahead_before() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema omnium")
        connection.execute(
            "create table omnium._dlt_loads as select * from (values "
            "('1795000000.0', timestamptz '2027-11-18 12:00Z'), "
            "('1795000000.0000002', timestamptz '2026-11-29 12:00Z')) as loads (load_id, inserted_at)"
        )
        assert str(database.newest_load(connection, "UTC")[0]) == "2026-11-29"


def test_a_reading_by_a_clock_that_was_ahead_does_not_hide_how_old_the_newest_is() -> None:
    """Neither of the report's and dashboard's nor of dbt's: the reading of the second run was the last one."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema omnium")
        connection.execute(
            "create table omnium._omnium_windows as select * from (values "
            "('1', timestamptz '2199-11-18 12:00Z', true), ('2', timestamptz '2026-11-29 12:00Z', true), "
            "('3', timestamptz '2026-11-30 12:00Z', false)) as receipts (run_id, window_to, complete)"
        )
        connection.execute(
            "create table omnium._omnium_runs as select window_to as finished_at from omnium._omnium_windows"
        )
        assert str(health.read_until(connection)) == "2026-11-29 12:00:00+00:00"
        (source,) = yaml.safe_load(SOURCES.read_text(encoding="utf-8"))["sources"]
        asked = source["config"]["loaded_at_query"].replace("{{ target.database }}", "memory")
        asked = asked.replace("{{ var('raw_schema') }}", "omnium")
        assert str(connection.execute(asked).fetchall()[0][0]) == "2026-11-30 12:00:00+00:00"


def test_runs_are_in_the_order_in_which_they_were_though_the_clock_was_ahead(
    home: Home, sandbox: Sandbox
) -> None:
    """A run of next year that looked for deleted rows does not put off looking for them until then."""
    settings = sandbox_settings(home, sandbox, resources=("stores",), reconcile_every_days=1)
    ahead = datetime.now(UTC) + timedelta(days=365)
    steps = COMMANDS["run"][:2]
    assert [one.name for one in perform(settings, Silent(), "run", steps).steps] == ["reconcile"]
    (made,) = home.runs.glob("*.json")
    run = json.loads(made.read_text())
    run |= {
        "run_id": f"{ahead:%Y%m%dT%H%M%SZ}-0000",
        "started_at": ahead.isoformat(),
        "finished_at": ahead.isoformat(),
    }
    made.unlink()
    (home.runs / f"{run['run_id']}.json").write_text(json.dumps(run))
    second = perform(settings, Silent(), "run", steps)
    assert [one.name for one in second.steps] == ["reconcile"]
    assert [one["run_id"] for one in history.runs(home)] == [second.run_id, run["run_id"]]
    assert perform(settings, Silent(), "run", steps).steps == []


@pytest.mark.parametrize(
    ("days", "is_due"),
    [
        (timedelta(days=7, minutes=9), True),
        (timedelta(days=7, minutes=-9), True),
        (timedelta(days=7, minutes=-69), True),
        (timedelta(days=6, minutes=69), False),
    ],
)
def test_once_a_week_is_every_seventh_night(home: Home, days: timedelta, is_due: bool) -> None:
    """Of 28 March 2027, when clocks are set forward in Europe; the run of a week ago took until the morning."""
    now = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    resources = [ResourceReport("stores", status="ok")]
    before = RunReport(
        f"{now - days:%Y%m%dT%H%M%SZ}-0000",
        now - days,
        "run",
        now - days + timedelta(hours=4),
        "ok",
        resources,
        [StepReport("reconcile", "ok")],
    )
    home.create()
    history.save(home, before)
    assert _is_due(Settings(home=home), RunReport("", now, "run", resources=resources), 7) is is_due


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        ("2027-03-27T23:30Z", (date(2027, 3, 28), False)),
        # the day on which clocks are set forward has 23 hours
        ("2027-03-28T10:29Z", (date(2027, 3, 28), False)),
        ("2027-03-28T10:30Z", (date(2027, 3, 28), True)),
        ("2027-03-28T21:59Z", (date(2027, 3, 28), True)),
        ("2027-10-31T10:29Z", (date(2027, 10, 31), False)),
        ("2027-10-31T10:30Z", (date(2027, 10, 31), True)),
    ],
)
def test_the_day_of_a_load_and_whether_half_of_it_has_passed(
    home: Home, loaded: str, told: tuple[date, bool]
) -> None:
    home.create()
    with database.connect(home.working_database) as connection:
        connection.execute("create schema if not exists omnium")
        connection.execute(
            "create table omnium._dlt_loads as select cast(? as timestamptz) as inserted_at", [loaded]
        )
        assert database.newest_load(connection, "Europe/Oslo") == told
