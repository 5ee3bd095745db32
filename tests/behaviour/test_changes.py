"""What changes in the tenant changes in the warehouse and in the marts, and nothing else does."""

from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.run import run
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES

from tests.support.tenants import WITHOUT_DATA_TESTS, sandbox_settings

pytestmark = pytest.mark.slow  # whole runs

NOT_COMPARED = ("_dlt_load_id",)


def roots(home: Home) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Root table → row id → the row."""
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        for name in RESOURCES:
            table = connection.execute(f'select * exclude (_dlt_load_id) from omnium."{name}"')
            place = [column[0] for column in table.description].index("_dlt_id")
            found[name] = {row[place]: row for row in table.fetchall()}
    return found


def one(home: Home, sql: str) -> Any:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()[0][0]


def test_one_supplier_one_order_and_one_stock_level(
    sandbox: Sandbox, home_after_run: Home, monkeypatch: pytest.MonkeyPatch
):
    for name, value in WITHOUT_DATA_TESTS.items():
        monkeypatch.setenv(name, value)
    home = home_after_run
    settings = sandbox_settings(home, sandbox)
    before = roots(home)
    supplier = next(row for row in sandbox.tenant.rows("suppliers") if row.get("defaultLeadTime"))
    order = next(row for row in sandbox.tenant.rows("orders") if row["status"] == "Completed")
    stock = next(row for row in sandbox.tenant.rows("inventory") if not row.get("isVirtual"))
    sandbox.tenant.put("suppliers", supplier | {"defaultLeadTime": 99})
    sandbox.tenant.put("orders", order | {"status": "Returned"})
    sandbox.tenant.put("inventory", stock | {"inventory": 4711})
    report = run(settings, Silent())
    assert report.status == "ok", report.error
    assert {one.name: one.rows for one in report.resources if one.rows} == {
        "suppliers": 1,
        "orders": 1,
        "inventory": 1,
    }
    after = roots(home)
    changed = {
        name: sorted(key for key in after[name] if after[name][key] != before[name].get(key))
        for name in RESOURCES
    }
    assert {name: len(keys) for name, keys in changed.items() if keys} == {
        "suppliers": 1,
        "orders": 1,
        "inventory": 1,
    }
    assert {name: len(rows) for name, rows in before.items()} == {
        name: len(rows) for name, rows in after.items()
    }
    where = f"where supplier_id = '{supplier['id']}'"
    assert one(home, f"select configured_days from marts.lead_time_policy {where}") == 99
    where = f"where sku = '{stock['sku']}' and warehouse_code = '{stock['warehouseCode']}'"
    assert one(home, f"select on_hand from marts.inventory_position {where}") == 4711
    third = run(settings, Silent())
    assert third.status == "unchanged"
    assert {step.status for step in third.steps} <= {"unchanged", "skipped"}
