"""What reading left out, or could not take as it came, is counted in data_quality, on tables and the lake."""

import dataclasses
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.lake import publish_lake
from omnium_elt.steps.load import load
from omnium_elt.steps.reconcile import reconcile
from omnium_sandbox import Sandbox

from tests.support.models import dbt, query
from tests.support.tenants import sandbox_settings

ODD = "select check_name, rows, example_keys from intermediate.dq_reading where rows > 0 order by 1"


def checks(folder: Path, **variables: Any) -> list[tuple[Any, ...]]:
    """The rows of dq_reading that found something."""
    dbt(folder, "build", "--select", "dq_reading", variables=variables)
    return [tuple(row.values()) for row in query(folder, ODD)]


@pytest.mark.slow
def test_what_is_left_out_or_odd_is_counted(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    some = list(sandbox.tenant.rows("suppliers"))[:2]
    for row in some:
        sandbox.tenant.put("suppliers", {**row, "notes": "a zero \x00 in it", "minimumOrderAmount": "much"})
    settings = sandbox_settings(
        home, sandbox, resources=("suppliers", "purchase_orders"), since=date(2026, 1, 1), personal="include"
    )
    assert any("left them out" in note for note in load(settings, Silent()).notes)
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(home.working_database, folder / "warehouse.duckdb")
    keys = ", ".join(sorted(row["id"] for row in some))
    expected = [
        ("field_of_another_type", 1, f"suppliers.minimum_order_amount: {keys}"),
        ("field_with_replaced_characters", 1, f"suppliers.notes: {keys}"),
        ("resource_left_out_by_since", 1, "purchase_orders before 2026-01-01"),
    ]
    assert checks(folder) == expected
    publish_lake(settings, Silent())
    assert checks(folder, lake_path=str(home.lake)) == expected
    # Once it is read nothing is left out; what is odd stays told.
    whole = dataclasses.replace(settings, resources=("purchase_orders",), since=None, full_refresh=True)
    assert load(whole, Silent()).notes == []
    shutil.copy(home.working_database, folder / "warehouse.duckdb")
    assert checks(folder) == expected[:2]
    publish_lake(settings, Silent())
    assert checks(folder, lake_path=str(home.lake)) == expected[:2]


def odd_values(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return connection.sql(
            "select column_name, kind, rows, example_keys from omnium._omnium_odd_values order by all"
        ).fetchall()


def test_what_was_odd_is_told_until_it_is_mended_or_deleted(home: Home, sandbox: Sandbox) -> None:
    first, second, third = list(sandbox.tenant.rows("suppliers"))[:3]
    for row in (first, second, third):
        sandbox.tenant.put("suppliers", {**row, "minimumOrderAmount": "much"})
    settings = sandbox_settings(home, sandbox, resources=("suppliers",), personal="include")
    load(settings, Silent())

    def told(*rows: Any) -> list[tuple[Any, ...]]:
        return sorted(("minimum_order_amount", "misfit", 1, row["id"]) for row in rows)

    assert odd_values(home) == told(first, second, third)
    # Another row changes: what is odd in these stays told, once.
    sandbox.tenant.put("suppliers", {**first, "id": "sup-other"})
    load(settings, Silent())
    assert odd_values(home) == told(first, second, third)
    # One is mended, one changes and is as odd as before, one is deleted.
    sandbox.tenant.put("suppliers", {**first, "minimumOrderAmount": 5})
    sandbox.tenant.put("suppliers", {**second, "name": "Other", "minimumOrderAmount": "more"})
    load(settings, Silent())
    assert odd_values(home) == told(second, third)
    sandbox.tenant.delete("suppliers", third["id"])
    assert reconcile(settings, Silent()).status == "ok"
    assert odd_values(home) == told(second)
    load(dataclasses.replace(settings, full_refresh=True), Silent())
    assert odd_values(home) == told(second)


def test_what_an_earlier_version_told_without_rows_goes_once_all_of_them_came_again(
    home: Home, sandbox: Sandbox
) -> None:
    row = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.put("suppliers", {**row, "minimumOrderAmount": "much"})
    settings = sandbox_settings(home, sandbox, resources=("suppliers",), personal="include")
    load(settings, Silent())
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("update omnium._omnium_odd_values set row_id = null, example_keys = 'early'")
    sandbox.tenant.put("suppliers", {**row, "minimumOrderAmount": 5})
    load(settings, Silent())
    assert [told[3] for told in odd_values(home)] == ["early"]
    for supplier in list(sandbox.tenant.rows("suppliers")):
        sandbox.tenant.put("suppliers", {**supplier, "notes": "touched"})
    load(settings, Silent())
    assert odd_values(home) == []
