"""A package in one transaction: the rows that dlt's own way gives, and when it is not taken."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dlt.pipeline.pipeline import Pipeline
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.load import load
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.one_transaction import Package, fits
from omnium_sandbox import Sandbox
from omnium_source.normalize.buffer import Part, Tables

from tests.support.dlt_user import everything_on_disk
from tests.support.tenants import sandbox_settings

SOME = ("suppliers", "purchase_orders", "stores")
OF_THE_MOMENT = {"run_id", "seconds", "window_from", "window_to", "_dlt_load_id"}
"""What two loads of the same rows differ in."""


def loaded(home: Home, sandbox: Sandbox, **more: Any) -> RunReport:
    settings = replace(
        sandbox_settings(home, sandbox, resources=SOME, **more), personal_key=Secret("sixteen bytes long")
    )
    report = load(settings, Silent())
    assert report.exit_status == 0, report
    return report


def rows(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        found = {}
        for table, columns in connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns() "
            "where schema_name = 'omnium' and table_name not in ('_dlt_loads', '_dlt_pipeline_state', '_dlt_version', "
            "'_omnium_runs') group by 1 order by 1"
        ).fetchall():
            names = ", ".join(f'"{column}"' for column in columns if column not in OF_THE_MOMENT)
            found[table] = connection.execute(f'select {names} from omnium."{table}" order by all').fetchall()
    return found


def packages(home: Home) -> list[tuple[Any, ...]]:
    """Per package: whether it says that it is whole, its schema, and how many states, receipts and root rows it has."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return connection.execute(
            """
            select status, schema_version_hash in (select version_hash from omnium._dlt_version),
                (select count(*) from omnium._dlt_pipeline_state where _dlt_load_id = load_id),
                (select count(*) from omnium._omnium_windows where _dlt_load_id = load_id),
                (select count(*) from omnium.suppliers where _dlt_load_id = load_id)
            from omnium._dlt_loads order by load_id
            """
        ).fetchall()


def change(sandbox: Sandbox) -> None:
    """Of suppliers: one is new, one lost a contact, one all of them. Of an order a line is gone."""
    new, fewer, without = list(sandbox.tenant.rows("suppliers"))[:3]
    contact = {"firstName": "Kari", "email": "kari@example.no", "roles": ["buyer"]}
    sandbox.tenant.put("suppliers", new | {"id": "sup-new", "defaultLeadTime": 7, "contacts": [contact]})
    sandbox.tenant.put("suppliers", fewer | {"contacts": [contact]})
    sandbox.tenant.put("suppliers", without | {"contacts": []})
    order = next(iter(sandbox.tenant.rows("purchase_orders")))
    lines = order["purchaseOrderForm"]["lineItems"][1:]
    sandbox.tenant.put("purchase_orders", order | {"purchaseOrderForm": {"lineItems": lines}})


@pytest.fixture
def never_by_dlt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From when it is called on dlt loads nothing any more."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("dlt was to load a package")

    return lambda: monkeypatch.setattr(Pipeline, "run", refuse)


def test_a_package_at_once_gives_the_rows_that_dlt_gives(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never_by_dlt: Any
) -> None:
    ours, dlts = Home(tmp_path / "ours"), Home(tmp_path / "dlt's")
    for home in (ours, dlts):
        loaded(home, sandbox)
    before = rows(ours)
    assert before == rows(dlts)
    time.sleep(1.1)  # within a second the cursor is the same, and dlt does not write a state that is
    change(sandbox)
    with monkeypatch.context() as patched:
        patched.setattr("omnium_elt.warehouse.destination.fits", lambda *_: False)
        expected = loaded(dlts, sandbox)
    never_by_dlt()
    report = loaded(ours, sandbox)
    counts = {one.name: (one.status, one.rows) for one in report.resources}
    assert counts == {one.name: (one.status, one.rows) for one in expected.resources}
    assert counts == {"suppliers": ("ok", 3), "purchase_orders": ("ok", 1), "stores": ("unchanged", 0)}
    after = rows(ours)
    assert after == rows(dlts)
    assert {table for table in before if before[table] != after[table]} >= {
        "suppliers",
        "suppliers__contacts",
        "purchase_orders__purchase_order_form__line_items",
        "_omnium_windows",
    }
    assert packages(ours) == packages(dlts)
    assert packages(ours)[-1] == (0, True, 1, 3, 3)
    # Its state is what the next run begins with, and nothing is read as new again.
    assert loaded(ours, sandbox).status == "unchanged"


def test_files_of_large_windows_go_in_as_they_are(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never_by_dlt: Any
) -> None:
    in_memory, on_disk = Home(tmp_path / "in memory"), Home(tmp_path / "on disk")
    for home in (in_memory, on_disk):
        loaded(home, sandbox)
    change(sandbox)
    never_by_dlt()
    loaded(in_memory, sandbox)
    everything_on_disk(monkeypatch)
    loaded(on_disk, sandbox)
    assert rows(on_disk) == rows(in_memory)


def test_a_new_field_is_dlt_s_to_make_a_column_of_and_known_from_then_on(
    home: Home, sandbox: Sandbox, never_by_dlt: Any
) -> None:
    loaded(home, sandbox)
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.put("suppliers", supplier | {"benchmarkNote": "first"})
    loaded(home, sandbox)
    never_by_dlt()
    sandbox.tenant.put("suppliers", supplier | {"benchmarkNote": "second"})
    loaded(home, sandbox)
    with Warehouse(home, "duckdb") as warehouse:
        notes = warehouse.query(
            "select benchmark_note from omnium.suppliers where benchmark_note is not null"
        )
    assert notes.to_pylist() == [{"benchmark_note": "second"}]


COLUMNS = {
    "stores": {name: {"name": name, "data_type": "text"} for name in ("_dlt_id", "name", "_dlt_load_id")},
    "stores__opening_hours": {"_dlt_id": {"name": "_dlt_id", "data_type": "text"}},
}
STORES = pa.table({"_dlt_id": ["1"], "name": ["Oslo"]})


def package(table: str = "stores", rows: pa.Table = STORES, **hints: str) -> Package:
    described = {name: {"data_type": "text"} | hints for name in rows.column_names}
    tables = Tables([Part(table, rows.num_rows, rows)], {table: described})
    return Package({"stores": tables}, {"stores": {}}, "hash", {})


@pytest.mark.parametrize(
    ("one", "is_there"),
    [
        (package(), True),
        (package("stores__opening_hours", STORES.select(["_dlt_id"])), True),
        (package("stores__addresses", STORES.select(["_dlt_id"])), False),
        (package(rows=STORES.append_column("city", pa.array(["Oslo"]))), False),
        (package(rows=STORES.append_column("city", pa.nulls(1))), False),
        (package(data_type="json"), False),
        (package(**{"x-omnium-field": '["other"]'}), False),
        (replace(package(), beside={"_omnium_windows": pa.table({"rows": [1]})}), False),
    ],
)
def test_a_package_fits_where_all_of_its_columns_are_there(one: Package, is_there: bool) -> None:
    known = {name: {"name": name, "columns": columns} for name, columns in COLUMNS.items()}
    with duckdb.connect() as connection:
        connection.execute("create schema omnium")
        assert not fits(connection, one, known)
        connection.execute("create table omnium.stores (_dlt_id varchar, name varchar, _dlt_load_id varchar)")
        connection.execute("create table omnium.stores__opening_hours (_dlt_id varchar)")
        assert fits(connection, one, known) is is_there
