"""Pages in, whole rows out: types, children, ids, drift, misfits; and a slow reference that says the same."""

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache
from typing import Any

import orjson
import pyarrow as pa
import pytest
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from hypothesis import given
from hypothesis import strategies as st
from omnium_source.contract import contract
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.drift import Drift
from omnium_source.normalize.found_columns import Known
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import ResourceShape, hints_of, json_columns, shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import RESOURCES, Resource

OPEN = PersonalData("include", b"")


def shape(resource: str) -> ResourceShape:
    row = RESOURCES[resource]
    return shape_of(row, OPEN)


def page(text: str) -> Page:
    return Page(text.encode())


def parse(resource: str, *pages: str, known: Known | None = None) -> Batch:
    """Pages as JSON, each the text of a list of rows."""
    return ResourceNormalizer(shape(resource), known).normalize(
        [page(f'{{"result": {text}, "totalHits": 1}}') for text in pages]
    )


def rows(batch: Batch, table: str) -> list[dict[str, Any]]:
    """The rows of a table with what is not null, without ids and hashes."""
    return [
        {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
        for row in batch.tables[table].to_pylist()
    ]


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


# ------------------------------------------------------------------------------------------------ whole rows


def test_a_purchase_order_literally() -> None:
    batch = parse(
        "purchase_orders",
        """[{"id": "PO-1", "purchaseOrderNumber": 1001, "status": "Confirmed",
             "created": "2024-03-01T08:15:30.1234567Z", "modified": "2024-03-02T09:00:00+01:00",
             "requestedDeliveryDate": "2024-03-20", "isDelivery": false, "total": 1250.00,
             "subTotal": 89.2857142857142857142857142857, "taxTotal": 1E-7, "tags": ["b", "a"],
             "supplierId": "S-1", "storeId": null,
             "purchaseOrderForm": {"total": 1250, "lineItems": [
                {"lineItemId": "L1", "code": "SKU1", "quantity": 10.0, "deliveredQuantity": 4.5,
                 "updateStock": true},
                {"lineItemId": "L2", "code": "SKU2", "quantity": 3, "virtualWarehouseAllocations":
                    [{"id": "V", "quantity": 3}]}]},
             "errors": [], "externalIds": null}]""",
    )
    assert rows(batch, "purchase_orders") == [
        {
            "id": "PO-1",
            "purchase_order_number": "1001",
            "status": "Confirmed",
            "created": utc(2024, 3, 1, 8, 15, 30, 123456),
            "modified": utc(2024, 3, 2, 8),
            "requested_delivery_date": utc(2024, 3, 20),
            "is_delivery": False,
            "total": Decimal("1250"),
            "sub_total": Decimal("89.285714286"),
            "tax_total": Decimal("0.0000001"),
            "tags": '["b","a"]',
            "supplier_id": "S-1",
            "purchase_order_form__total": Decimal(1250),
        }
    ]
    lines = "purchase_orders__purchase_order_form__line_items"
    assert rows(batch, lines) == [
        {
            "line_item_id": "L1",
            "code": "SKU1",
            "quantity": Decimal(10),
            "delivered_quantity": Decimal("4.5"),
            "update_stock": True,
        },
        {"line_item_id": "L2", "code": "SKU2", "quantity": Decimal(3)},
    ]
    assert rows(batch, f"{lines}__virtual_warehouse_allocations") == [{"id": "V", "quantity": Decimal(3)}]
    assert set(batch.tables) == {"purchase_orders", lines, f"{lines}__virtual_warehouse_allocations"}
    assert batch.drift == []


def test_children_know_their_parents_and_their_place() -> None:
    batch = parse(
        "orders",
        """[{"id": "A", "orderForm": {"shipments": [{"lineItems": [{"code": "1"}, {"code": "2"}]}, {},
             {"lineItems": [{"code": "3"}]}]}},
            {"id": "B", "orderForm": null},
            {"id": "C", "orderForm": {"shipments": [{"lineItems": [{"code": "4"}]}]}}]""",
    )
    first, _, third = batch.keys
    system = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx")
    shipments = batch.tables["orders__order_form__shipments"].select(system).to_pylist()
    assert [tuple(row.values()) for row in shipments] == [
        (f"{first}_0", first, first, 0),
        (f"{first}_1", first, first, 1),
        (f"{first}_2", first, first, 2),
        (f"{third}_0", third, third, 0),
    ]
    lines = batch.tables["orders__order_form__shipments__line_items"].select(("code", *system)).to_pylist()
    assert [tuple(row.values()) for row in lines] == [
        ("1", f"{first}_0_0", f"{first}_0", first, 0),
        ("2", f"{first}_0_1", f"{first}_0", first, 1),
        ("3", f"{first}_2_0", f"{first}_2", first, 0),
        ("4", f"{third}_0_0", f"{third}_0", third, 0),
    ]


def test_lists_on_the_third_level_are_json() -> None:
    batch = parse(
        "orders",
        """[{"id": "A", "returnOrderForms": [{"lineItems": [
             {"code": "1", "components": [{"id": "c", "quantity": 1.50}]}, {"components": []}]}]}]""",
    )
    lines = batch.tables["orders__return_order_forms__line_items"]
    assert lines["components"].to_pylist() == ['[{"id":"c","quantity":1.5}]', "[]"]
    assert "components" in json_columns(lines.schema)


def test_numbers_within_json_stay_as_they_were_written() -> None:
    text = (
        '[{"id": "1", "extra": {"price": 3.3333333333333333, "count": 123456789012345678901234, "rate": 1.10}},'
        ' {"id": "2", "extra": {"price": 3.3333333333333335}}]'
    )
    assert [row["extra"] for row in rows(parse("comments", text), "comments")] == [
        '{"price":3.3333333333333333,"count":123456789012345678901234,"rate":1.1}',
        '{"price":3.3333333333333335}',
    ]


def test_pages_of_all_forms() -> None:
    assert rows(ResourceNormalizer(shape("comments")).normalize([page('[{"id": "1"}]')]), "comments") == [
        {"id": "1"}
    ]
    version = (
        '{"id": "S", "versionId": "2", "created": "2024-01-01T00:00:00Z",'
        ' "value": {"id": "S", "defaultLeadTime": 7}}'
    )
    normalizer = ResourceNormalizer(shape("supplier_versions"))
    batch = normalizer.normalize([page(f'{{"result": [{version}]}}')])
    assert rows(batch, "supplier_versions") == [
        {
            "id": "S",
            "version_id": "2",
            "created": utc(2024, 1, 1),
            "value__id": "S",
            "value__default_lead_time": 7,
        },
    ]


def test_no_rows_make_an_empty_table_with_all_columns() -> None:
    batch = parse("suppliers", "[]")
    assert batch.keys == []
    assert batch.tables["suppliers"].num_rows == 0
    assert batch.tables["suppliers"].schema == shape("suppliers").tables["suppliers"].schema
    assert ResourceNormalizer(shape("suppliers")).normalize([]).keys == []


def test_what_is_no_object_is_no_row() -> None:
    batch = parse("suppliers", '[null, {"id": "1"}, "x", [1]]')
    assert rows(batch, "suppliers") == [{"id": "1"}]
    assert len(batch.keys) == 1


def test_excluded_fields_get_no_column_even_if_they_come() -> None:
    batch = parse(
        "products", '[{"id": "1_no", "prices": [{"code": "x"}], "variants": [{"assets": [{"name": "x"}]}]}]'
    )
    assert set(batch.tables) == {"products", "products__variants"}
    assert not {"prices", "assets"} & {*batch.tables["products"].column_names}
    assert batch.drift == []


# ------------------------------------------------------------------------------------------------------- ids


def test_ids_depend_on_the_key_alone_and_hashes_on_the_content() -> None:
    one = parse("inventory", '[{"sku": "A", "warehouseCode": "W", "inventory": 1, "cost": 2}]')
    same = parse("inventory", '[{"cost": 2, "inventory": 1, "warehouseCode": "W", "sku": "A"}]')
    other = parse("inventory", '[{"sku": "A", "warehouseCode": "W", "inventory": 2, "cost": 2}]')
    # Written out, because ids that change between versions of this program would double every row.
    assert one.keys == same.keys == other.keys == ["c2ceeac52af6f29e1937d126bd1542d0"]
    hashes = [batch.tables["inventory"]["_omnium_row_hash"].to_pylist() for batch in (one, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_keys_of_several_parts_are_not_mixed_up() -> None:
    batch = parse(
        "inventory",
        """[{"sku": "A", "warehouseCode": "BC"}, {"sku": "AB", "warehouseCode": "C"}, {"sku": "A"},
            {"warehouseCode": "A"}, {"sku": "A", "warehouseCode": ""}]""",
    )
    assert len(set(batch.keys)) == 5


def test_the_same_key_written_differently_is_the_same_row() -> None:
    batch = parse(
        "prices",
        """[{"productId": "1", "minQuantity": 1, "validFrom": "2024-01-01T00:00:00Z"},
            {"productId": "1", "minQuantity": 1.0, "validFrom": "2024-01-01T01:00:00+01:00"},
            {"productId": "1", "minQuantity": 2, "validFrom": "2024-01-01T00:00:00Z"}]""",
    )
    assert batch.keys[0] == batch.keys[1] != batch.keys[2]


def test_a_nested_key() -> None:
    batch = parse(
        "returns",
        """[{"orderId": "1", "returnOrderForm": {"returnId": "a"}},
            {"orderId": "1", "returnOrderForm": {"returnId": "b"}}]""",
    )
    assert len(set(batch.keys)) == 2


def test_rows_without_any_key_are_told_apart_by_what_they_hold() -> None:
    batch = parse("product_alerts", '[{"sku": "A"}, {"sku": "B"}, {"sku": "A"}]')
    assert batch.keys[0] == batch.keys[2] != batch.keys[1]


# ----------------------------------------------------------------------------------------------------- drift


def test_new_fields_become_typed_columns_at_every_level() -> None:
    batch = parse(
        "suppliers",
        """[{"id": "1", "rating": 4.5, "isGreen": true, "auditedAt": "2024-01-01T00:00:00Z", "motto": "fast",
             "extra": {"a": [1]}, "codes": ["x"], "nothing": null, "address": {"geoHash": "u4"},
             "contacts": [{"shoeSize": 43}]}, {"id": "2"}]""",
    )
    assert rows(batch, "suppliers")[0] == {
        "id": "1",
        "rating": Decimal("4.5"),
        "is_green": True,
        "audited_at": utc(2024, 1, 1),
        "motto": "fast",
        "extra": '{"a":[1]}',
        "codes": '["x"]',
        "address__geo_hash": "u4",
    }
    assert rows(batch, "suppliers__contacts") == [{"shoe_size": Decimal(43)}]
    assert {(drift.table, drift.column, drift.example_type, drift.rows) for drift in batch.drift} == {
        ("suppliers", "rating", "decimal", 1),
        ("suppliers", "is_green", "boolean", 1),
        ("suppliers", "audited_at", "timestamp", 1),
        ("suppliers", "motto", "text", 1),
        ("suppliers", "extra", "json", 1),
        ("suppliers", "codes", "json", 1),
        ("suppliers", "address__geo_hash", "text", 1),
        ("suppliers__contacts", "shoe_size", "decimal", 1),
    }
    assert {drift.kind for drift in batch.drift} == {"new_field"}


def test_a_new_field_keeps_the_type_of_its_first_batch() -> None:
    normalizer = ResourceNormalizer(shape("suppliers"))
    tables = []
    for value in ("5", '"five"', "null", "[5]"):
        batch = normalizer.normalize([page(f'[{{"id": "1", "grade": {value}}}]')])
        tables.append([row for row in rows(batch, "suppliers") if row.pop("id")])
    assert tables == [
        [{"grade": Decimal(5)}],
        [{"grade__v_text": "five"}],
        [{}],
        [{"grade__v_json": "[5]"}],
    ]


def test_a_new_field_keeps_the_type_that_an_earlier_run_gave_it() -> None:
    types = {"id": "text", "grade": "bigint", "note": "text", "_dlt_load_id": "text"}
    known = {"suppliers": {name: {"data_type": data_type} for name, data_type in types.items()}}
    batch = parse("suppliers", '[{"id": "1", "grade": "five", "note": 7}]', known=known)
    assert rows(batch, "suppliers") == [{"id": "1", "grade__v_text": "five", "note": "7"}]
    assert batch.tables["suppliers"].schema.field("grade").type == pa.int64()
    assert batch.drift == [Drift("suppliers", "grade", "misfit", "text", 1, ("1",))]
    assert "_dlt_load_id" not in batch.tables["suppliers"].column_names


def test_names_that_collide_lose_nothing() -> None:
    batch = parse(
        "suppliers", '[{"id": "1", "Id": "x", "newField": 1, "new_field": 2, "NEW FIELD": 3, "_dlt_id": "y"}]'
    )
    row = rows(batch, "suppliers")[0]
    assert sorted(map(str, row.values())) == ["1", "1.000000000", "2.000000000", "3.000000000", "x", "y"]
    assert batch.tables["suppliers"]["_dlt_id"].to_pylist() == batch.keys


# --------------------------------------------------------------------------------------------------- misfits


def test_values_that_do_not_fit_stand_beside_their_column() -> None:
    batch = parse(
        "orders",
        """[{"id": "1", "total": "twelve", "subTotal": "12.5", "paymentTermsNet": 1.5, "created": "soon",
             "status": {"a": 1}, "isReadOnly": "maybe", "billingAddress": "Street 1", "orderForm": [1],
             "assets": {"name": "x"}, "tags": "one"},
            {"id": "2", "total": 1}]""",
    )
    assert rows(batch, "orders") == [
        {
            "id": "1",
            "total__v_text": "twelve",
            "sub_total": Decimal("12.5"),
            "payment_terms_net__v_text": "1.5",
            "created__v_text": "soon",
            "status__v_json": '{"a":1}',
            "is_read_only__v_text": "maybe",
            "billing_address__v_text": "Street 1",
            "order_form__v_json": "[1]",
            "assets__v_json": '{"name":"x"}',
            "tags": '"one"',
        },
        {"id": "2", "total": Decimal(1)},
    ]
    assert {drift.kind for drift in batch.drift} == {"misfit"}
    assert len(batch.drift) == 8


def test_what_is_not_quite_json_is_read_and_names_its_row() -> None:
    body = (
        rb'{"result": [{"id": "A", "name": "x"}, null, {"id": "B\u0000", "name": "y\ud800"},'
        rb' {"id": "C", "total": NaN, "subTotal": 1e400, "lines": [{"note": "\ud800"}]}],'
        rb' "facets": ["\ud800"]}'
    )
    batch = ResourceNormalizer(shape("orders")).normalize([page('[{"id": "0"}]'), Page(body)])
    assert rows(batch, "orders") == [
        {"id": "0"},
        {"id": "A", "name": "x"},
        {"id": "B\ufffd", "name": "y\ufffd"},
        {"id": "C", "sub_total__v_text": "1E+400", "lines": '[{"note":"\ufffd"}]'},
    ]
    assert [drift for drift in batch.drift if drift.kind != "new_field"] == [
        Drift("orders", "sub_total", "misfit", "text", 1, ("C",)),
        Drift("orders", "id", "replaced_text", "text", 1, ("B\ufffd",)),
        Drift("orders", "name", "replaced_text", "text", 1, ("B\ufffd",)),
        Drift("orders", "total", "no_number", "text", 1, ("C",)),
        Drift("orders", "lines.note", "replaced_text", "text", 1, ("C",)),
        Drift("orders", "*", "no_row", "null", 1, ("element 2 of a page, after A",)),
    ]


def test_numbers_that_no_column_holds_are_kept_as_they_were_written() -> None:
    thirty, eighty = "0.123456789012345678901234567891", "9" * 80
    batch = parse(
        "orders",
        f"""[{{"id": "A", "total": {thirty}, "subTotal": {eighty}, "taxTotal": 1e30, "paymentTermsNet": "12",
             "isReadOnly": 1}},
            {{"id": "B", "total": 1e-30, "subTotal": -0.0, "taxTotal": 0.{eighty}, "paymentTermsNet": 12.0,
             "isReadOnly": 0}},
            {{"id": "C", "total": "x", "subTotal": 1.5E+3, "taxTotal": "{thirty}", "paymentTermsNet": 1e3,
             "isReadOnly": 2}},
            {{"id": "D", "total": 0.5000000000000000000000000000000, "subTotal": 89.2857142857142857142857142857,
              "taxTotal": 1e-9, "paymentTermsNet": 99999999999999999999, "isReadOnly": true}}]""",
    )
    nine = Decimal("0.000000001")
    assert rows(batch, "orders") == [
        {"id": "A", "total": Decimal("0.123456789"), "total__v_text": thirty, "sub_total__v_text": eighty,
         "tax_total__v_text": "1e+30", "payment_terms_net": 12, "is_read_only": True},
        {"id": "B", "total": Decimal(0), "total__v_text": "1e-30", "sub_total": Decimal(0),
         "tax_total": Decimal(1), "tax_total__v_text": f"0.{eighty}", "payment_terms_net": 12, "is_read_only": False},
        {"id": "C", "total__v_text": "x", "sub_total": Decimal(1500), "tax_total__v_text": thirty,
         "payment_terms_net": 1000, "is_read_only__v_text": "2"},
        {"id": "D", "total": Decimal("0.5"), "sub_total": Decimal("89.285714286"), "tax_total": nine,
         "payment_terms_net__v_text": "99999999999999999999", "is_read_only": True},
    ]  # fmt: skip
    assert {(drift.column, drift.kind, drift.examples) for drift in batch.drift} == {
        ("total", "misfit", ("C",)),
        ("total", "rounded", ("A", "B")),
        ("sub_total", "misfit", ("A",)),
        ("tax_total", "misfit", ("A", "C")),
        ("tax_total", "rounded", ("B",)),
        ("payment_terms_net", "misfit", ("D",)),
        ("is_read_only", "misfit", ("C",)),
    }


def test_a_short_number_is_not_taken_for_a_long_one_with_the_same_float() -> None:
    long = "0.1000000000000000000000000000001"
    batch = parse(
        "orders", f'[{{"id": "A", "total": 0.1, "note": {{"x": 0.10}}}}, {{"id": "B", "total": {long}}}]'
    )
    assert rows(batch, "orders") == [
        {"id": "A", "total": Decimal("0.1"), "note": '{"x":0.1}'},
        {"id": "B", "total": Decimal("0.1"), "total__v_text": long},
    ]


def test_moments_that_programs_cannot_show_are_the_last_day() -> None:
    texts = [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.9999999",
        "9999-12-31T20:00:00-14:00",
        "9999-12-31T00:00:00Z",
        "9999-12-31T01:00:00+14:00",
        "0001-01-01T00:00:00+02:00",
        "0001-01-01T00:00:00",
        "2024-02-29T12:00:00+14:00",
    ]
    each = [f'{{"id": "{number}", "created": "{text}"}}' for number, text in enumerate(texts)]
    rest = ", ".join(each)
    for some in (rest, *each):
        created = parse("orders", f"[{some}]").tables["orders"]["created"]
        for time_zone in ("UTC", "Europe/Oslo", "Pacific/Auckland"):
            shown = created.cast(pa.timestamp("us", time_zone)).to_pylist()
            assert {moment.year for moment in shown} <= {1, 9999, 2024}
    batch = parse("orders", f"[{rest}]")
    last, first = utc(9999, 12, 31), utc(1, 1, 1)
    moments = [row.get("created") for row in rows(batch, "orders")]
    assert moments == [last, last, last, last, utc(9999, 12, 30, 11), first, first, utc(2024, 2, 28, 22)]
    assert batch.drift == [Drift("orders", "created", "clamped", "timestamp", 3, ("0", "1", "2"))]


def test_elements_that_are_no_objects() -> None:
    batch = parse("suppliers", '[{"id": "1", "contacts": [null, {"role": "a"}, "Per", [1]]}]')
    assert rows(batch, "suppliers__contacts") == [{"role": "a"}, {"value": '"Per"'}, {"value": "[1]"}]
    assert batch.tables["suppliers__contacts"]["_dlt_list_idx"].to_pylist() == [1, 2, 3]


def test_numbers_that_floats_cannot_tell_apart_make_the_page_be_read_exactly() -> None:
    batch = parse(
        "orders",
        """[{"id": "1", "total": 12345678901.000000001},
            {"id": "2", "total": 12345678901.000000002, "brandNew": 1.5}]""",
        '[{"id": "3", "total": 5, "orderNumber": 7}]',
    )
    assert batch.tables["orders"]["total"].to_pylist() == [
        Decimal("12345678901.000000001"),
        Decimal("12345678901.000000002"),
        Decimal(5),
    ]
    assert [drift.column for drift in batch.drift] == ["brand_new"]
    again = parse("orders", '[{"id": "2", "total": 12345678901.000000002, "brandNew": 1.5}]')
    assert again.tables["orders"]["_omnium_row_hash"][0] == batch.tables["orders"]["_omnium_row_hash"][1]


# ---------------------------------------------------------------------------------------------------- newest


def test_newest_keeps_one_version_and_its_own_children() -> None:
    normalizer = ResourceNormalizer(shape("orders"))

    def order(key: str, day: int, *codes: str) -> dict[str, Any]:
        lines = [{"code": code} for code in codes]
        return {"id": key, "modified": f"2024-01-{day:02}T00:00:00Z", "orderForm": {"lineItems": lines}}

    first = [order("A", 3, "a-new"), order("B", 1, "b-old-1", "b-old-2"), order("C", 1)]
    second = [order("A", 2, "a-old"), order("B", 1, "b-new"), order("B", 1)]
    pages = [page(json.dumps(some)) for some in (first, second)]
    merged = normalizer.normalize(pages, "modified")
    assert merged.tables["orders"]["id"].to_pylist() == ["A", "C", "B"]
    assert merged.tables["orders__order_form__line_items"]["code"].to_pylist() == ["a-new"]
    assert merged.keys == merged.tables["orders"]["_dlt_id"].to_pylist()
    last = normalizer.normalize(pages, "no_such_column")
    assert last.tables["orders"]["id"].to_pylist() == ["C", "A", "B"]
    assert last.tables["orders__order_form__line_items"]["code"].to_pylist() == ["a-old"]


# ---------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_resource_has_a_sound_shape(resource: str) -> None:
    made = shape(resource)
    assert next(iter(made.tables)) == made.root == resource
    for table in made.tables.values():
        assert len(set(table.schema.names)) == len(table.schema.names)
        assert all(len(column.name) <= 128 for column in table.columns)
        assert table.parent is None or table.parent in made.tables
        arrow = py_arrow_to_table_schema_columns(table.schema)
        as_json = set(json_columns(table.schema))
        assert {
            name: hint["data_type"] for name, hint in hints_of(table.schema).items() if name not in as_json
        } == {name: hint["data_type"] for name, hint in arrow.items() if name not in as_json}
    root = {column.path: column for column in made.tables[made.root].columns}
    assert all(column.path in root for column in made.key) or resource == "product_alerts"


def test_products_flatten_to_the_second_level() -> None:
    tables = shape("products").tables
    assert tables["products__variants"].parent == "products"
    assert tables["products__variants__properties"].parent == "products__variants"
    assert "products__assets" not in tables
    assert "products__variants__components__options" not in tables
    (title,) = (column for column in tables["products"].columns if column.name == "seo_info__title")
    assert (title.path, title.kind, title.personal) == (("seoInfo", "title"), "text", False)


def test_an_unknown_schema() -> None:
    with pytest.raises(KeyError, match=r"unknown: contract\.json has no schema OmniumUnknown"):
        shape_of(Resource("unknown", "OmniumUnknown"), OPEN)


def test_a_field_of_an_unknown_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contract(), "OmniumOdd", {"id": "text", "size": "string"})
    with pytest.raises(KeyError, match=r"OmniumOdd\.size is 'string'"):
        shape_of(Resource("odd", "OmniumOdd"), OPEN)


# ------------------------------------------------------------------------------------------------ a reference


class Number(str):
    """A number as it stands in the JSON text."""


EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


def spelled(value: Any) -> str:
    """A scalar as text."""
    if isinstance(value, Number):
        is_long = Decimal(value) != Decimal(repr(float(value)))
        return (
            str(value) if is_long or not re.search(r"[.eE]", value) else orjson.dumps(float(value)).decode()
        )
    return value if isinstance(value, str) else json.dumps(value)


def amount(text: str) -> Decimal | None:
    try:
        rounded = EXACT.create_decimal(text).quantize(Decimal("1E-9"), context=EXACT)
    except InvalidOperation:
        return None
    return rounded if abs(rounded) < Decimal(10) ** 29 else None


def reference_value(kind: str, value: Any) -> tuple[Any, Any]:
    """A value → what stands in its column, and what stands beside it, one of the two None."""
    if value is None:
        return None, None
    fitted: Any = None
    is_number = isinstance(value, Number)
    as_number = (
        value if is_number or (isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)) else None
    )
    if kind == "text" and not isinstance(value, dict | list):
        fitted = spelled(value)
    elif kind == "decimal" and as_number is not None:
        fitted = amount(as_number)
        if fitted is not None and fitted != EXACT.create_decimal(as_number):
            if not is_number:
                fitted = None
            digits = f"{EXACT.create_decimal(as_number):f}".lstrip("-0.").replace(".", "").rstrip("0")
            decimals = f"{EXACT.create_decimal(as_number):f}".partition(".")[2].rstrip("0")
            if is_number and (len(decimals) > 28 or len(digits) <= 14):
                return fitted, spelled(value)
    elif kind == "bigint" and as_number is not None:
        number = Decimal(as_number)
        fitted = int(number) if number == int(number) and -(2**63) <= int(number) < 2**63 else None
    elif kind == "boolean":
        fitted = (
            value
            if isinstance(value, bool)
            else bool(Decimal(value))
            if is_number and Decimal(value) in (0, 1)
            else None
        )
    elif kind == "timestamp" and isinstance(value, str) and not is_number and (match := ISO.fullmatch(value)):
        moment, fraction, zone = match.groups()
        parsed = dt.datetime.fromisoformat(f"{moment}.{(fraction or '0')[:6].ljust(6, '0')}{zone or 'Z'}")
        fitted = parsed.astimezone(dt.UTC)
    if fitted is not None:
        return fitted, None
    return None, json.dumps(plain(value)) if isinstance(value, dict | list) else spelled(value)


def plain(value: Any) -> Any:
    """JSON with numbers as floats tell them."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def reference(
    schema: str, table: str, row: Mapping[str, Any], level: int, found: dict[str, list[dict[str, Any]]]
) -> None:
    """Put a row and its children where they belong: slowly, one value after the other."""
    flat: dict[str, Any] = {}
    found[table].append(flat)
    children: list[tuple[str, str, Any]] = []

    def walk(schema: str, prefix: str, node: Mapping[str, Any], above: tuple[str, ...]) -> None:
        for name, value in node.items():
            kind = contract()[schema].get(name)
            column = prefix + re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
            if kind is None:
                if name == "brandNew":
                    flat[column] = value
                continue
            inner = kind.strip("[]")
            is_object = bool(contract().get(inner)) and inner not in above
            if is_object and not kind.startswith("["):
                if isinstance(value, dict):
                    walk(inner, f"{column}__", value, (*above, inner))
                elif value is not None:
                    flat[f"{column}__v"] = reference_value("object", value)[1]
            elif is_object and level < 2:
                if isinstance(value, list):
                    children.append((inner, f"{table}__{column}", value))
                elif value is not None:
                    flat[f"{column}__v"] = reference_value("list", value)[1]
            elif kind.startswith("[") or is_object:
                flat[column] = None if value is None else json.dumps(plain(value))
            else:
                flat[column], flat[f"{column}__v"] = reference_value(
                    kind if kind not in contract() else "text", value
                )

    walk(schema, "", row, (schema,))
    for inner, name, items in children:
        for item in items:
            if item is not None:
                element = item if isinstance(item, dict) else {"value": item}
                reference(inner, name, element, level + 1, found)


def compact(text: Any) -> Any:
    return orjson.dumps(orjson.loads(text)).decode()


def comparable(batch: Batch, table: str) -> list[dict[str, Any]]:
    """The rows of a table as the reference has them: both variant columns under one name, few new fields."""
    unknown = {
        drift.column
        for drift in batch.drift
        if drift.table == table and drift.kind == "new_field" and not drift.column.endswith("brand_new")
    }
    result = []
    for row in batch.tables[table].to_pylist():
        shown = {}
        for name, value in row.items():
            plain_name = re.sub("__v_(text|json)$", "", name)
            if value is not None and not name.startswith("_") and plain_name not in unknown:
                shown[plain_name if plain_name == name else f"{plain_name}__v"] = value
        result.append(shown)
    return result


digits = st.integers(1, 30).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))
number_texts = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(-(10**7), 10**7, places=2).map("{:f}".format),
    st.builds("{}.{}".format, st.integers(-(10**5), 10**5), digits),
    st.builds("{}.{}".format, st.integers(-(10**14), 10**14), digits),
    st.sampled_from(["1E-7", "5E-10", "15E-10", "1e3", "-0.0", "0.0000000005", "1E+40", "1.0"]),
).map(Number)
times = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)).map(
            lambda moment: moment.replace(microsecond=0).isoformat()
        ),
        st.sampled_from(["", ".5", ".1234567", ".123456"]),
        st.sampled_from(["", "Z", "+02:00", "-11:30"]),
    )
)
scalars = st.one_of(st.none(), st.booleans(), number_texts, times, st.text("abc 12é", max_size=4))
free = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=3,
)
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text("abc 12é", max_size=4),
    "decimal": number_texts,
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str).map(Number),
    "boolean": st.booleans(),
    "timestamp": times,
}


@cache
def rows_of(schema: str, level: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of a schema, some fields missing, a few of the wrong type or unknown."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, kind in contract()[schema].items():
        inner = kind.strip("[]")
        if contract().get(inner):
            value: st.SearchStrategy[Any] = (
                st.none() if level > 2 else st.deferred(lambda s=inner: rows_of(s, level + 1))
            )
            if kind.startswith("["):
                value = st.lists(value, max_size=2)
        else:
            value = OF_KIND.get(kind, free)
        fields[name] = st.one_of(value, value, value, value, value, free)
    chosen = st.lists(st.sampled_from(sorted(fields)), max_size=6, unique=True) if fields else st.just([])
    known = chosen.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    unknown = st.fixed_dictionaries({}, optional={"brandNew": st.text("abc", max_size=3)})
    return st.builds(lambda some, more: {**some, **more}, known, unknown)


def written(value: Any) -> str:
    """JSON text, numbers as they are given."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


@pytest.mark.parametrize("resource", ["orders", "purchase_orders", "inventory", "suppliers"])
def test_columns_at_once_agree_with_values_one_by_one(resource: str) -> None:
    schema = RESOURCES[resource].schema
    excluded = RESOURCES[resource].excluded

    @given(st.lists(rows_of(schema), max_size=5), st.integers(1, 5))
    def agree(some: list[dict[str, Any]], size: int) -> None:
        some = [{name: value for name, value in row.items() if name not in excluded} for row in some]
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in some:
            reference(schema, resource, row, 0, found)
        # One normalizer for all pages: what it learns from one must not change another's values.
        pages = [page(written(some[start : start + size])) for start in range(0, len(some), size)]
        batch = ResourceNormalizer(shape(resource)).normalize(pages)
        for table, expected in found.items():
            assert table in batch.tables
            as_json = set(json_columns(batch.tables[table].schema))
            shown = comparable(batch, table)
            wanted = [{name: value for name, value in row.items() if value is not None} for row in expected]
            for row in (*shown, *wanted):
                for name, value in row.items():
                    if name in as_json or (name.endswith("__v") and value.startswith(("[", "{"))):
                        row[name] = compact(value)
            assert shown == wanted

    agree()
