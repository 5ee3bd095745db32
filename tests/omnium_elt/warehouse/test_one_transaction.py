"""A package in one transaction: the rows that dlt's own way gives, and when it is not taken."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dlt.pipeline.pipeline import Pipeline
from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.load import load
from omnium_elt.warehouse.destination import Warehouse
from omnium_elt.warehouse.one_transaction import Package, lacking
from omnium_sandbox import Sandbox
from omnium_source.normalize.buffer import Part, Tables

from tests.support.dlt_user import everything_on_disk
from tests.support.tenants import sandbox_settings

SOME = ("suppliers", "purchase_orders", "stores")
OF_THE_LAST_WRITE = {"write_disposition", "x-merge-strategy", "x-stage-data-deduplicated"}
OF_THE_MOMENT = {"run_id", "seconds", "window_from", "window_to", "_dlt_load_id"}
"""What two loads of the same rows differ in."""


def of_home(home: Home, sandbox: Sandbox, *names: str) -> Settings:
    settings = sandbox_settings(home, sandbox, resources=names or SOME)
    return replace(settings, personal_key=Secret("sixteen bytes long"))


def loaded(home: Home, sandbox: Sandbox, *names: str) -> RunReport:
    report = load(of_home(home, sandbox, *names), Silent())
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


def without_receipts(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """What was just changed may be read a second time, and is counted again then."""
    return {name: of_table for name, of_table in rows(home).items() if name != "_omnium_windows"}


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
def by_dlt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunReport]:
    """A load whose packages dlt loads."""

    def load_by_dlt(*arguments: Any) -> RunReport:
        with monkeypatch.context() as patched:
            patched.setattr("omnium_elt.warehouse.destination.lacking", lambda *_: None)
            return loaded(*arguments)

    return load_by_dlt


@pytest.fixture
def never_by_dlt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From when it is called on dlt loads nothing any more."""

    return lambda: monkeypatch.setattr(Pipeline, "run", _refuse)


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("dlt was to load a package")


def test_a_package_at_once_gives_the_rows_that_dlt_gives(
    sandbox: Sandbox, tmp_path: Path, by_dlt: Any, never_by_dlt: Any
) -> None:
    ours, dlts = Home(tmp_path / "ours"), Home(tmp_path / "dlt's")
    loaded(ours, sandbox)
    by_dlt(dlts, sandbox)
    before = rows(ours)
    assert before == rows(dlts)
    time.sleep(1.1)  # within a second the cursor is the same, and dlt does not write a state that is
    change(sandbox)
    expected = by_dlt(dlts, sandbox)
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


def new_fields(report: RunReport) -> list[str]:
    return [note for note in report.notes if note.startswith("new field")]


def schemas(home: Home) -> list[dict[str, Any]]:
    """The tables in each version of the schema that the database keeps of itself.

    How rows were written last is left out: dlt notes it with each package.
    """
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        found = connection.execute("select schema from omnium._dlt_version order by inserted_at").fetchall()
    return [
        {
            name: {key: value for key, value in table.items() if key not in OF_THE_LAST_WRITE}
            for name, table in json.loads(schema)["tables"].items()
        }
        for (schema,) in found
    ]


def types(home: Home) -> dict[str, str]:
    """The columns of suppliers and of their contacts, with their types."""
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return dict(
            connection.execute(
                "select table_name || '.' || column_name, data_type from duckdb_columns() "
                "where schema_name = 'omnium' and table_name like 'suppliers%'"
            ).fetchall()
        )


def test_new_fields_become_the_columns_that_dlt_makes_of_them(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_dlt: Any, never_by_dlt: Any
) -> None:
    ours, dlts = Home(tmp_path / "ours"), Home(tmp_path / "dlt's")
    one, other = list(sandbox.tenant.rows("suppliers"))[:2]
    loaded(ours, sandbox)
    by_dlt(dlts, sandbox)
    before = types(ours)
    time.sleep(1.1)  # within a second the cursor is the same, and dlt does not write a state that is
    contact = {"firstName": "Kari", "rating": 4.5, "since": "2026-01-02T03:04:05Z"}
    sandbox.tenant.put("suppliers", one | {"benchmarkNote": "first", "isNice": True, "contacts": [contact]})
    sandbox.tenant.put("suppliers", other | {"defaultLeadTime": {"days": 3}, "more": {"deep": [1]}})
    expected = by_dlt(dlts, sandbox)
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "run", _refuse)
        report = loaded(ours, sandbox)
    assert new_fields(report) == new_fields(expected)
    assert len(new_fields(report)) == 5
    assert without_receipts(ours) == without_receipts(dlts)
    assert types(ours) == types(dlts)
    assert {name: kind for name, kind in types(ours).items() if name not in before} == {
        "suppliers.benchmark_note": "VARCHAR",
        "suppliers.is_nice": "BOOLEAN",
        "suppliers.more": "JSON",
        "suppliers.default_lead_time__v_json": "JSON",
        "suppliers__contacts.rating": "DECIMAL(38,9)",
        "suppliers__contacts.since": "TIMESTAMP WITH TIME ZONE",
    }
    assert packages(ours) == packages(dlts)
    assert schemas(ours) == schemas(dlts)
    # dlt goes on from there, and so do we from what dlt made.
    for home in (ours, dlts):
        sandbox.tenant.put("suppliers", one | {"benchmarkNote": "second", "another": home.root.name})
        loaded(home, sandbox)
    never_by_dlt()
    sandbox.tenant.put("suppliers", one | {"benchmarkNote": "third", "another": "one"})
    for home in (ours, dlts):
        loaded(home, sandbox)
    assert without_receipts(ours) == without_receipts(dlts)
    with Warehouse(ours, "duckdb") as warehouse:
        notes = warehouse.query("select benchmark_note, another from omnium.suppliers where another <> ''")
    assert list(notes) == [("third", "one")]


def test_tables_of_a_first_read_are_those_that_dlt_makes(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_dlt: Any
) -> None:
    """Those of the package that begins a database, and of one that comes then."""
    ours, dlts = Home(tmp_path / "ours"), Home(tmp_path / "dlt's")
    by_dlt(dlts, sandbox, "stores")
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "run", _refuse)
        loaded(ours, sandbox, "stores")
    assert rows(ours) == rows(dlts)
    assert types(ours) == types(dlts)
    assert schemas(ours) == schemas(dlts)
    by_dlt(dlts, sandbox)
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "run", _refuse)
        loaded(ours, sandbox)
    assert without_receipts(ours) == without_receipts(dlts)
    assert len(rows(ours)["suppliers__contacts"]) > 0
    assert types(ours) == types(dlts)
    assert packages(ours) == packages(dlts)
    assert schemas(ours) == schemas(dlts)
    # What dlt does with a table from then on is the same.
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    contact = {"firstName": "Kari", "rating": 4.5}
    sandbox.tenant.put("suppliers", supplier | {"contacts": [contact]})
    for home in (ours, dlts):
        by_dlt(home, sandbox)
    assert without_receipts(ours) == without_receipts(dlts)
    assert schemas(ours) == schemas(dlts)


def test_columns_without_their_rows_are_what_a_killed_load_leaves(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(home, sandbox)
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.put("suppliers", supplier | {"benchmarkNote": "first"})
    before = rows(home)["suppliers"]
    with monkeypatch.context() as patched:
        patched.setattr("omnium_elt.warehouse.destination.put", _refuse)
        with pytest.raises(OmniumEltError):
            load(of_home(home, sandbox), Silent())
    assert "suppliers.benchmark_note" in types(home)
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        assert connection.execute(
            "select count(*), count(benchmark_note) from omnium.suppliers"
        ).fetchone() == (len(before), 0)
    loaded(home, sandbox)
    with Warehouse(home, "duckdb") as warehouse:
        notes = warehouse.query(
            "select benchmark_note from omnium.suppliers where benchmark_note is not null"
        )
    assert list(notes) == [("first",)]


COLUMNS = {
    "stores": {name: {"name": name, "data_type": "text"} for name in ("_dlt_id", "name", "_dlt_load_id")},
    "stores__opening_hours": {"_dlt_id": {"name": "_dlt_id", "data_type": "text"}},
}
STORES = pa.table({"_dlt_id": ["1"], "name": ["Oslo"]})


def package(table: str = "stores", rows: pa.Table = STORES, **hints: str) -> Package:
    described = {name: {"data_type": "text"} | hints for name in rows.column_names}
    tables = Tables([Part(table, rows.num_rows, rows)], {table: described})
    root = table.partition("__")[0]
    return Package({root: tables}, {root: {}}, "hash", {})


NOTHING: dict[str, Any] = {}
OF_ROOT = {
    "write_disposition": "append",
    "file_format": "parquet",
    "x-normalizer": {"seen-data": True},
}
LOAD_ID = {"name": "_dlt_load_id", "data_type": "text", "nullable": True}


@pytest.mark.parametrize(
    ("one", "lacks"),
    [
        (package(), NOTHING),
        (package("stores__opening_hours", STORES.select(["_dlt_id"])), NOTHING),
        (
            package("warehouses", STORES),
            {
                "warehouses": {
                    "name": "warehouses",
                    **OF_ROOT,
                    "resource": "warehouses",
                    "columns": {
                        "_dlt_id": {
                            "name": "_dlt_id",
                            "data_type": "text",
                            "nullable": False,
                            "row_key": True,
                            "primary_key": True,
                        },
                        "name": {"name": "name", "data_type": "text"},
                        "_dlt_load_id": LOAD_ID,
                    },
                }
            },
        ),
        (
            package("stores__addresses", STORES),
            {
                "stores__addresses": {
                    "name": "stores__addresses",
                    "parent": "stores",
                    "x-normalizer": {"seen-data": True},
                    "columns": {
                        "_dlt_id": {
                            "name": "_dlt_id",
                            "data_type": "text",
                            "nullable": False,
                            "row_key": True,
                        },
                        "name": {"name": "name", "data_type": "text"},
                    },
                }
            },
        ),
        (
            package(rows=STORES.append_column("city", pa.array(["Oslo"])), **{"x-omnium-field": '["city"]'}),
            None,
        ),
        (
            package(rows=STORES.append_column("city", pa.array(["Oslo"]))),
            {"stores": {"name": "stores", "columns": {"city": {"name": "city", "data_type": "text"}}}},
        ),
        (package(rows=STORES.append_column("city", pa.nulls(1))), None),
        (package(rows=STORES.append_column("half", pa.array(["Oslo"]))), None),
        (package(data_type="json"), None),
        (package(**{"x-omnium-field": '["other"]'}), None),
        (
            replace(package(), beside={"_omnium_windows": pa.table({"rows": [1]})}),
            {
                "_omnium_windows": {
                    "name": "_omnium_windows",
                    **OF_ROOT,
                    "resource": "_omnium_windows",
                    "columns": {
                        "rows": {"name": "rows", "data_type": "bigint", "nullable": True},
                        "_dlt_load_id": LOAD_ID,
                    },
                }
            },
        ),
        (
            replace(package(), beside={"stores": pa.table({"rows": [1]})}),
            {
                "stores": {
                    "name": "stores",
                    "columns": {"rows": {"name": "rows", "data_type": "bigint", "nullable": True}},
                }
            },
        ),
    ],
)
def test_what_a_package_lacks(one: Package, lacks: dict[str, Any] | None) -> None:
    known = {name: {"name": name, "columns": columns} for name, columns in COLUMNS.items()}
    with duckdb.connect() as connection:
        connection.execute("create schema omnium")
        connection.execute(
            "create table omnium.stores (_dlt_id varchar, name varchar, half varchar, _dlt_load_id varchar)"
        )
        connection.execute("create table omnium.stores__opening_hours (_dlt_id varchar)")
        assert lacking(connection, one, known) == lacks


def test_a_table_that_somebody_dropped_is_not_made_behind_dlt_s_back() -> None:
    known = {name: {"name": name, "columns": columns} for name, columns in COLUMNS.items()}
    with duckdb.connect() as connection:
        connection.execute("create schema omnium")
        assert lacking(connection, package(), known) is None
