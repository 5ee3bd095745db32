"""The table of resources and the contract: what a row or a schema names is there."""

from typing import get_args

import pytest
from omnium_source.contract import contract
from omnium_source.normalize.schema import DLT_TYPES
from omnium_source.resources import RESOURCES, Rule


def kind_at(schema: str, path: str) -> str | None:
    """What the contract says of a path of names joined by dots; None where it has none."""
    kind: str | None = f"[{schema}]"
    for name in path.split("."):
        kind = contract().get((kind or "").strip("[]"), {}).get(name)
    return kind


def test_every_kind_of_the_contract_is_one_or_a_schema() -> None:
    unknown = {
        f"{schema}.{name}": kind
        for schema, fields in contract().items()
        for name, kind in fields.items()
        if kind != "[]" and kind not in DLT_TYPES and kind.strip("[]") not in contract()
    }
    assert unknown == {}


@pytest.mark.parametrize("name", RESOURCES)
def test_what_a_row_names_is_in_the_contract(name: str) -> None:
    row = RESOURCES[name]
    paths = {*row.excluded, *(one.path for one in row.value_filters), *([row.status] if row.status else ())}
    # The description has no answer of product alerts.
    paths |= set() if name == "product_alerts" else set(row.key)
    assert {path for path in paths if kind_at(row.schema, path) is None} == set()
    listed = {(one.listed_in, path) for one in row.value_filters if one.listed_in for path in one.listed_at}
    assert {one for one in listed if kind_at(RESOURCES[one[0]].schema, one[1]) is None} == set()
    assert row.rule in get_args(Rule)
    # Without a filter for changes there may be no stamp either; versions follow the suppliers' own.
    if row.rule not in ("full", "versions"):
        assert kind_at(row.schema, row.cursor) == "timestamp", row.cursor
