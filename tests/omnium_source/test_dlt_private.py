"""What stands in place of functions of dlt answers what dlt answers, and another dlt gets on without."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import dlt.common.schema.utils
import dlt.load.utils
import duckdb
import pytest
from dlt.common.schema import Schema
from dlt.common.schema.exceptions import ParentTableNotFoundException
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_sandbox import Sandbox
from omnium_source import dlt_private, dlt_probe
from omnium_source.dlt_private import nested_tables, take_shortcuts
from omnium_source.errors import ConfigurationError

from tests.support.dlt_user import everything_on_disk, later, pipeline_in, rows_of, serving, supplier
from tests.support.tenants import sandbox_settings

TABLES: dict[str, dict[str, Any]] = {
    "orders": {"name": "orders"},
    "stores": {"name": "stores"},
    "orders__lines__discounts": {"name": "orders__lines__discounts", "parent": "orders__lines"},
    "orders__lines": {"name": "orders__lines", "parent": "orders"},
    "orders__notes": {"name": "orders__notes", "parent": "orders"},
}


def fresh_copy_of(module: str) -> Any:
    """The module as dlt ships it."""
    spec = importlib.util.find_spec(module)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_parents_come_before_their_children() -> None:
    assert [table["name"] for table in nested_tables(TABLES, "orders")] == [
        "orders",
        "orders__lines",
        "orders__lines__discounts",
        "orders__notes",
    ]


def test_every_question_gets_dlts_own_answer() -> None:
    own = fresh_copy_of("dlt.common.schema.utils").get_nested_tables
    for table in (*TABLES, "unknown"):
        for most in (None, 0, 1):
            for include_self in (True, False):
                asked = (table, most, include_self)
                assert nested_tables(TABLES, *asked) == own(TABLES, *asked)


def test_each_root_is_walked_once() -> None:
    take_shortcuts()
    schema = Schema("omnium")
    for table in sorted(TABLES.values(), key=lambda table: str(table["name"])):
        seen = {"_dlt_id": {"name": "_dlt_id", "data_type": "text", "nullable": False}}
        root = {} if "parent" in table else {"write_disposition": "merge"}
        schema.update_table({**table, **root, "columns": seen, "x-normalizer": {"seen-data": True}})
    own = fresh_copy_of("dlt.load.utils")._extend_tables_with_table_chain
    asked: list[str] = []

    def is_included(name: str) -> bool:
        asked.append(name)
        return name != "orders__notes"

    jobs = {"orders", "orders__lines", "orders__lines__discounts", "orders__notes"}
    quick = dlt.load.utils._extend_tables_with_table_chain(schema, jobs, jobs, is_included)
    assert sorted(asked) == sorted(jobs)
    assert quick == own(schema, jobs, jobs, is_included) == jobs - {"orders__notes"}


def test_a_schema_is_read_without_a_look_at_each_field_but_with_one_at_the_parents() -> None:
    take_shortcuts()
    stored = Schema("omnium").to_dict()
    stored["tables"]["orders"] = {"name": "orders", "columns": {}}  # type: ignore[typeddict-item]
    stored["tables"]["orders__lines"] = {"name": "orders__lines", "parent": "orders", "columns": {}}
    assert set(TABLES) & set(Schema.from_dict(stored).tables) == {"orders", "orders__lines"}  # type: ignore[arg-type]
    del stored["tables"]["orders"]
    with pytest.raises(ParentTableNotFoundException, match="orders__lines"):
        Schema.from_dict(stored)  # type: ignore[arg-type]


def test_the_hash_of_a_schema_is_dlts_own_after_every_change() -> None:
    take_shortcuts()
    own = fresh_copy_of("dlt.common.schema.utils").generate_version_hash
    schema = Schema("omnium")
    for column in ("id", "modified", "id"):
        schema.update_table({"name": "orders", "columns": {column: {"name": column, "data_type": "text"}}})
        schema.tables["orders"]["description"] = f"changed in place by {column}"
        stored = schema.to_dict()
        assert dlt.common.schema.utils.generate_version_hash(stored) == own(stored)  # type: ignore[arg-type]


def test_another_version_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = fresh_copy_of("dlt.load.utils").get_nested_tables
    monkeypatch.setattr(dlt, "__version__", "1.99.0")
    monkeypatch.setattr(dlt.load.utils, "get_nested_tables", own)
    take_shortcuts()
    assert dlt.load.utils.get_nested_tables is own


# Another dlt


@pytest.fixture
def another_dlt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlt, "__version__", "1.99.0")


def test_another_dlt_gets_tables_and_replaces_them_with_their_children(
    tmp_path: Path, another_dlt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_on_disk(monkeypatch)
    with serving(Suppliers=[supplier(1, "buyer", "seller"), supplier(2, "driver")]) as tenant:
        pipeline = pipeline_in(tmp_path)
        pipeline.run(tenant.source("suppliers"))
        tenant.rows["Suppliers"][0] = supplier(1, "seller", changed=later(), name="Renamed")
        pipeline.run(tenant.source("suppliers"))
    assert rows_of(pipeline, "suppliers", "id", "name") == [("s1", "Renamed"), ("s2", "Supplier 2")]
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == [("driver",), ("seller",)]


def test_a_dlt_that_keeps_removed_children_is_refused_before_anything_is_read(
    another_dlt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dlt_probe, "_problem", lambda version: "children are [('a', 'a-x')]")
    with serving(Suppliers=[supplier(1)]) as tenant:
        with pytest.raises(
            ConfigurationError, match=r"dlt 1\.99\.0 does not replace rows together with their children"
        ):
            tenant.source("suppliers")
        assert tenant.wire.asked == []


def test_the_probe_tells_children_that_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dlt_probe.outcome(tmp_path / "as it is") == "right"
    monkeypatch.setattr(dlt_probe, "MERGE", "append")
    assert dlt_probe.outcome(tmp_path / "appended") == (
        "children are [('a', 'a-x'), ('a', 'a-y'), ('a', 'a-y'), ('b', 'b-z'), ('c', 'c-w')]"
    )


@pytest.mark.slow
def test_another_dlt_loads_the_same_rows(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_on_disk(monkeypatch)
    rows = []
    for version in (dlt.__version__, "1.99.0"):
        monkeypatch.setattr(dlt, "__version__", version)
        home = Home(tmp_path / version)
        settings = sandbox_settings(home, sandbox, resources=("suppliers", "purchase_orders", "stores"))
        settings = replace(settings, personal_key=Secret("the same sixteen bytes"))
        for _ in range(2):
            report = load(settings, Silent())
            assert report.status in ("ok", "unchanged")
        with duckdb.connect(str(home.working_database), read_only=True) as connection:
            tables = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'omnium' "
                "and not starts_with(table_name, '_') order by 1"
            ).fetchall()
            rows.append(
                {
                    table: connection.execute(
                        f'select * exclude (_dlt_load_id) from omnium."{table}" order by all'
                        if "__" not in table
                        else f'from omnium."{table}" order by all'
                    ).fetchall()
                    for (table,) in tables
                }
            )
    assert rows[0] == rows[1]
    assert len(rows[0]["purchase_orders"]) > 100


def test_states_are_read_without_dlt_s_help(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.common import versioned_state

    state = {"sources": {"omnium": {"resources": {"orders": {"cursor": "2026-01-01T00:00:00Z"}}}}}
    stored = versioned_state.compress_state({"_state_version": 1, **state})
    expected = dlt_private.pipeline_state(stored)
    monkeypatch.delattr(versioned_state, "decompress_state")
    assert dlt_private.pipeline_state(stored) == expected
    assert expected["sources"] == state["sources"]
