"""Names of fields that nobody foresaw become columns that every destination takes, and keep them."""

import json
import tracemalloc
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st
from omnium_source import RESOURCES
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.found_columns import NEW_COLUMNS
from omnium_source.normalize.naming import LONGEST_NAME, column_name
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData

Known = Mapping[str, Mapping[str, Mapping[str, Any]]]
OPEN = PersonalData("include", b"")


def normalizer(known: Known | None = None, personal: PersonalData = OPEN) -> ResourceNormalizer:
    return ResourceNormalizer(shape_of(RESOURCES["suppliers"], personal), known)


def batch_of(made: ResourceNormalizer, *rows: dict[str, Any]) -> Batch:
    body = orjson.dumps({"result": [{"id": str(number), **row} for number, row in enumerate(rows)]})
    return made.normalize([Page(body)])


def values(batch: Batch, table: str = "suppliers") -> list[dict[str, Any]]:
    """What is not null, and no key and no hash."""
    own = {"id", "_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx", "_omnium_row_hash"}
    return [
        {name: value for name, value in row.items() if value is not None and name not in own}
        for row in batch.tables[table].to_pylist()
    ]


def as_known(made: ResourceNormalizer) -> Known:
    """The columns of a destination after everything was loaded."""
    return {"suppliers": json.loads(json.dumps(made.hints("suppliers")))}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("fooBar", "foo_bar"),
        ("", "no_name"),
        (" ", "no_name"),
        ("\t", "no_name"),
        ("🚀", "x"),
        ("_dlt_load_id", "field_dlt_load_id"),
        ("_DltId", "field_dlt_id"),
        (" _dlt_id", "field_dlt_id"),
        ("_omnium_deleted_at", "field_omnium_deleted_at"),
        ("_omniumAnything", "field_omnium_anything"),
        ("1stName", "_1st_name"),
        ("select", "select"),
    ],
)
def test_a_name_becomes_a_column(name: str, column: str) -> None:
    assert column_name(name) == column


@given(st.text(max_size=400))
def test_every_name_is_one_that_dlt_leaves_as_it_is(name: str) -> None:
    column = column_name(name)
    assert NamingConvention().normalize_path(f"address__{column}") == f"address__{column}"
    assert 0 < len(column) <= LONGEST_NAME
    assert not column.startswith(("_dlt_", "_omnium_"))


def test_long_names_differ_where_their_ends_do() -> None:
    one, other = column_name("a" * 5_000 + "b"), column_name("a" * 5_000 + "c")
    assert one != other
    assert len(one) == len(other) == LONGEST_NAME


ODD = {
    "": 1, " ": 2, "🚀": 3, "🎈": 4, "_dlt_load_id": 5, "_dlt_id": 6, "_omnium_row_hash": 7, "fooBar": 8, "foo_bar": 9,
    "foo bar": 10, "FOO-BAR": 11, "x" * 3_000: 12, "rowid": 13, "Id": 14, "name ": 15, "*": 16, "field_dlt_id": 17,
}  # fmt: skip


def test_no_value_is_lost_whatever_its_name() -> None:
    (row,) = values(batch_of(normalizer(), ODD))
    assert json.loads(row.pop("other_fields")) == {"*": 16}
    assert sorted(row.values()) == [Decimal(number) for number in ODD.values() if number != 16]


@pytest.mark.parametrize("first", ODD)
def test_a_column_always_holds_the_same_field(first: str) -> None:
    """Whatever comes alone later, and whatever came with it before."""
    before = normalizer()
    (row,) = values(batch_of(before, ODD))
    again = normalizer(as_known(before))
    (alone,) = values(batch_of(again, {first: ODD[first]}))
    assert alone.items() <= row.items()
    assert [drift.kind for drift in batch_of(again, ODD).drift] == []
    assert values(batch_of(again, ODD)) == [row]


def test_in_objects_and_lists_too() -> None:
    before = normalizer()
    both = {"address": {"geoHash": "a", "geo_hash": "b"}, "contacts": [{"shoeSize": 1, "shoe_size": 2}]}
    first = batch_of(before, both)
    again = normalizer({name: before.hints(name) for name in ("suppliers", "suppliers__contacts")})
    second = batch_of(again, {"address": {"geo_hash": "b"}, "contacts": [{"shoe_size": 2}]})
    assert values(second)[0].items() <= values(first)[0].items()
    assert values(second, "suppliers__contacts")[0].items() <= values(first, "suppliers__contacts")[0].items()


def test_a_home_from_before_the_mapping_was_kept() -> None:
    before = normalizer()
    batch_of(before, {"fooBar": "camel", "foo_bar": "snake"})
    old = {
        "suppliers": {
            name: {"name": name, "data_type": hints["data_type"]}
            for name, hints in before.hints("suppliers").items()
        }
    }
    (row,) = values(batch_of(normalizer(old), {"fooBar": "camel", "foo_bar": "snake"}))
    assert values(batch_of(normalizer(old), {"foo_bar": "snake"})) == [
        {name: text for name, text in row.items() if text == "snake"}
    ]
    assert values(batch_of(normalizer(old), {"fooBar": "camel"})) == [{"foo_bar": "camel"}]


def test_a_variant_and_a_field_that_is_called_like_it() -> None:
    batch = batch_of(normalizer(), {"address": "a street"}, {"address": {"vText": "field"}})
    assert values(batch) == [{"address__v_text": "a street"}, {"address__field_v_text": "field"}]


def test_names_that_are_data_take_no_memory_for_each_pair_of_rows() -> None:
    """Each row has a field of its own and one that all rows have; 3,000 rows had 9 million values."""
    rows = [{f"x{n:04}": n, "name": f"n{n}", "zz": n, "*": "star"} for n in range(3_000)]
    tracemalloc.start()
    try:
        batch = batch_of(first := normalizer(), *rows)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 60 * 1024 * 1024

    def put_together(row: dict[str, Any]) -> dict[str, Any]:
        rest = row.pop("other_fields", "{}")
        return row | json.loads(rest)

    assert [put_together(row) for row in values(batch)] == rows
    again = batch_of(normalizer(as_known(first)), *rows[::-1])
    assert [put_together(row) for row in values(again)] == rows[::-1]
    assert "x0007" in as_known(first)["suppliers"]
    assert len(again.tables["suppliers"].schema.names) == len(batch.tables["suppliers"].schema.names)


def test_a_wide_object_becomes_json_from_some_column_on() -> None:
    wide = {f"key{number:05}": number for number in range(20_000)}
    first = normalizer()
    batch = batch_of(first, wide, {"key00001": 7, "key19999": 8})
    row, other = values(batch)
    rest = json.loads(row.pop("other_fields"))
    assert len(row) == NEW_COLUMNS
    assert {int(value) for value in row.values()} | set(rest.values()) == set(range(20_000))
    assert {name: str(value) for name, value in other.items()} == {
        "key00001": "7.000000000",
        "other_fields": '{"key19999":8}',
    }
    again = values(batch_of(normalizer(as_known(first)), {"key19999": 8, "key00001": 7, "new": {"a": [1]}}))
    assert json.loads(again[0].pop("other_fields")) == {"key19999": 8, "new": {"a": [1]}}
    assert again == [{"key00001": 7}]


def test_what_is_put_together_is_without_personal_data_too() -> None:
    wide = {f"key{number:05}": "x" for number in range(NEW_COLUMNS)} | {
        "zEmail": "kari@nordmann.example",
        "zz": {"firstName": "Kari"},
    }
    batch = batch_of(
        normalizer(personal=PersonalData("hash", b"a key for tests only")),
        {"address": {}, "contacts": [wide]},
    )
    assert "ari" not in json.dumps(values(batch, "suppliers__contacts"))


@pytest.mark.parametrize("levels", [253, 300, 500, 1_000])
@pytest.mark.parametrize("personal", [OPEN, PersonalData("hash", b"a key for tests only")])
def test_what_is_nested_deeply_is_json_as_it_came(levels: int, personal: PersonalData) -> None:
    value: Any = {"end": 0.12345678901234567891, "eMail": "kari@nordmann.example"}
    for level in range(levels):
        value = [value] if level % 2 else {"a": value, "b": level}
    body = b'[{"id": "1", "deep": %s, "contacts": [{"x": %s}]}]' % (text := json_of(value), text)
    batch = normalizer(personal=personal).normalize([Page(body)])
    (row,), (contact,) = values(batch), values(batch, "suppliers__contacts")
    assert row["deep"] == text.decode(), "the supplier's own"
    hidden = personal.hide("kari@nordmann.example") or ""
    assert contact["x"] == text.decode().replace("kari@nordmann.example", hidden)


def json_of(value: Any) -> bytes:
    """JSON of any depth."""
    return value_text(value).encode()


def value_text(value: Any) -> str:
    opened, text = [], ""
    while isinstance(value, list) or (isinstance(value, dict) and "a" in value):
        if isinstance(value, list):
            text, value = text + "[", value[0]
            opened.append("]")
        else:
            text += '{"a":'
            opened.append(f',"b":{value["b"]}}}')
            value = value["a"]
    return text + orjson.dumps(value).decode() + "".join(reversed(opened))
