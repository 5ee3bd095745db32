"""What counts as personal, and what becomes of it, in every table of every resource."""

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from omnium_source.contract import contract
from omnium_source.errors import ConfigurationError
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import Mode, PersonalData
from omnium_source.pii.personal_key import key_for
from omnium_source.pii.rules import Position
from omnium_source.pii.vocabulary import is_personal_name, says_personal
from omnium_source.resources import RESOURCES

HASH = PersonalData("hash", b"a key for tests only")
SECRET = "kari.nordmann@example.org"


def parsed(resource: str, *rows: Any, personal: PersonalData = HASH) -> Batch:
    row = RESOURCES[resource]
    shape = shape_of(row, personal)
    body = orjson.dumps({"result": rows})
    return ResourceNormalizer(shape).normalize([Page(body)])


def filled(schema: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row with every field of the contract; each text names its place."""
    row: dict[str, Any] = {}
    for name, kind in contract()[schema].items():
        listed = kind.startswith("[")
        inner = kind.strip("[]")
        value: Any
        if inner in contract() and contract()[inner]:
            value = None if inner in (*above, schema) else filled(inner, (*above, schema))
        elif kind in ("bigint", "decimal"):
            value = 1
        elif kind == "boolean":
            value = True
        elif kind == "timestamp":
            value = "1985-04-12T00:00:00Z"
        else:
            value = f"{schema}.{name}"
        row[name] = [value] if listed and value is not None else value
    return row


def leaves(schema: str, position: Position | None = None) -> Iterator[tuple[Position, str]]:
    """All scalar fields below a schema, with their positions."""
    position = position or Position((schema,))
    for name, kind in contract()[schema].items():
        inner = kind.strip("[]")
        if contract().get(inner):
            if inner not in position.schemas:
                yield from leaves(inner, position.below(name, inner))
        else:
            yield position, name


def everything(batch: Batch) -> str:
    return json.dumps([table.to_pylist() for table in batch.tables.values()], default=str)


@pytest.mark.parametrize("resource", RESOURCES)
def test_no_personal_value_of_a_full_row_is_left(resource: str) -> None:
    """Every text of the contract that the rules call personal is gone from all tables, JSON included."""
    schema = RESOURCES[resource].schema
    shown = everything(parsed(resource, filled(schema)))
    personal = {
        f'"{position.schemas[-1]}.{name}"' for position, name in leaves(schema) if position.is_personal(name)
    }
    open_places = {
        f'"{position.schemas[-1]}.{name}"'
        for position, name in leaves(schema)
        if not position.is_personal(name)
    }
    assert [text for text in personal - open_places if text in shown.replace('\\"', '"')] == []


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_that_sounds_personal_is_covered_by_a_rule(resource: str) -> None:
    """Names such as email or phone are personal, or a company's own, or on a list with a reason."""
    uncovered = [
        f"{'.'.join(position.fields)}.{name}"
        for position, name in leaves(RESOURCES[resource].schema)
        if is_personal_name(name, False, position.is_company)
        and not position.is_personal(name)
        and position.may_hold_contacts(name)
        and name not in FLAGS
        and position.schemas[-1] not in NOT_PERSONS
    ]
    assert uncovered == [], (
        "these would be stored as they come: name them in PERSONAL (omnium_source/pii/rules.py)"
    )


FLAGS = {"hiddenFromCustomer", "displayOnlyFirstName"}
NOT_PERSONS = {
    "OmniumPickUpPointAddress",  # where parcels are fetched
    "OmniumDeliveryaddress",  # of a pick-up point
    "OmniumVisitingaddress",  # of a pick-up point
}


def test_an_order_names_its_customer_nowhere() -> None:
    person = {
        "name": "Kari Nordmann",
        "email": SECRET,
        "phone": "+4799999999",
        "line1": "Storgata 1",
        "city": "Oslo",
    }
    batch = parsed(
        "orders",
        {
            "id": "1",
            "customerId": SECRET,
            "customerName": "Kari Nordmann",
            "customerEmail": SECRET,
            "customerPhone": "+4799999999",
            "salesPersonName": "Ola Selger",
            "salesPersonId": "ola@shop.example",
            "billingAddress": person,
            "contactPerson": {"firstName": "Kari", "address": person},
            "orderNotes": [{"detail": f"Call her on {SECRET}.", "emailRecipient": SECRET}],
            "tags": ["vip", SECRET],
            "properties": [
                {"key": "customerEmail", "value": "not an address"},
                {"key": "size", "value": "XL"},
            ],
            "orderForm": {
                "payments": [{"customerName": "Kari Nordmann"}],
                "shipments": [{"address": person, "lineItems": [{"comment": f"for {SECRET}"}]}],
            },
            "buyer": {"name": "Kari Nordmann", "id": 7, "note": f"write to {SECRET}", "zip": "0150"},
            "deliveryEmail": SECRET,
            "guestPhones": ["+4799999999"],
        },
    )
    shown = everything(batch)
    for secret in (SECRET, "Kari", "+4799999999", "Storgata", "ola@shop.example", "not an address"):
        assert secret not in shown
    order = batch.tables["orders"].to_pylist()[0]
    hashed = HASH.hash(SECRET)
    assert order["customer_id"] == order["customer_email"] == order["billing_address__email"] == hashed
    assert order["contact_person__address__email"] == order["delivery_email"] == hashed
    assert order["billing_address__city"] == "Oslo"
    assert order["sales_person_name"] == "Ola Selger"
    assert order["tags"] == f'["vip","{hashed}"]'
    assert order["guest_phones"] == f'["{HASH.hash("+4799999999")}"]'
    assert json.loads(order["buyer"]) == {
        "name": HASH.hash("Kari Nordmann"),
        "id": HASH.hash("7"),
        "note": f"write to {hashed}",
        "zip": "0150",
    }
    note = batch.tables["orders__order_notes"].to_pylist()[0]
    assert note["detail"] == f"Call her on {hashed}."
    values = batch.tables["orders__properties"]["value"].to_pylist()
    assert values == [HASH.hash("not an address"), "XL"]
    shipment = batch.tables["orders__order_form__shipments"].to_pylist()[0]
    assert shipment["address__name"] == order["customer_name"] == HASH.hash("Kari Nordmann")


def test_a_supplier_keeps_its_own_address_and_its_contacts_do_not() -> None:
    own = {"email": "order@supplier.example", "phone": "1", "line1": "Factory Road 1"}
    batch = parsed(
        "suppliers",
        {
            "id": "S",
            "name": "Supplier Ltd",
            **own,
            "address": own,
            "addresses": [own],
            "contacts": [
                {"firstName": "Per", "email": "per@supplier.example", "role": "sales", "address": own}
            ],
            "properties": [{"key": "email", "value": "order@supplier.example"}],
            "invoiceEmail": "invoice@supplier.example",
            "contactPhone": "2",
        },
    )
    supplier = batch.tables["suppliers"].to_pylist()[0]
    assert (supplier["name"], supplier["email"], supplier["phone"]) == ("Supplier Ltd", own["email"], "1")
    assert supplier["address__line1"] == "Factory Road 1"
    assert supplier["invoice_email"] == "invoice@supplier.example"
    assert supplier["contact_phone"] == HASH.hash("2")
    assert batch.tables["suppliers__addresses"]["email"].to_pylist() == [own["email"]]
    assert batch.tables["suppliers__properties"]["value"].to_pylist() == [own["email"]]
    contact = batch.tables["suppliers__contacts"].to_pylist()[0]
    assert contact["first_name"] == HASH.hash("Per")
    assert contact["email"] == HASH.hash("per@supplier.example")
    assert contact["address__line1"] == HASH.hash("Factory Road 1")
    assert contact["role"] == "sales"


def test_a_version_is_treated_like_its_supplier() -> None:
    contacts = [{"email": SECRET}]
    batch = parsed(
        "supplier_versions",
        {
            "id": "S",
            "versionId": "2",
            "value": {"id": "S", "email": "order@supplier.example", "contacts": contacts},
        },
    )
    assert batch.tables["supplier_versions"]["value__email"].to_pylist() == ["order@supplier.example"]
    assert batch.tables["supplier_versions__value__contacts"]["email"].to_pylist() == [HASH.hash(SECRET)]


@pytest.mark.parametrize(
    ("resource", "kind_field", "kind", "is_hidden"),
    [
        ("comments", "objectType", "PrivateCustomer", True),
        ("comments", "objectType", "Order", False),
        ("event_log", "eventLogModel", "Customer", True),
        ("event_log", "eventLogModel", "Product", False),
    ],
)
def test_an_id_that_points_to_a_customer_is_a_customer_id(
    resource: str, kind_field: str, kind: str, is_hidden: bool
) -> None:
    batch = parsed(resource, {"id": "1", "objectId": "4711", kind_field: kind})
    assert batch.tables[resource]["object_id"].to_pylist() == [HASH.hash("4711") if is_hidden else "4711"]


def test_lists_of_customer_ids_and_birth_dates() -> None:
    lists = parsed("price_lists", {"id": "1", "customerIds": ["4711", 4712]})
    assert lists.tables["price_lists"]["customer_ids"].to_pylist() == [
        f'["{HASH.hash("4711")}","{HASH.hash("4712")}"]'
    ]
    customer = parsed("private_customers", {"customerId": "4711", "birthDate": "1985-04-12T00:00:00Z"})
    assert customer.tables["private_customers"]["birth_date"].to_pylist() == [
        HASH.hash("1985-04-12T00:00:00Z")
    ]


def test_values_that_do_not_fit_are_treated_too() -> None:
    batch = parsed(
        "orders", {"id": "1", "billingAddress": SECRET, "total": SECRET, "customerName": {"first": "Kari"}}
    )
    order = batch.tables["orders"].to_pylist()[0]
    assert order["billing_address__v_text"] == order["total__v_text"] == HASH.hash(SECRET)
    assert order["customer_name"] == HASH.hash('{"first":"Kari"}')


NO_SCALARS = (
    {},
    [],
    {"a": ["x"]},
    [["telefon", "99887766"]],
    [None, 1, {"email": SECRET}],
    2.5e25,
    True,
    None,
)


def with_scalars_replaced(value: Any, odd: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_scalars_replaced(below, odd) for name, below in value.items()}
    return [with_scalars_replaced(below, odd) for below in value] if isinstance(value, list) else odd


@pytest.mark.parametrize("resource", RESOURCES)
def test_no_field_of_another_type_stops_a_resource(resource: str) -> None:
    row = filled(RESOURCES[resource].schema)
    rows = [{**with_scalars_replaced(row, odd), "id": number} for number, odd in enumerate(NO_SCALARS)]
    assert len(parsed(resource, *rows).keys) == len(NO_SCALARS)


def test_a_property_whose_key_is_no_text_is_judged_by_its_value() -> None:
    properties = [
        {"key": {"a": 1}, "keyGroup": ["x"], "value": f"for {SECRET}"},
        {"key": "telefon", "keyGroup": {"b": 1}, "value": 5},
        {"key": ["telefon"], "value": "blue"},
    ]
    batch = parsed("orders", {"id": "1", "properties": properties})
    values = batch.tables["orders__properties"]["value"].to_pylist()
    assert values == [f"for {HASH.hash(SECRET)}", HASH.hash("5"), "blue"]


def test_a_new_field_stays_hidden_when_its_type_changes() -> None:
    row = RESOURCES["orders"]
    normalizer = ResourceNormalizer(shape_of(row, HASH))
    shown = ""
    for value in (True, "Kari", ["Kari"], {"name": "Kari", "x": ["Kari"]}, {"first": "Kari"}, 47):
        body = orjson.dumps({"result": [{"id": "1", "customerFirstName": value, "customer": value}]})
        shown += everything(normalizer.normalize([Page(body)]))
    assert "Kari" not in shown.replace('"x\\": [\\"Kari', "")


def test_whoever_waits_for_a_product_is_a_customer() -> None:
    batch = parsed("product_alerts", {"id": "1", "email": SECRET, "skuId": "A", "comment": f"for {SECRET}"})
    alert = batch.tables["product_alerts"].to_pylist()[0]
    assert (alert["email"], alert["sku_id"]) == (HASH.hash(SECRET), "A")
    assert alert["comment"] == f"for {HASH.hash(SECRET)}"


def test_include_leaves_all_as_it_is() -> None:
    batch = parsed("orders", {"id": "1", "customerEmail": SECRET}, personal=PersonalData("include", b""))
    assert batch.tables["orders"]["customer_email"].to_pylist() == [SECRET]


def test_exclude_leaves_no_column_and_no_key_in_json() -> None:
    batch = parsed(
        "private_customers",
        {
            "customerId": "4711",
            "email": SECRET,
            "gender": "f",
            "extra": {"email": SECRET, "size": 1},
            "myEmail": SECRET,
        },
        personal=PersonalData("exclude", b"a key for tests only"),
    )
    table = batch.tables["private_customers"]
    assert not {"customer_id", "email", "birth_date", "my_email"} & set(table.column_names)
    assert table["gender"].to_pylist() == ["f"]
    assert table["extra"].to_pylist() == ['{"size":1}']
    assert SECRET not in everything(batch)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_ids_stay_the_same_whatever_the_mode(mode: Mode) -> None:
    row = {"customerId": "4711", "email": SECRET}
    batch = parsed("private_customers", row, personal=PersonalData(mode, HASH_KEY))
    assert batch.keys == parsed("private_customers", row, personal=PersonalData("hash", HASH_KEY)).keys


HASH_KEY = b"another key, 16+ bytes"


def test_another_key_gives_other_hashes() -> None:
    assert PersonalData("hash", HASH_KEY).hash(SECRET) == PersonalData("hash", HASH_KEY).hash(SECRET)
    assert PersonalData("hash", HASH_KEY).hash(SECRET) != HASH.hash(SECRET)
    assert len(HASH.hash(SECRET)) == 32


def test_the_key_is_in_no_representation() -> None:
    assert "key" not in repr(PersonalData("hash", HASH_KEY))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("email", True),
        ("customerEmail", True),
        ("e-mail", True),
        ("emailAddresses", True),
        ("PhoneNumber", True),
        ("mobilePhone", True),
        ("firstName", True),
        ("lastname", True),
        ("contactPersonName", True),
        ("birthday", True),
        ("streetName", True),
        ("addressLine2", True),
        ("customerId", True),
        ("customerIds", True),
        ("recipientName", True),
        ("socialSecurityNumber", True),
        ("name", False),
        ("id", False),
        ("brandName", False),
        ("customerGroup", False),
        ("customerType", False),
        ("emailMarketing", False),
        ("postalCode", False),
        ("city", False),
        ("warehouseName", False),
        ("numberOfOrders", False),
        ("mainCategory", False),
        ("lineItems", False),
        ("phoneCase", False),
    ],
)
def test_names_that_say_so(name: str, expected: bool) -> None:
    assert is_personal_name(name) is expected


@pytest.mark.parametrize(
    ("key", "expected"), [("Customer", True), ("CONTACT", True), ("Product", False), ("0", False)]
)
def test_siblings_that_say_so(key: str, expected: bool) -> None:
    assert says_personal(key) is expected


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    made = key_for(None, path)
    assert key_for(None, path) == made
    assert len(made) == 64
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    assert key_for("configured by hand", path) == b"configured by hand"


@pytest.mark.parametrize(
    ("configured", "content", "message"),
    [
        ("short", None, "pii_key is too short: take 16 characters or more"),
        (None, "", "holds no key: restore it, or delete it and load everything anew"),
    ],
)
def test_keys_that_are_none(
    tmp_path: Path, configured: str | None, content: str | None, message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        key_for(configured, path)


def test_a_mode_that_there_is_not() -> None:
    mode: Any = "hashed"
    with pytest.raises(ConfigurationError, match="pii is 'hashed': take include, hash or exclude"):
        PersonalData(mode, b"")


def test_a_long_text_without_spaces_takes_no_time() -> None:
    assert len(HASH.hide_inside("a" * 300_000 + "@")) == 300_001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call +47 900 00 064 soon", "call {+47 900 00 064} soon"),
        ("(+4790000064)", "({+4790000064})"),
        ("a@b.no, c.d+e@f-g.co.uk!", "{a@b.no}, {c.d+e@f-g.co.uk}!"),
        ("2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00+02:00"),
        ("1 + 1 = 2, 3+45678901234", "1 + 1 = 2, 3+45678901234"),
        ("user@localhost 90000064", "user@localhost 90000064"),
    ],
)
def test_addresses_and_numbers_in_free_text(text: str, expected: str) -> None:
    assert HASH.hide_inside(text) == re.sub(r"{(.*?)}", lambda found: HASH.hash(found[1]), expected)
