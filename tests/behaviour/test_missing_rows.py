"""reconcile finds what the tenant has and the warehouse lacks, reads it, and says so."""

from collections.abc import Callable, Iterable
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.run import COMMANDS, due_reconcile_step, load_step, perform, reconcile_step
from omnium_sandbox import Sandbox

from tests.support.tenants import sandbox_settings

SOME = (
    "suppliers",
    "stores",
    "purchase_orders",
    "private_customers",
    "inventory_transactions",
    "price_lists",
)


def load(home: Home, sandbox: Sandbox, **more: Any) -> RunReport:
    settings = sandbox_settings(home, sandbox, **{"resources": SOME, **more})
    return perform(settings, Silent(), "load", COMMANDS["load"])


def reconcile(home: Home, sandbox: Sandbox, force: bool = False, **more: Any) -> RunReport:
    settings = sandbox_settings(home, sandbox, **{"resources": SOME, **more})
    return perform(settings, Silent(), "reconcile", (reconcile_step(force),))


def write(home: Home, *statements: str) -> None:
    with duckdb.connect(str(home.working_database)) as connection:
        for statement in statements:
            connection.execute(statement)


def ids(home: Home, table: str) -> set[str]:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return {key for (key,) in connection.sql(f"select _dlt_id from omnium.{table}").fetchall()}


def lose(home: Home, table: str, count: int) -> None:
    """Let rows vanish from the warehouse, as a wrong cursor or a wrong count would."""
    root = table.split("__")[0]
    with duckdb.connect(str(home.working_database)) as connection:
        tables = connection.sql(
            "select table_name from duckdb_tables() where schema_name = 'omnium'"
        ).fetchall()
        lost = f"(select _dlt_id from omnium.{root} order by _dlt_id limit {count})"
        for (child,) in tables:
            if child.startswith(f"{root}__"):
                connection.execute(f"delete from omnium.{child} where _dlt_root_id in {lost}")
        connection.execute(f"delete from omnium.{root} where _dlt_id in {lost}")


@pytest.mark.parametrize(
    "personal",
    [
        "hash",
        pytest.param("exclude", marks=pytest.mark.slow),
        pytest.param("include", marks=pytest.mark.slow),
    ],
)
def test_lost_rows_are_counted_and_read(personal: Any, home: Home, sandbox: Sandbox) -> None:
    assert load(home, sandbox, personal=personal).status == "ok"
    before = {name: ids(home, name) for name in SOME}
    lost = {
        "suppliers": 2,
        "private_customers": 5,
        "purchase_orders": 1,
        "inventory_transactions": 7,
        "price_lists": 1,
    }
    for name, count in lost.items():
        lose(home, name, count)
    report = reconcile(home, sandbox, personal=personal)
    assert report.exit_status == 0, report
    assert {one.name: one.rows for one in report.resources if one.rows} == lost
    assert {note for note in report.notes if "missing" in note} == {
        f"{name}: {count:,} rows of the tenant were missing here, and were read"
        for name, count in lost.items()
        if name != "price_lists"  # every load reads it whole
    }
    assert {name: ids(home, name) for name in SOME} == before
    assert reconcile(home, sandbox, personal=personal).status == "unchanged"


def test_a_resource_whose_table_is_gone_is_read_again(home: Home, sandbox: Sandbox) -> None:
    load(home, sandbox)
    write(home, "delete from omnium.stores")
    assert reconcile(home, sandbox).exit_status == 0
    assert len(ids(home, "stores")) == sandbox.tenant.count("stores")


def test_what_cannot_be_read_stays_an_error_until_it_is(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(home, sandbox)
    lose(home, "suppliers", 3)

    def reads_nothing(settings: Any, *_: Any) -> RunReport:
        return RunReport.begin("load").finish()

    with monkeypatch.context() as patched:
        patched.setattr("omnium_elt.steps.reconcile.load", reads_nothing)
        report = reconcile(home, sandbox)
    assert report.exit_status == 3
    assert {one.name: one.error for one in report.resources if one.error} == {
        "suppliers": "3 rows of the tenant are missing here: reading everything again did not bring them"
    }
    assert reconcile(home, sandbox).exit_status == 0
    assert len(ids(home, "suppliers")) == sandbox.tenant.count("suppliers")


def test_a_run_that_reconciles_ends_with_3_while_rows_are_missing(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(home, sandbox)
    lose(home, "suppliers", 3)
    monkeypatch.setattr("omnium_elt.steps.reconcile.load", lambda *_: RunReport.begin("load").finish())
    settings = sandbox_settings(home, sandbox, resources=SOME, reconcile_every_days=1)
    report = perform(settings, Silent(), "run", (load_step, due_reconcile_step))
    assert report.exit_status == 3
    assert {one.name for one in report.resources if one.status == "failed"} == {"suppliers"}


def test_a_reconcile_of_some_resources_does_not_put_off_that_of_others(home: Home, sandbox: Sandbox) -> None:
    def reconciled(*resources: str) -> bool:
        settings = sandbox_settings(home, sandbox, resources=resources, reconcile_every_days=1)
        report = perform(settings, Silent(), "run", (load_step, due_reconcile_step))
        assert report.exit_status == 0
        return [step.name for step in report.steps] == ["reconcile"]

    assert reconciled("stores")
    assert not reconciled("stores")
    assert reconciled("stores", "suppliers", "supplier_versions")
    assert not reconciled("suppliers", "supplier_versions")
    load(home, sandbox, resources=("price_lists",))
    reconcile(home, sandbox, resources=("price_lists",))
    assert not reconciled("stores", "price_lists")
    assert reconciled("stores", "customer_groups")


def during_the_sweep(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[], None]) -> None:
    """Let something happen once the keys of a resource were swept for the first time."""
    from omnium_source.sync import Sync

    original, swept = Sync.keys, []

    def keys(self: Sync, resource: Any, **more: Any) -> set[str]:
        found = original(self, resource, **more)
        if resource.name == name and not swept:
            swept.append(1)
            change()
        return found

    monkeypatch.setattr(Sync, "keys", keys)


def test_rows_that_come_or_go_while_it_sweeps_are_no_difference(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(home, sandbox)
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.put("suppliers", supplier | {"id": "came-before"})
    sandbox.tenant.put("suppliers", supplier | {"id": "goes-again"})
    during_the_sweep(
        monkeypatch, "suppliers", lambda: sandbox.tenant.delete("suppliers", "goes-again") and None
    )
    report = reconcile(home, sandbox)
    assert report.exit_status == 0, report
    assert not [note for note in report.notes if "missing" in note]
    assert not report.lacking


def test_what_since_left_out_is_not_missing_and_what_is_lost_behind_it_is(
    home: Home, sandbox: Sandbox
) -> None:
    rows = sorted(sandbox.tenant.rows("purchase_orders"), key=lambda row: row["modified"])
    since = rows[len(rows) // 2]["modified"]
    from datetime import date

    day = date.fromisoformat(str(since)[:10])
    load(home, sandbox, since=day)
    held = ids(home, "purchase_orders")
    assert 0 < len(held) < len(rows)
    assert reconcile(home, sandbox).exit_status == 0
    assert ids(home, "purchase_orders") == held
    lose(home, "purchase_orders", 2)
    report = reconcile(home, sandbox)
    assert report.exit_status == 0, report
    assert ids(home, "purchase_orders") == held


def test_the_limit_of_deletions_holds_while_lost_rows_are_read(home: Home, sandbox: Sandbox) -> None:
    load(home, sandbox)
    keys: Iterable[Any] = list(sandbox.tenant.keys("suppliers"))
    for key in list(keys)[: len(list(keys)) // 2]:
        sandbox.tenant.delete("suppliers", key)
    left = sandbox.tenant.count("suppliers")
    write(home, "delete from omnium.suppliers where _dlt_id = (select max(_dlt_id) from omnium.suppliers)")
    report = reconcile(home, sandbox)
    assert report.exit_status == 3
    assert "have vanished" in str(next(one.error for one in report.resources if one.name == "suppliers"))
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        assert connection.sql("select count(_omnium_deleted_at) from omnium.suppliers").fetchall() == [(0,)]
        assert connection.sql("select count(*) >= ? from omnium.suppliers", params=[left]).fetchall() == [
            (True,)
        ]


def test_what_was_never_loaded_is_said_to_be_compared_with_nothing(home: Home, sandbox: Sandbox) -> None:
    settings = sandbox_settings(home, sandbox, resources=("stores", "suppliers"))
    nothing = perform(settings, Silent(), "reconcile", (reconcile_step(False),))
    assert nothing.notes == [
        "nothing was compared of stores, suppliers: not loaded yet, `omnium-elt load` reads it"
    ]
    assert nothing.exit_status == 0
    settings = sandbox_settings(home, sandbox, resources=None)
    assert perform(settings, Silent(), "reconcile", (reconcile_step(False),)).notes == [
        "nothing was compared of anything: not loaded yet, `omnium-elt load` reads it"
    ]
