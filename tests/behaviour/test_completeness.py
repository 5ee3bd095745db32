"""The promise: after a load the warehouse equals the tenant, row for row and child for child."""

import os
import random
import shutil
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_elt.steps.reconcile import reconcile
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault
from omnium_source import RESOURCES

from tests.support.completeness import one, unlike
from tests.support.tenants import sandbox_settings

SOAK = bool(os.environ.get("OMNIUM_SOAK"))


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.home.working_database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def test_every_resource_equals_the_tenant_and_the_second_run_loads_nothing(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, personal="include")
    first = load(settings, Silent())
    assert {resource.status for resource in first.resources} == {"ok"}
    assert all(resource.complete for resource in first.resources)
    assert [resource.name for resource in first.resources] == list(RESOURCES)
    assert unlike(settings, sandbox) == []
    sandbox.clear_requests()
    second = load(settings, Silent())
    assert {resource.status for resource in second.resources} == {"unchanged"}
    assert second.rows == 0
    asked = {}
    for request in sandbox.requests:
        asked.setdefault(request.path, []).append(request.body or {})
    for path, body in (
        ("/api/Orders/Search", "modifiedFrom"),
        ("/api/Suppliers/Search", "modifiedFrom"),
        ("/api/Inventory/Search", "lastModified"),
        ("/api/Inventory/SearchTransactions", "from"),
        ("/api/EventLog/Search", "createdFrom"),
    ):
        assert all(body in one for one in asked[path]), path
    # A list without a count whose first page is 0 or 1, nobody says which: both show it, and a third has no row.
    assert {one.name: one.requests for one in second.resources if one.requests > 2} == {"project_logs": 3}


@pytest.mark.slow
def test_changes_while_it_reads_and_a_late_index_lose_nothing(home: Home):
    runs = 10 if SOAK else 3
    with Sandbox(size="small", seed=5, index_delay_seconds=1.0) as sandbox:
        settings = sandbox_settings(home, sandbox, personal="include", settling_lag_seconds=120)
        with sandbox.mutate(50.0, recent_days=20):
            for _ in range(runs):
                report = load(settings, Silent())
                assert report.status == "ok", report.notes
        time.sleep(1.2)
        load(settings, Silent())
        swept = reconcile(settings, Silent(), force=True)
        assert swept.status in ("ok", "unchanged"), swept.notes
        # Versions of a supplier that was deleted between two runs can no longer be asked for.
        names = [name for name in RESOURCES if name != "supplier_versions"]
        assert unlike(settings, sandbox, names) == []


def many_suppliers(count: int, *, same: int) -> Any:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        moment = (start + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        modified = "2025-05-05T05:05:05.000Z" if number < same else moment
        yield {"id": f"many-{number:05}", "name": f"Many {number}", "created": moment, "modified": modified}


@pytest.mark.parametrize("same", [0, 25_000])
def test_thirty_thousand_suppliers_load_whole(home: Home, same: int):
    with Sandbox(size="empty") as sandbox:
        sandbox.tenant.put_many("suppliers", many_suppliers(30_000, same=same))
        settings = sandbox_settings(home, sandbox, resources=("suppliers",))
        report = load(settings, Silent())
        assert one(report, "suppliers").status == "ok"
        assert rows(settings, "select count(*), count(distinct id) from omnium.suppliers") == [
            (30_000, 30_000)
        ]
        assert one(report, "suppliers").requests < 330


def test_what_no_filter_can_split_is_said_and_the_others_go_on(home: Home):
    with Sandbox(size="empty") as sandbox:
        moment = "2025-05-05T05:05:05.000Z"
        some = ({"id": f"{n:05}", "created": moment, "modified": moment} for n in range(10_200))
        sandbox.tenant.put_many("suppliers", some)
        sandbox.tenant.put("stores", {"id": "s1", "name": "One"})
        settings = sandbox_settings(home, sandbox, resources=("suppliers", "stores"))
        report = load(settings, Silent())
    assert report.exit_status == 3
    assert one(report, "stores").status == "ok"
    assert "no filter of the endpoint can make smaller" in one(report, "suppliers").error


@pytest.mark.parametrize("expires", [False, True])
def test_a_large_inventory_loads_over_its_scroll(home: Home, expires: bool):
    count = 250_000 if SOAK else 25_000
    with Sandbox(size="empty") as sandbox:
        some = (
            {"sku": f"{n:06}", "warehouseCode": "w", "inventory": n, "modified": "2025-01-01T00:00:00Z"}
            for n in range(count)
        )
        sandbox.tenant.put_many("inventory", some)
        if expires:
            sandbox.faults.add(Fault("expire", path="Inventory/Scroll", after=9, times=1))
        settings = sandbox_settings(home, sandbox, resources=("inventory",))
        report = load(settings, Silent())
        assert one(report, "inventory").complete
        assert rows(settings, "select count(distinct sku), sum(inventory) from omnium.inventory") == [
            (count, Decimal(count * (count - 1) // 2))
        ]


def test_the_requests_of_a_full_load_are_nearly_the_fewest_possible(medium_load: tuple[Home, dict[str, Any]]):
    _, report = medium_load
    asked, fewest = {}, {}
    for resource in report["resources"]:
        row = RESOURCES[resource["name"]]
        size = 1_000 if not row.paged else row.scroll_take if not row.search else row.take
        pages = max(1, -(-resource["rows"] // size))
        asked[row.name] = resource["requests"]
        fewest[row.name] = 1 + resource["rows"] if row.rule == "versions" else pages
    # A round number of rows without a count may be as many as fit on a page: the next one is asked for, by either
    # base, and the whole once more. How many rows these three have is the tenant's chance.
    for name in ("project_logs", "time_entries", "comments"):
        assert fewest.pop(name) <= asked.pop(name) <= 6
    # How many windows are read side by side is a matter of time, and each shares its end with the next one: 4 to 6 %
    # more than the fewest, and 10 % where a server takes half a second for each answer.
    assert sum(fewest.values()) <= sum(asked.values()) <= 1.1 * sum(fewest.values())


def test_children_follow_their_parents(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, resources=("purchase_orders",), personal="include")
    load(settings, Silent())
    first, second = [
        row
        for row in sandbox.tenant.rows("purchase_orders")
        if len(row["purchaseOrderForm"]["lineItems"]) >= 2
    ][:2]
    moved = first["purchaseOrderForm"]["lineItems"].pop()
    second["purchaseOrderForm"]["lineItems"].append(moved)
    sandbox.tenant.put("purchase_orders", first)
    sandbox.tenant.put("purchase_orders", second)
    emptied = next(
        row for row in sandbox.tenant.rows("purchase_orders") if row["id"] not in (first["id"], second["id"])
    )
    emptied["purchaseOrderForm"]["lineItems"] = []
    sandbox.tenant.put("purchase_orders", emptied)
    report = load(settings, Silent())
    assert one(report, "purchase_orders").rows == 3
    assert unlike(settings, sandbox, ["purchase_orders"]) == []
    lines = "omnium.purchase_orders__purchase_order_form__line_items"
    assert rows(settings, f"select count(*) from {lines} where line_item_id = '{moved['lineItemId']}'") == [
        (1,)
    ]


def test_deleted_rows_are_marked_and_come_back(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, resources=("suppliers", "stores"))
    load(settings, Silent())
    gone = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.delete("suppliers", gone["id"])
    report = reconcile(settings, Silent())
    assert one(report, "suppliers").rows == 1
    marked = f"select _omnium_deleted_at is not null from omnium.suppliers where id = '{gone['id']}'"
    assert rows(settings, marked) == [(True,)]
    sandbox.tenant.put("suppliers", gone, stamp=False)
    assert one(reconcile(settings, Silent()), "suppliers").rows == 1
    assert rows(settings, marked) == [(False,)]


def test_too_many_deletions_are_refused_unless_forced(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, resources=("suppliers",))
    load(settings, Silent())
    for row in list(sandbox.tenant.rows("suppliers"))[:5]:
        sandbox.tenant.delete("suppliers", row["id"])
    report = reconcile(settings, Silent())
    assert one(report, "suppliers").status == "failed"
    assert "5 of 15 rows have vanished, more than 10%" in one(report, "suppliers").error
    count = "select count(_omnium_deleted_at) from omnium.suppliers"
    assert rows(settings, count) == [(0,)]
    assert one(reconcile(settings, Silent(), force=True), "suppliers").rows == 5
    assert rows(settings, count) == [(5,)]


def test_a_sweep_cut_off_half_way_marks_nothing(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(
        home,
        sandbox,
        resources=("orders",),
        reading_options={"budget": 1.0, "tries": 2},
    )
    load(settings, Silent())
    sandbox.tenant.delete("orders", next(iter(sandbox.tenant.rows("orders")))["id"])
    sandbox.faults.add(Fault("503", path="Orders/", after=1))
    report = reconcile(settings, Silent(), force=True)
    assert one(report, "orders").status == "failed"
    assert rows(settings, "select count(_omnium_deleted_at) from omnium.orders") == [(0,)]


def test_new_fields_arrive_as_columns_and_misfits_are_kept_beside(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, resources=("suppliers",), personal="include")
    load(settings, Silent())
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    supplier |= {"carbonScore": 12.5, "labels": {"a": [1, 2]}, "defaultLeadTime": "about a week"}
    sandbox.tenant.put("suppliers", supplier)
    report = load(settings, Silent())
    assert one(report, "suppliers").status == "ok"
    assert {note for note in report.notes if "suppliers" in note} == {
        "new field: suppliers.carbon_score (decimal)",
        "new field: suppliers.labels (json)",
        f"values that do not fit: suppliers.default_lead_time (text): 1 row, such as {supplier['id']}",
    }
    columns = "carbon_score, labels, default_lead_time, default_lead_time__v_text"
    assert rows(settings, f"select {columns} from omnium.suppliers where id = '{supplier['id']}'") == [
        (Decimal("12.5"), '{"a":[1,2]}', None, "about a week")
    ]
    supplier["carbonScore"] = "unknown"
    sandbox.tenant.put("suppliers", supplier)
    assert one(load(settings, Silent()), "suppliers").status == "ok"
    columns = "carbon_score, carbon_score__v_text"
    assert rows(settings, f"select {columns} from omnium.suppliers where id = '{supplier['id']}'") == [
        (None, "unknown")
    ]
    assert one(load(settings, Silent()), "suppliers").status == "unchanged"


def test_the_state_travels_with_the_destination(sandbox: Sandbox, home: Home, tmp_path: Any):
    settings = sandbox_settings(home, sandbox, personal="include")
    load(settings, Silent())
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.create()
    for file in (home.working_database, home.personal_key):
        if file.exists():
            shutil.copy(file, elsewhere.state / file.name)
    sandbox.clear_requests()
    report = load(sandbox_settings(elsewhere, sandbox, personal="include"), Silent())
    assert {resource.status for resource in report.resources} == {"unchanged"}
    orders = [request.body for request in sandbox.requests if request.path == "/api/Orders/Search"]
    assert orders
    assert all("modifiedFrom" in body for body in orders)


def test_every_window_leaves_its_receipt(sandbox: Sandbox, home: Home):
    settings = sandbox_settings(home, sandbox, resources=("suppliers", "purchase_orders"))
    report = load(settings, Silent())
    receipts = rows(
        settings,
        "select resource, total_hits, rows, distinct_keys, requests, tries, complete, run_id "
        "from omnium._omnium_windows order by resource",
    )
    suppliers, orders = sandbox.tenant.count("suppliers"), sandbox.tenant.count("purchase_orders")
    assert receipts == [
        ("purchase_orders", orders, orders, orders, -(-orders // 100), 1, True, report.run_id),
        ("suppliers", suppliers, suppliers, suppliers, 1, 1, True, report.run_id),
    ]
    assert rows(
        settings,
        "select run_id, resources, failed_resources, rows_written, requests from omnium._omnium_runs",
    ) == [(report.run_id, 2, "", report.rows, report.requests)]


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "insert", "delete", "child", "load", "reconcile"]), st.integers(0, 10**6)
    ),
    min_size=3,
    max_size=12,
)
EDITED = ("suppliers", "stores", "purchase_orders", "inventory", "vouchers")


@pytest.mark.slow
@settings(
    max_examples=40 if SOAK else 6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(EDITS)
def test_whatever_happens_in_the_tenant_the_warehouse_follows(
    tmp_path_factory: Any, edits: list[tuple[str, int]]
):
    home = Home(tmp_path_factory.mktemp("edits") / "home")
    with Sandbox(size="small", seed=9) as sandbox:
        settings = sandbox_settings(home, sandbox, personal="include", resources=EDITED)
        load(settings, Silent())
        for what, number in edits:
            choice = random.Random(number)
            name = choice.choice(EDITED)
            keys = sandbox.tenant.keys(name)
            if what == "load":
                load(settings, Silent())
            elif what == "reconcile":
                reconcile(settings, Silent(), force=True)
            elif what == "insert":
                row = dict(sandbox.tenant.get(name, choice.choice(keys)) or {})
                keyed = {"sku": f"new-{number}"} if name == "inventory" else {"id": f"new-{number}"}
                sandbox.tenant.put(name, row | keyed)
            elif keys:
                key = choice.choice(keys)
                row = dict(sandbox.tenant.get(name, key) or {})
                if what == "delete":
                    sandbox.tenant.delete(name, key)
                elif what == "child" and row.get("purchaseOrderForm"):
                    row["purchaseOrderForm"]["lineItems"] = row["purchaseOrderForm"]["lineItems"][
                        : number % 3
                    ]
                    sandbox.tenant.put(name, row)
                else:
                    sandbox.tenant.put(name, row | {"status": f"edited {number}"})
        load(settings, Silent())
        reconcile(settings, Silent(), force=True)
        assert unlike(settings, sandbox, EDITED) == []
