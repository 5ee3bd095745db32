"""A first load in parts: rows, receipts and cursors as of a plain one, and nothing before all of it is there."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra import lock
from omnium_elt.infra.errors import HomeLockedError, UsageError
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import RunReport, Silent, Step
from omnium_elt.steps import backfill, backfill_commit
from omnium_elt.steps.backfill import Plan, part_home
from omnium_elt.steps.backfill_commit import commit
from omnium_elt.steps.load import load
from omnium_elt.steps.run import load_step, perform
from omnium_elt.warehouse import database
from omnium_elt.warehouse.destination import Warehouse
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault, FaultKind
from omnium_source.http.cancellation import Cancellation

from tests.support.tenants import environment_of, sandbox_settings

KEY = Secret("a key that all parts have in common")
DIVIDED = ("orders", "inventory_transactions", "purchase_orders")
RESOURCES = (*DIVIDED, "stores", "suppliers", "deliveries")


def plan(settings: Settings, parts: int, at_once: int | None = None) -> RunReport:
    def step(settings: Settings, progress: Any, report: RunReport) -> None:
        backfill.plan(settings, progress, report, parts, at_once)

    return perform(settings, Silent(), "backfill", [step])


def read_part(settings: Settings, number: int) -> RunReport:
    chosen = backfill.part_settings(settings, number)
    return perform(chosen, Silent(), "backfill", backfill.part_steps(settings.home, number, chosen))


def differing(one: Path, other: Path, root: str = "") -> list[str]:
    """Tables of two working databases that do not hold the same rows; the ids of packages are each one's own.

    `root`: of this resource alone.
    """
    found = []
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        names = [
            {
                row[0]
                for row in connection.execute(
                    "select table_name from duckdb_tables() where database_name = ? and table_name[1] <> '_' "
                    "and starts_with(table_name, ?)",
                    [name, root],
                ).fetchall()
            }
            for name in ("one", "other")
        ]
        found += sorted(names[0] ^ names[1])
        for table in sorted(names[0] & names[1]):
            columns = [
                {
                    (row[0], row[1])
                    for row in connection.execute(f'describe {name}.omnium."{table}"').fetchall()
                    if row[0] != "_dlt_load_id"
                }
                for name in ("one", "other")
            ]
            listed = ", ".join(f'"{name}"' for name, _ in sorted(columns[0] & columns[1]))
            rows = [f'select {listed} from {name}.omnium."{table}"' for name in ("one", "other")]
            ((count,),) = connection.execute(
                f"select count(*) from (({rows[0]} except all {rows[1]}) union all ({rows[1]} except all {rows[0]}))"
            ).fetchall()
            if count or columns[0] != columns[1]:
                found.append(f"{table}: {count} rows, {sorted(columns[0] ^ columns[1])}")
    return found


def states(home: Home) -> dict[str, dict[str, Any]]:
    with database.connect(home.working_database) as connection:
        return database.held(connection).states


@pytest.fixture(autouse=True)
def _divided_though_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.windows.shares.LEAST_ROWS", 100)


@pytest.fixture
def parted(sandbox: Sandbox, home: Home) -> Settings:
    return sandbox_settings(home, sandbox, resources=RESOURCES, personal_key=KEY)


@pytest.fixture
def plain(parted: Settings, tmp_path: Path) -> Settings:
    """The same tenant, loaded at once into a home of its own."""
    settings = replace(parted, home=Home(tmp_path / "plain"))
    assert load(settings, Silent()).status == "ok"
    return settings


@pytest.mark.slow
def test_parts_become_what_a_plain_load_makes(sandbox: Sandbox, parted: Settings, plain: Settings) -> None:
    report = plan(parted, 3)
    assert report.steps[0].details["divided_by_time"] == len(DIVIDED)
    made = Plan.read(parted.home)
    assert {name: len(shares) for name, shares in made.shares.items()} == {
        name: 3 if name in DIVIDED else 1 for name in RESOURCES
    }
    # A row changes when the oldest orders are read, and the newest are not: the newer version counts.
    assert read_part(parted, 1).status == "ok"
    order = min(sandbox.tenant.rows("orders"), key=lambda row: row["modified"])
    sandbox.tenant.put("orders", order | {"status": "Returned"})
    for number in (3, 2):
        assert read_part(parted, number).status == "ok"
    report = perform(parted, Silent(), "backfill", [commit])
    assert report.status == "ok", report.error
    kept = {name: set(state) for name, state in states(plain.home).items()}
    assert {name: set(state) for name, state in states(parted.home).items()} == kept
    assert load(plain, Silent()).status == "ok"
    assert differing(parted.home.working_database, plain.home.working_database) == []
    assert not (parted.home.state / "backfill").exists()
    orders = next(one for one in report.resources if one.name == "orders")
    assert orders.complete
    assert orders.rows >= len(list(sandbox.tenant.rows("orders")))
    with duckdb.connect(str(parted.home.working_database), read_only=True) as connection:
        receipts = "select count(*), bool_and(complete) from omnium._omnium_windows where resource = 'orders'"
        assert connection.execute(receipts).fetchone()[0] >= 3
        assert connection.execute("select command from omnium._omnium_runs").fetchall() == [("backfill",)]

    # The next run goes on from there: what changed since the plan, and nothing else.
    sandbox.tenant.put("suppliers", next(iter(sandbox.tenant.rows("suppliers"))) | {"defaultLeadTime": 99})
    after = load(parted, Silent())
    assert {one.name: one.rows for one in after.resources if one.rows} == {"suppliers": 1}
    load(plain, Silent())
    assert differing(parted.home.working_database, plain.home.working_database) == []


def test_a_part_that_is_missing_is_named_and_nothing_is_committed(parted: Settings) -> None:
    plan(parted, 2)
    assert read_part(parted, 1).status == "ok"
    report = perform(parted, Silent(), "backfill", [commit])
    assert report.exit_status == 1
    assert "the backfill is not complete: part 2 lacks" in str(report.error)
    assert "orders" in str(report.error)
    assert "omnium-elt backfill part 2 goes on with it" in str(report.error)
    assert states(parted.home) == {}


def test_a_part_travels_as_files_and_what_is_lost_on_the_way_is_named(
    parted: Settings, plain: Settings, tmp_path: Path
) -> None:
    """Another machine, which shares nothing with this one, reads part 2: its files come back, and nothing else."""
    parted = replace(parted, resources=("purchase_orders", "stores", "suppliers"))
    plan(parted, 2)
    other = replace(parted, home=Home(tmp_path / "other"))
    (other.home.state / "backfill").mkdir(parents=True)
    shutil.copy(backfill.plan_file(parted.home), backfill.plan_file(other.home))
    assert read_part(parted, 1).status == "ok"
    report = read_part(other, 2)
    assert [step.name for step in report.steps] == ["hand_over"]
    handed_over, arrived = part_home(other.home, 2).lake, part_home(parted.home, 2).lake
    tables = {file.stem for file in handed_over.glob("*.parquet")}
    assert {"purchase_orders", "_omnium_windows"} < tables
    assert not part_home(other.home, 2).working_database.exists(), "the files are all that there is of it"
    assert {file.stat().st_mode & 0o777 for file in handed_over.iterdir()} == {0o600}

    def refused() -> str:
        report = perform(parted, Silent(), "backfill", [commit])
        assert (report.exit_status, states(parted.home)) == (1, {})
        return str(report.error)

    assert "part 2 lacks " in refused()
    arrived.parent.mkdir()
    shutil.copytree(handed_over, arrived)
    orders = arrived / "purchase_orders.parquet"
    orders.write_bytes(orders.read_bytes()[:-1])
    (arrived / "_omnium_windows.parquet").unlink()
    assert (
        "part 2 is not as it was handed over: _omnium_windows.parquet, purchase_orders.parquet\n" in refused()
    )
    shutil.copytree(handed_over, arrived, dirs_exist_ok=True)
    # Whoever asks here for what has arrived neither reads it again nor takes it away.
    assert read_part(parted, 2).resources == []
    assert perform(parted, Silent(), "backfill", [commit]).status == "ok"
    for resource in parted.resources:
        assert differing(parted.home.working_database, plain.home.working_database, resource) == []


def test_a_part_cut_short_while_it_is_handed_over_is_handed_over_again(parted: Settings) -> None:
    parted = replace(parted, resources=("stores", "suppliers"))
    plan(parted, 2)
    assert read_part(parted, 1).status == "ok"
    chosen = backfill.part_settings(parted, 2)
    assert perform(chosen, Silent(), "backfill", [load_step]).status == "ok"
    lake = part_home(parted.home, 2).lake
    lake.mkdir()
    (lake / "suppliers.parquet").write_bytes(b"half of it")
    report = perform(parted, Silent(), "backfill", [commit])
    assert "the backfill is not complete: part 2 is not handed over\n" in str(report.error)
    assert [step.name for step in read_part(parted, 2).steps] == ["hand_over"], "it is not read again"
    assert perform(parted, Silent(), "backfill", [commit]).status == "ok"
    assert set(states(parted.home)) == {"stores", "suppliers"}


class Killed(BaseException):
    """Ends a command as a kill does: nothing handles it."""


def with_two_parts_read(parted: Settings) -> Settings:
    """The settings of a backfill of stores and suppliers, whose two parts are read and handed over."""
    parted = replace(parted, resources=("stores", "suppliers"))
    plan(parted, 2)
    for number in (1, 2):
        assert read_part(parted, number).status == "ok"
    return parted


@pytest.mark.parametrize("gone", ["nothing", "plan.json", "part-1", "part-2", "all but an empty folder"])
def test_a_commit_killed_while_it_takes_the_parts_away_is_done(
    parted: Settings, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read again."""
    parted = with_two_parts_read(parted)

    def killed(folder: Path) -> None:
        if not folder.exists():
            return
        for one in folder.iterdir():
            if one.name == gone or gone == "all but an empty folder":
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(backfill_commit, "_empty", killed)
        with pytest.raises(Killed):
            perform(parted, Silent(), "backfill", [commit])
    held = states(parted.home)
    assert set(held) == {"stores", "suppliers"}
    with pytest.raises(UsageError, match="there is no plan"):
        backfill.read_parts(parted, lambda *_: pytest.fail("a part is read again"), lambda: None)
    # The second time as if it was killed after that: while the lake was written, or at its end.
    for _ in range(2):
        report = perform(parted, Silent(), "backfill", [commit])
        assert report.exit_status == 0, report.error
        assert states(parted.home) == held
        left = [path for path in parted.home.state.iterdir() if "backfill" in path.name]
        assert [(path.name, list(path.iterdir())) for path in left] == [("backfill.committed", [])]


@pytest.mark.parametrize("point", ["before its row", "after its row"])
def test_a_commit_killed_beside_the_row_of_its_run_leaves_one(
    parted: Settings, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = with_two_parts_read(parted)

    def killed(warehouse: Warehouse, report: RunReport) -> None:
        if point == "after its row":
            record_run(warehouse, report)
        raise Killed

    record_run = Warehouse.record_run
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Warehouse, "record_run", killed)
            if point == "before its row":
                with pytest.raises(Killed):
                    perform(parted, Silent(), "backfill", [commit])
            else:
                # The first time it is raised; the second time there is nothing to record.
                with contextlib.suppress(Killed):
                    perform(parted, Silent(), "backfill", [commit])
    report = perform(parted, Silent(), "backfill", [commit])
    assert report.exit_status == 0, report.error
    with duckdb.connect(str(parted.home.working_database), read_only=True) as connection:
        runs = connection.execute(
            "select run_id, command, resources, rows_written from omnium._omnium_runs"
        ).fetchall()
        ((rows,),) = connection.execute(
            "select (select count(*) from omnium.stores) + (select count(*) from omnium.suppliers)"
        ).fetchall()
    (run,) = runs
    assert run[1:] == ("backfill", 2, rows)
    if point == "before its row":
        assert run[0] == report.run_id
        assert {one.name: one.status for one in report.resources} == {"stores": "ok", "suppliers": "ok"}


def test_a_part_cut_short_goes_on_where_it_was(
    parted: Settings, plain: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its share, what is committed in the part's home is not read again."""
    monkeypatch.setattr("omnium_source.windows.server_facts.SCROLL_FROM", 100)
    parted = replace(
        parted,
        resources=("inventory_transactions",),
        window_rows=100,
        reading_options={"windows_at_once": 1},
    )
    plan(parted, 2)
    begun = backfill.part_settings(parted, 1)
    read = list[int]()

    class Stopping(Silent):
        def advance(self, resource: str, rows: int) -> None:
            read.append(rows)
            if sum(read) > 300:
                begun.stop.set()

    assert perform(begun, Stopping(), "backfill", [load_step]).status == "interrupted"
    parted = replace(parted, stop=Cancellation())
    cursor = states(part_home(parted.home, 1))["inventory_transactions"]["cursor"]
    report = perform(parted, Silent(), "backfill", [commit])
    lacking = (
        f"part 1 lacks inventory_transactions (read up to {cursor}); part 2 lacks inventory_transactions"
    )
    assert f"the backfill is not complete: {lacking}\n" in str(report.error)
    assert read_part(parted, 2).status == "ok"
    (again,) = read_part(parted, 1).resources
    assert (again.status, again.window_from and again.window_from.isoformat()[:16]) == ("ok", cursor[:16])
    assert perform(parted, Silent(), "backfill", [commit]).status == "ok"
    assert (
        differing(parted.home.working_database, plain.home.working_database, "inventory_transactions") == []
    )


@pytest.mark.slow
def test_fields_that_each_part_meets_for_the_first_time_lose_no_value(
    sandbox: Sandbox, parted: Settings
) -> None:
    """A number in the oldest order and a text in the newest; and two names that become the same column."""
    parted = replace(parted, resources=("orders",))
    in_order = sorted(sandbox.tenant.rows("orders"), key=lambda row: row["modified"])
    old, new = in_order[0], in_order[-1]
    sandbox.tenant.put("orders", old | {"pallet": 7, "fooBar": "camel"}, stamp=False)
    sandbox.tenant.put("orders", new | {"pallet": "B7", "foo_bar": "snake", "dock": 1}, stamp=False)
    plan(parted, 2)
    for number in (2, 1):
        assert read_part(parted, number).status == "ok"
    report = perform(parted, Silent(), "backfill", [commit])
    assert report.status == "ok", report.error

    def found() -> dict[str, dict[str, Any]]:
        with duckdb.connect(str(parted.home.working_database), read_only=True) as connection:
            columns = "columns('^(id|pallet.*|foo.*|dock)$')"
            rows = connection.sql(f"select {columns} from omnium.orders").to_arrow_table().to_pylist()
        return {
            row["id"]: {name: row[name] for name in row if name != "id" and row[name] is not None}
            for row in rows
        }

    (other,) = {name for row in found().values() for name in row} - {
        "pallet",
        "pallet__v_text",
        "foo_bar",
        "dock",
    }
    assert found()[old["id"]] == {"pallet": 7, "foo_bar": "camel"}
    assert found()[new["id"]] == {"pallet__v_text": "B7", other: "snake", "dock": 1}

    # Fields keep their columns from here on.
    sandbox.tenant.put("orders", old | {"pallet": "C9", "foo_bar": "snake again"})
    assert load(parted, Silent()).status == "ok"
    assert found()[old["id"]] == {"pallet__v_text": "C9", other: "snake again"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan"], "plan takes how many parts"),
        (["part"], "there is no plan of a backfill"),
        (["plan", "4", "--at-once", "5"], "5 parts at once make no sense"),
        (["plan", "4", "--at-once", "0"], "0 parts at once make no sense"),
        (["part", "--at-once", "2"], "belong to the plan"),
        (["commit", "2"], "commit takes no number"),
        (["plan", "1"], "1 parts make no sense"),
        (["part", "1"], "there is no plan of a backfill"),
        (["commit"], "there is no plan of a backfill"),
        (["part", "1", "--since", "2026-01-01"], "belong to the plan"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], told: str, configured: Sandbox, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backfill", *arguments, "--home", str(home.root)]) == 2
    assert told in capsys.readouterr().err


def test_a_plan_is_for_its_tenant_its_key_and_an_empty_home(
    parted: Settings, plain: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "stores" in str(plan(plain, 2).error)
    assert plan(parted, 2).status == "ok"
    assert "there is a plan already" in str(plan(parted, 2).error)
    for other, told in (
        (replace(parted, base_url="https://api.example.com"), "the plan is for http://127.0.0.1"),
        (replace(parted, personal_key=Secret("another key, and other hashes")), "hashed with another key"),
    ):
        with pytest.raises(Exception, match=told):
            backfill.part_settings(other, 1)
    with pytest.raises(Exception, match="there is no part 3"):
        backfill.part_settings(parted, 3)
    divided = backfill.part_settings(parted, 2)
    assert (divided.max_requests_per_second, divided.max_concurrency) == (50.0, 10)


@pytest.mark.parametrize("kind", ["400", "404", "503"])
def test_a_plan_says_which_endpoint_fails_and_how_to_do_without(
    sandbox: Sandbox, parted: Settings, kind: FaultKind
) -> None:
    """Left out by itself it could be the largest resource, for a fault that is over in a minute."""
    chosen = ("suppliers", "stores")
    parted = replace(parted, resources=chosen, reading_options={"budget": 1.5, "tries": 2})
    sandbox.faults.add(Fault(kind, path="Suppliers/"))
    failed = plan(parted, 2)
    assert failed.status == "failed"
    message, _, remedy = str(failed.error).partition("\n")
    assert message.startswith("no plan is made: suppliers: ")
    assert kind in message
    assert remedy == (
        "Plan again later, or without it: --exclude suppliers. "
        "The first load or run after the commit then reads it."
    )
    assert not backfill.plan_file(parted.home).exists()

    assert plan(replace(parted, exclude=("suppliers",)), 2).status == "ok"


def test_parts_are_handed_out_and_those_of_the_dead_taken_over(parted: Settings) -> None:
    """Who asks for no part gets each that nobody reads; that of another once it is free, in whatever state it is."""
    parted = replace(parted, resources=("stores", "suppliers", "purchase_orders"))
    plan(parted, 3, at_once=2)
    folder, read = parted.home.state / "backfill", list[str]()

    def reading(settings: Settings, steps: Sequence[Step]) -> RunReport:
        read.append(settings.home.root.name)
        return perform(settings, Silent(), "backfill", steps)

    with ExitStack() as other:
        other.enter_context(lock.hold(folder / "part-2.lock", "backfill part 2"))
        other.enter_context(lock.hold(folder / "place-0.lock", "backfill part 2"))
        with pytest.raises(HomeLockedError, match="part 2 is being read by omnium-elt backfill part 2"):
            backfill.taken(parted.home, 2).__enter__()
        waited = list[list[str]]()

        def the_other_dies() -> None:
            waited.append(list(read))
            other.close()

        report, home = backfill.read_parts(parted, reading, the_other_dies)
    assert waited == [["part-1", "part-3"]]
    assert read == ["part-1", "part-3", "part-2"]
    assert (report.status, home) == ("ok", part_home(parted.home, 2))
    assert {one.name for one in report.resources} == {"stores", "suppliers", "purchase_orders"}

    # All is complete: nothing is read again, nobody is waited for.
    again, _ = backfill.read_parts(parted, reading, lambda: pytest.fail("waited"))
    assert (again.status, len(read)) == ("unchanged", 3)
    assert perform(parted, Silent(), "backfill", [commit]).status == "ok"


def test_limits_are_divided_by_what_is_read_at_once(parted: Settings) -> None:
    parted = replace(parted, resources=("stores",), max_concurrency=3)
    plan(parted, 64)
    assert Plan.read(parted.home).at_once == 3, "no more than requests at a time"
    divided = backfill.part_settings(parted, 1)
    assert (divided.max_requests_per_second, divided.max_concurrency) == (pytest.approx(100 / 3), 1)
    with backfill.taken(parted.home, 1), backfill.taken(parted.home, 2), backfill.taken(parted.home, 3):
        fourth = backfill.taken(parted.home, 4)
        with pytest.raises(HomeLockedError, match="3 parts are being read already"):
            fourth.__enter__()
    with backfill.taken(parted.home, 4):
        pass


@pytest.mark.slow
def test_three_processes_one_of_them_killed(
    sandbox: Sandbox, plain: Settings, home: Home, tmp_path: Path
) -> None:
    """Parts are handed out to three; one is killed, the others read its part as well, and all becomes a plain load."""
    environment = {
        **os.environ,
        **environment_of(sandbox),
        "SOURCES__OMNIUM__PII_KEY": str(KEY),
        "OMNIUM_HOME": str(home.root),
    }

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "omnium_elt", "backfill", *arguments, "--json"]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
        said, complaints = process.communicate(timeout=300)
        return process.returncode, said + complaints

    asked = ("plan", "4", "--at-once", "3", "--resources", ",".join(RESOURCES))
    assert ended(begin(*asked))[0] == 0
    killed = begin("part")

    def is_reading() -> bool:
        """Whether the one to be killed has begun with a part."""
        marks = [part_home(home, number).lock for number in range(1, 5)]
        return any(f'"pid": {killed.pid},' in mark.read_text() for mark in marks if mark.exists())

    waited = time.monotonic() + 120
    while not is_reading() and killed.poll() is None and time.monotonic() < waited:
        time.sleep(0.005)
    others = [begin("part") for _ in range(2)]
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    assert states(home) == {}
    for process in others:
        status, said = ended(process)
        assert status == 0, said
    status, said = ended(begin("commit"))
    assert status == 0, said
    assert differing(home.working_database, plain.home.working_database) == []


def test_a_resource_without_a_row_is_complete_and_read_from_the_beginning_afterwards(
    sandbox: Sandbox, parted: Settings
) -> None:
    """A server whose index is built anew shows none either."""
    rows = list(sandbox.tenant.rows("stores"))
    parted = replace(parted, resources=("stores", "suppliers"))
    plan(parted, 2)
    for key in sandbox.tenant.keys("stores"):
        sandbox.tenant.delete("stores", key)
    for number in (1, 2):
        assert read_part(parted, number).status == "ok"
    assert perform(parted, Silent(), "backfill", [commit]).status == "ok"
    assert "cursor" not in states(parted.home)["stores"]
    for row in rows:
        sandbox.tenant.collection("stores").put(row)
    after = load(parted, Silent())
    assert {one.name: one.rows for one in after.resources if one.rows} == {"stores": len(rows)}
