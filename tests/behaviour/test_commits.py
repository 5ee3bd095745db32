"""What is not committed is not ok.

A package fails at each of its steps, and what the run, its history and `status` say agrees with the destination.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest
from dlt.common.versioned_state import decompress_state
from dlt.destinations.impl.duckdb.duck import DuckDbClient, DuckDbCopyJob
from dlt.destinations.insert_job_client import InsertValuesLoadJob
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.normalize.normalize import Normalize
from dlt.pipeline.pipeline import Pipeline
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, Silent, StepReport
from omnium_elt.inspect.status import status
from omnium_elt.steps.run import COMMANDS, RUN, perform
from omnium_elt.warehouse import destination, one_transaction
from omnium_sandbox import Sandbox

from tests.support.scripts import loaded
from tests.support.tenants import sandbox_settings

FRESHNESS = Path(__file__).parents[2] / "examples" / "freshness.py"
SOME = ("suppliers", "stores", "purchase_orders", "price_lists")


def load(home: Home, sandbox: Sandbox, **more: Any) -> RunReport:
    return perform(
        sandbox_settings(home, sandbox, resources=SOME, **more), Silent(), "load", COMMANDS["load"]
    )


def break_off(error: Exception) -> Callable[..., Any]:
    def raising(*_: Any, **__: Any) -> Any:
        raise error

    return raising


def at_job_of(table: str, error: Exception) -> Callable[[Any], Callable[[Any], None]]:
    """A load job that fails for one table alone: others of the same package may have been committed."""

    def wrap(original: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(job: Any) -> None:
            if job.load_table_name == table:
                raise error
            original(job)

        return run

    return wrap


DISK_FULL = duckdb.IOException("IO Error: Could not write all bytes to file: No space left on device")
DATABASE_ERROR = duckdb.InternalException("INTERNAL Error: corrupted segment tree")
STEPS: dict[str, tuple[Any, str, Any]] = {
    "extract": (Pipeline, "extract", break_off(OSError(28, "No space left on device"))),
    "normalize": (Normalize, "run", break_off(DATABASE_ERROR)),
    "load, the first table": (DuckDbCopyJob, "run", at_job_of("suppliers", DISK_FULL)),
    "load, another table": (DuckDbCopyJob, "run", at_job_of("purchase_orders", DATABASE_ERROR)),
    "load, the receipts": (DuckDbCopyJob, "run", at_job_of("_omnium_windows", DISK_FULL)),
    "load, the state": (InsertValuesLoadJob, "run", at_job_of("_dlt_pipeline_state", DISK_FULL)),
    "merge": (SqlLoadJob, "run", break_off(DATABASE_ERROR)),
    "complete": (DuckDbClient, "complete_load", break_off(DISK_FULL)),
}
"""Of dlt's own way, which packages go that bring a column of another type than is there."""


def at_call_for(table: str, error: Exception) -> Callable[[Any], Callable[..., Any]]:
    """A statement of a package's one transaction that fails for one table alone."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(cursor: Any, about: Any, *more: Any) -> Any:
            if getattr(about, "name", about) == table:
                raise error
            return original(cursor, about, *more)

        return call

    return wrap


AT_ONCE: dict[str, tuple[Any, str, Any]] = {
    "at once, look": (destination, "lacking", break_off(DISK_FULL)),
    "at once, new columns": (destination, "extend", break_off(DISK_FULL)),
    "at once, delete": (one_transaction, "_delete", at_call_for("purchase_orders", DATABASE_ERROR)),
    "at once, the first table": (one_transaction, "_insert", at_call_for("suppliers", DISK_FULL)),
    "at once, another table": (one_transaction, "_insert", at_call_for("purchase_orders", DATABASE_ERROR)),
    "at once, the receipts": (one_transaction, "_insert", at_call_for("_omnium_windows", DISK_FULL)),
    "at once, the state": (one_transaction, "_add", at_call_for("_dlt_pipeline_state", DISK_FULL)),
    "at once, complete": (one_transaction, "_add", at_call_for("_dlt_loads", DATABASE_ERROR)),
}
QUICK = (
    "extract",
    "load, the first table",
    "merge",
    "complete",
    "at once, another table",
    "at once, complete",
)
"""Of the others plain `pytest` runs none: they end in the same way."""


def change(sandbox: Sandbox, **new_fields: str) -> None:
    supplier, order = (next(iter(sandbox.tenant.rows(name))) for name in ("suppliers", "purchase_orders"))
    sandbox.tenant.put("suppliers", supplier | {"defaultLeadTime": 99})
    sandbox.tenant.put("suppliers", supplier | {"id": "sup-new", "name": "New"} | new_fields)
    sandbox.tenant.put("purchase_orders", order | {"id": "po-new"})


def assert_agreement(home: Home, report: RunReport) -> None:
    """`status` says what the working database holds, and no resource is called ok that is not in it."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        tables = {name for (name,) in connection.sql("select table_name from duckdb_tables()").fetchall()}
        rows = {
            name: connection.sql(f"select count(*) from omnium.{name}").fetchall()[0][0]
            if name in tables
            else None
            for name in SOME
        }
        receipts: dict[str, tuple[int, Any]] = {}
        if {"_omnium_windows", "_dlt_loads"} <= tables:
            receipts = {
                name: (written, end)
                for name, written, end in connection.execute(
                    "select resource, sum(rows_written), max(window_to) from omnium._omnium_windows "
                    "join omnium._dlt_loads on load_id = _dlt_load_id and status = 0 where run_id = ? group by 1",
                    [report.run_id],
                ).fetchall()
            }
    told = status(home)
    assert {one.name: one.rows for one in told.resources if one.rows} == {n: r for n, r in rows.items() if r}
    for one in report.resources:
        assert one.rows == receipts.get(one.name, (0, None))[0], one
        if one.status in ("ok", "unchanged"):
            assert one.error is None
        else:
            assert one.error or one.status == "skipped", one


@pytest.mark.parametrize(
    ("step", "is_first"),
    [
        pytest.param(step, is_first, marks=() if step in QUICK else pytest.mark.slow)
        for is_first in (True, False)
        for step in STEPS | AT_ONCE
    ],
)
def test_a_package_that_fails_is_told_by_every_resource_that_was_in_it(
    step: str, is_first: bool, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = None
    if not is_first:
        assert load(home, sandbox).status == "ok"
        before = {one.name: one for one in status(home).resources}
        change(sandbox, onlyNow="a new column")
    with monkeypatch.context() as patched:
        if step not in AT_ONCE:
            patched.setattr(destination, "lacking", lambda *_: None)  # then dlt loads the package
        owner, name, broken = {**STEPS, **AT_ONCE}[step]
        patched.setattr(owner, name, broken(getattr(owner, name)) if broken.__name__ == "wrap" else broken)
        report = load(home, sandbox)
    assert report.exit_status == 1, report
    by_name = {one.name: one for one in report.resources}
    assert {one.status for one in (by_name["suppliers"], by_name["purchase_orders"])} == {"failed"}
    assert {one.rows for one in report.resources} == {0}
    assert "not loaded" in str(by_name["suppliers"].error)
    assert_agreement(home, report)
    now = {one.name: one for one in status(home).resources}
    for name in ("suppliers", "purchase_orders"):
        assert now[name].cursor == (before[name].cursor if before else None)
        assert now[name].last_success == (before[name].last_success if before else None)
        assert now[name].last_status == "failed"
        assert now[name].last_error
    mended = load(home, sandbox)
    # What merged before its package failed is there already, and is recognised.
    assert mended.status in ("ok", "unchanged"), mended
    assert_agreement(home, mended)
    assert {one.name: one.rows for one in status(home).resources}["suppliers"] == sandbox.tenant.count(
        "suppliers"
    )


def test_a_run_that_cannot_be_recorded_has_failed_and_its_rows_are_there(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("omnium_elt.warehouse.destination.Warehouse.record_run", break_off(DISK_FULL))
        report = load(home, sandbox)
    assert report.exit_status == 1
    assert {one.name: one.status for one in report.resources} == dict.fromkeys(SOME, "ok")
    assert_agreement(home, report)
    assert load(home, sandbox).status == "unchanged"


@pytest.mark.parametrize("step", ["transform", "publish"])
def test_a_step_after_the_load_that_fails_takes_nothing_back(
    step: str, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is loaded is there and told so, the run has failed, and readers keep what they have."""
    settings = sandbox_settings(home, sandbox, resources=SOME)
    with monkeypatch.context() as patched:
        patched.setattr(
            "omnium_elt.steps.transform.transform", lambda *_, **__: StepReport("transform", "ok")
        )
        patched.setattr(f"omnium_elt.steps.{step}.{step}", break_off(DISK_FULL))
        report = perform(settings, Silent(), "run", RUN)
    assert (report.exit_status, report.steps[-1].name, report.steps[-1].status) == (1, step, "failed")
    assert {one.name: one.status for one in report.resources} == dict.fromkeys(SOME, "ok")
    assert_agreement(home, report)
    told = status(home)
    assert (told.source, told.published_at, told.runs[0]["status"]) == ("working database", None, "failed")
    assert {one.last_status for one in told.resources} == {"ok"}
    assert not home.warehouse.exists()
    assert load(home, sandbox).status == "unchanged"


def test_a_history_that_cannot_be_written_is_told_and_status_knows_the_rows(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            "omnium_elt.infra.history.write_json", break_off(OSError(28, "No space left on device"))
        )
        report = load(home, sandbox)
    assert report.status == "ok"
    assert any("the run history could not be written" in note for note in report.notes)
    assert_agreement(home, report)
    # Nobody kept that it went well: an alert about it is better than none.
    assert {one.last_success for one in status(home).resources} == {None}
    assert {bool(one.cursor) for one in status(home).resources} == {True}


def test_what_the_first_packages_committed_counts_and_the_rest_does_not(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omnium_elt.warehouse.destination import Warehouse

    original, calls = Warehouse.load, []

    def second_fails(self: Warehouse, *arguments: Any, **named: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise DATABASE_ERROR
        original(self, *arguments, **named)

    monkeypatch.setattr("omnium_elt.steps.load.ROWS_A_PACKAGE", 1)
    monkeypatch.setattr("omnium_elt.steps.load.TIMES_A_PACKAGE", 1)
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "load", second_fails)
        report = load(home, sandbox)
    assert report.exit_status == 1
    assert {one.status for one in report.resources} >= {"ok", "failed"}
    assert_agreement(home, report)
    mended = load(home, sandbox)
    assert mended.status == "ok"
    assert_agreement(home, mended)


def test_an_alert_fires_while_nothing_is_committed(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("omnium_elt.warehouse.destination.Warehouse.load", break_off(DISK_FULL))
        load(home, sandbox)
    assert main(["status", "--json", "--home", str(home.root)]) == 0
    answered = json.loads(capfd.readouterr().out)
    alerts = {line.partition(":")[0] for line in loaded(FRESHNESS).stale(answered, 26)}
    assert alerts == set(SOME)


def test_failed_jobs_may_not_be_passed_over(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_FAILED_JOBS", "false")
    report = load(home, sandbox)
    assert report.exit_status == 2
    assert "LOAD__RAISE_ON_FAILED_JOBS" in str(report.error)
    assert sandbox.requests == []


def test_status_reads_the_working_database_and_while_a_run_holds_it_what_is_published(
    home: Home, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    from omnium_elt.infra import lock
    from omnium_elt.steps.run import COMMANDS, perform

    assert load(home, sandbox).status == "ok"
    told = status(home)
    assert (told.source, told.resources[0].rows is None) == ("working database", False)
    settings = sandbox_settings(home, sandbox)
    with lock.hold(home.lock, "run"):
        busy = status(home)
        assert (busy.source, {one.rows for one in busy.resources}) == (None, {None})
    assert perform(settings, Silent(), "publish", COMMANDS["publish"]).exit_status in (0, 2)


def test_a_run_that_begins_while_status_looks_waits_a_moment(home: Home, sandbox: Sandbox) -> None:
    import threading

    from omnium_elt.infra import lock

    assert load(home, sandbox).status == "ok"
    looking, leave = threading.Event(), threading.Event()

    def look() -> None:
        with lock.looking(home.lock) as is_free:
            assert is_free
            looking.set()
            leave.wait(5)

    thread = threading.Thread(target=look)
    thread.start()
    looking.wait(5)
    threading.Timer(0.5, leave.set).start()
    assert load(home, sandbox).status == "unchanged"
    thread.join()


# A destination elsewhere


SERVER = os.environ.get("TEST_POSTGRES_URL", "")


def at_table(table: str, error: Exception) -> Callable[[Any], Callable[..., Any]]:
    """No job for one table alone, whatever kind of job the server takes."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def create(client: Any, prepared: Any, *more: Any, **named: Any) -> Any:
            if prepared["name"] == table:
                raise error
            return original(client, prepared, *more, **named)

        return create

    return wrap


POSTGRES_CLIENT = "dlt.destinations.impl.postgres.postgres:PostgresClient"
"""By name, as it can be imported with the extra `postgres` alone."""
ON_A_SERVER: dict[str, tuple[Any, str, Any]] = {
    "extract": STEPS["extract"],
    "normalize": STEPS["normalize"],
    "load, the first table": (POSTGRES_CLIENT, "create_load_job", at_table("suppliers", DISK_FULL)),
    "load, another table": (POSTGRES_CLIENT, "create_load_job", at_table("purchase_orders", DATABASE_ERROR)),
    "load, the receipts": (POSTGRES_CLIENT, "create_load_job", at_table("_omnium_windows", DISK_FULL)),
    "load, the state": (POSTGRES_CLIENT, "create_load_job", at_table("_dlt_pipeline_state", DISK_FULL)),
    "merge": STEPS["merge"],
    "complete": (POSTGRES_CLIENT, "complete_load", break_off(DISK_FULL)),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database of its own on the server, which the settings name."""
    psycopg2 = pytest.importorskip("psycopg2")
    name = f"omnium_{secrets.token_hex(4)}"

    def connected(path: str) -> Any:
        connection = psycopg2.connect(urlsplit(SERVER)._replace(path=f"/{path}").geturl())
        connection.autocommit = True
        return connection

    with closing(connected("postgres")) as outside:
        outside.cursor().execute(f"create database {name}")
        monkeypatch.setenv(
            "DESTINATION__POSTGRES__CREDENTIALS", urlsplit(SERVER)._replace(path=f"/{name}").geturl()
        )
        with closing(connected(name)) as inside:
            yield inside.cursor()
        outside.cursor().execute(f"drop database {name} with (force)")


def assert_server_agrees(home: Home, report: RunReport, server: Any) -> None:
    """What a run and `status` say is what the server has committed."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        server.execute(sql)
        return list(server.fetchall())

    tables = {
        name
        for (name,) in rows("select table_name from information_schema.tables where table_schema = 'omnium'")
    }
    receipts, cursors = dict[str, int](), dict[str, str]()
    if {"_omnium_windows", "_dlt_loads"} <= tables:
        receipts = {
            name: int(written)
            for name, written in rows(
                "select resource, sum(rows_written) from omnium._omnium_windows join omnium._dlt_loads "
                f"on load_id = _dlt_load_id and status = 0 where run_id = '{report.run_id}' group by 1"
            )
            if written
        }
    if "_dlt_pipeline_state" in tables:
        states = rows(
            "select state from omnium._dlt_pipeline_state join omnium._dlt_loads on load_id = _dlt_load_id "
            "where status = 0 order by load_id desc limit 1"
        )
        for (state,) in states:
            resources = decompress_state(state)["sources"]["omnium"]["resources"]
            cursors = {name: one["cursor"] for name, one in resources.items() if one.get("cursor")}
    assert {one.name: one.rows for one in report.resources if one.rows} == receipts
    told = {one.name: one for one in status(home).resources}
    assert {name: one.cursor for name, one in told.items() if one.cursor} == cursors
    for one in report.resources:
        assert told[one.name].last_status == one.status


@pytest.mark.slow
@pytest.mark.skipif(not SERVER, reason="TEST_POSTGRES_URL names no server: see .ci/postgres")
@pytest.mark.parametrize("step", ON_A_SERVER)
def test_a_package_that_fails_on_a_server_is_told_too(
    step: str, home: Home, sandbox: Sandbox, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_first in (True, False):
        if is_first and step == "merge":
            assert load(home, sandbox, destination="postgres").status == "ok"
            continue
        before = {one.name: one for one in status(home).resources}
        change(sandbox)
        with monkeypatch.context() as patched:
            owner, name, broken = ON_A_SERVER[step]
            owner = resolve_name(owner) if owner == POSTGRES_CLIENT else owner
            patched.setattr(
                owner, name, broken(getattr(owner, name)) if broken.__name__ == "wrap" else broken
            )
            report = load(home, sandbox, destination="postgres")
        assert report.exit_status == 1, report
        assert {one.status for one in report.resources} == {"failed"}
        assert_server_agrees(home, report, server)
        for one in status(home).resources:
            was = before.get(one.name)
            assert (one.cursor, one.last_success) == ((was.cursor, was.last_success) if was else (None, None))
        mended = load(home, sandbox, destination="postgres")
        assert mended.status in ("ok", "unchanged"), mended
        assert_server_agrees(home, mended, server)
        for name in SOME:
            server.execute(f"select count(*), count(distinct id) from omnium.{name}")
            assert server.fetchall() == [(sandbox.tenant.count(name),) * 2]
        # Receipts of what never became whole are gone.
        server.execute(
            "select count(*) from omnium._omnium_windows where _dlt_load_id not in "
            "(select load_id from omnium._dlt_loads where status = 0)"
        )
        assert server.fetchall() == [(0,)]


class Told(Silent):
    """Notes what a progress display is told."""

    def __init__(self) -> None:
        self.totals: dict[str, list[int | None]] = {}
        self.rows: dict[str, int] = {}
        self.ends: list[tuple[str, str]] = []

    def start(self, resource: str, total: int | None) -> None:
        self.totals.setdefault(resource, []).append(total)

    def advance(self, resource: str, rows: int) -> None:
        self.rows[resource] = self.rows.get(resource, 0) + rows

    def finish(self, resource: str, status: str) -> None:
        self.ends.append((resource, status))


def test_progress_knows_totals_and_ends_each_resource_once(home: Home, sandbox: Sandbox) -> None:
    told = Told()
    some = ("orders", "stores", "inventory_transactions")
    settings = sandbox_settings(
        home, sandbox, resources=some, window_rows=100, reading_options={"windows_at_once": 1}
    )
    report = perform(settings, told, "load", COMMANDS["load"])
    assert report.status == "ok"
    assert sorted(told.ends) == sorted((name, "ok") for name in some)
    for one in report.resources:
        assert told.totals[one.name][0] is None
        assert told.totals[one.name][-1] == sandbox.tenant.count(one.name)
        assert told.rows[one.name] >= one.rows
