"""Who comes from release 0.1.0 loses nothing, reads nothing anew without need, and goes on where it stood.

`tests/data/release_0.1.0.tar.xz` is what that release left behind: a home, and the folder of a user of the dlt source.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox
from omnium_sandbox.tenant import Tenant

from tests.support.tenants import environment_of

pytestmark = pytest.mark.slow

RELEASE = Path(__file__).parents[1] / "data" / "release_0.1.0.tar.xz"
BOOKKEEPING = {"_dlt_load_id", "_omnium_row_hash"}
"""Columns that say when a row came and by which rules it was compared, not what it is."""
FIVE_LINES = """
import dlt
from omnium_source import omnium_source

pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders", "subscriptions"))
"""


@pytest.fixture
def left_behind(tmp_path: Path) -> Path:
    """A folder with `home`, `user` and `tenant.json`."""
    with tarfile.open(RELEASE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def tenant(left_behind: Path) -> Iterator[Sandbox]:
    """The tenant that the release read, as it stood when it read it last."""
    rows = json.loads((left_behind / "tenant.json").read_text(encoding="utf-8"))
    kept = Tenant()
    for resource, those in rows.items():
        for row in those:
            kept.put(resource, row, stamp=False)
    with Sandbox(tenant=kept) as served:
        yield served


def omnium_elt(tenant: Sandbox, home: Path, *arguments: str) -> Any:
    """What a command says as JSON; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-m", "omnium_elt", *arguments, "--home", str(home), "--json"],
        env={**os.environ, **environment_of(tenant), "SOURCES__OMNIUM__FULL_PASS_DAYS": "3650"},
        cwd=home.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def quoted(name: str) -> str:
    return f'"{name}"'


Rows = dict[str, list[tuple[Any, ...]]]


def raw_rows(
    database: Path, columns: dict[str, list[str]] | None = None
) -> tuple[Rows, dict[str, list[str]]]:
    """The rows of all raw tables, each sorted, and their columns; of a choice of columns where one is given."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if columns is None:
            columns = {
                table: sorted(set(names) - BOOKKEEPING)
                for table, names in connection.execute(
                    "select table_name, list(column_name) from duckdb_columns() "
                    "where schema_name = 'omnium' and table_name not like '\\_%' escape '\\' group by table_name"
                ).fetchall()
            }
        rows = {
            table: connection.execute(
                f"select {', '.join(map(quoted, names))} from omnium.{quoted(table)} order by all"
            ).fetchall()
            for table, names in columns.items()
        }
    return rows, columns


def test_a_home_of_the_last_release_goes_on_where_it_stood(
    left_behind: Path, tenant: Sandbox, tmp_path: Path
) -> None:
    home = Home(left_behind / "home")
    before, columns = raw_rows(home.working_database)
    assert sum(map(len, before.values())) > 3_000
    status = omnium_elt(tenant, home.root, "status")
    assert all(resource["cursor"] and resource["rows"] is not None for resource in status["resources"])

    first = omnium_elt(tenant, home.root, "load")
    names = {resource["name"] for resource in first["resources"]}
    # More counts as personal than 0.1.0 knew: each resource is read again, and it is told.
    assert {note.partition(":")[0] for note in first["notes"] if "all of it is read again" in note} == names
    assert len(first["notes"]) == len(names)
    for table, rows in raw_rows(home.working_database, columns)[0].items():
        place = columns[table].index("_dlt_id")
        assert [row[place] for row in rows] == [row[place] for row in before[table]], table

    quiet = omnium_elt(tenant, home.root, "load")
    assert quiet["notes"] == []
    assert [resource["rows"] for resource in quiet["resources"]] == [0] * len(names)
    # A list without a count is read to a page without a row; a server that counts pages from 1 shows its first twice.
    asked = {resource["name"]: resource["requests"] for resource in quiet["resources"]}
    assert asked.pop("project_logs", 0) <= 3
    assert max(asked.values()) <= 2

    supplier = tenant.tenant.get("suppliers", tenant.tenant.keys("suppliers")[3])
    supplier["name"] = "Renamed again AS"
    tenant.tenant.save_supplier(supplier)
    order = tenant.tenant.get("orders", tenant.tenant.keys("orders")[7])
    order["orderForm"]["lineItems"] = []
    tenant.tenant.put("orders", order)
    report = omnium_elt(tenant, home.root, "run")
    assert report["notes"] == []
    loaded = {resource["name"]: resource["rows"] for resource in report["resources"] if resource["rows"]}
    assert loaded == {"suppliers": 1, "supplier_versions": 1, "orders": 1}

    fresh = Home(tmp_path / "fresh")
    fresh.create()
    shutil.copy(home.personal_key, fresh.personal_key)
    omnium_elt(tenant, fresh.root, "load")
    expected, fresh_columns = raw_rows(fresh.working_database)
    assert fresh_columns == columns
    found = raw_rows(home.working_database)[0]
    # The pick list that 0.1.0 found gone is still there, and marked.
    assert not tables_that_differ(found, expected) - {"pick_lists", "pick_lists__pick_list_order_items"}
    gone_at = columns["pick_lists"].index("_omnium_deleted_at")
    assert [row for row in found["pick_lists"] if row[gone_at] is None] == expected["pick_lists"]
    assert len(found["pick_lists"]) == len(expected["pick_lists"]) + 1

    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        filled = {
            mart: connection.execute(f"select count(*) from marts.{mart}").fetchone()[0]  # type: ignore[index]
            for (mart,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts'"
            ).fetchall()
        }
        renamed = connection.execute(
            "select count(*) from marts.dim_supplier where supplier_name = 'Renamed again AS'"
        ).fetchone()
    assert renamed == (1,)
    for mart in ("lead_time", "replenishment", "purchase_proposal_line", "fct_purchase_order_line"):
        assert filled[mart] > 0
    runs = [run["run_id"] for run in omnium_elt(tenant, home.root, "status")["runs"]]
    assert runs[0] == report["run_id"]
    assert "20261128T213135Z-5b3c" in runs


def tables_that_differ(one: Rows, other: Rows) -> set[str]:
    return {table for table in one.keys() | other.keys() if one.get(table) != other.get(table)}


def test_a_pipeline_of_the_last_release_goes_on_where_it_stood(
    left_behind: Path, tenant: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = left_behind / "user"
    state = user / "dlt-data" / "pipelines" / "omnium" / "state.json"
    state.write_text(state.read_text(encoding="utf-8").replace("/srv/user", str(user)), encoding="utf-8")
    database = user / "omnium_raw.duckdb"
    before, columns = raw_rows(database)
    supplier = tenant.tenant.get("suppliers", tenant.tenant.keys("suppliers")[3])
    supplier["name"] = "Renamed again AS"
    tenant.tenant.save_supplier(supplier)

    def run(folder: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-c", FIVE_LINES],
            env={**os.environ, **environment_of(tenant), "DLT_DATA_DIR": str(folder / "dlt-data")},
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    run(user)  # more counts as personal than 0.1.0 knew: it reads all of it again
    asked_before = len(tenant.requests)
    run(user)
    lower_bounds = {
        request.path: sorted(name for name in request.body if name.endswith("From"))
        for request in tenant.requests[asked_before:]
        if "Search" in request.path
    }
    assert lower_bounds == {
        "/api/Suppliers/Search": ["modifiedFrom"],
        "/api/PurchaseOrders/Search": ["modifiedFrom"],
        "/api/Subscriptions/Search": [],  # no filter shows its changes: it is read whole in every run
    }
    assert [path.name for path in user.glob("*.duckdb")] == ["omnium_raw.duckdb"]
    after = raw_rows(database, columns)[0]
    place = columns["suppliers"].index("_dlt_id")
    assert [row[place] for row in after["suppliers"]] == [row[place] for row in before["suppliers"]]
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    monkeypatch.setenv("SOURCES__OMNIUM__PII_KEY", (state.parent / "personal_key").read_text())
    run(fresh)
    assert (
        tables_that_differ(raw_rows(database)[0], raw_rows(fresh / "omnium_raw.duckdb", columns)[0]) == set()
    )
