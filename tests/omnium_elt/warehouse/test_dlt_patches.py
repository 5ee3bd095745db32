"""What stands in place of some functions of dlt answers what dlt answers, in less time."""

import importlib.util
from typing import Any

import dlt
import dlt.common.schema.utils
import dlt.load.utils
import pytest
from dlt.common.schema import Schema
from dlt.common.schema.exceptions import ParentTableNotFoundException
from omnium_elt.warehouse.dlt_patches import be_quick, nested_tables

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
    be_quick()
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
    be_quick()
    stored = Schema("omnium").to_dict()
    stored["tables"]["orders"] = {"name": "orders", "columns": {}}  # type: ignore[typeddict-item]
    stored["tables"]["orders__lines"] = {"name": "orders__lines", "parent": "orders", "columns": {}}
    assert set(TABLES) & set(Schema.from_dict(stored).tables) == {"orders", "orders__lines"}  # type: ignore[arg-type]
    del stored["tables"]["orders"]
    with pytest.raises(ParentTableNotFoundException, match="orders__lines"):
        Schema.from_dict(stored)  # type: ignore[arg-type]


def test_the_hash_of_a_schema_is_dlts_own_after_every_change() -> None:
    be_quick()
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
    be_quick()
    assert dlt.load.utils.get_nested_tables is own
