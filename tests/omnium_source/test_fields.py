"""Which fields are read is chosen by resource: left out of the request, or before anything is stored."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_sandbox import Sandbox
from omnium_source.errors import ConfigurationError
from omnium_source.fields import chosen, described
from omnium_source.resources import RESOURCES

from tests.support.dlt_user import Tenant, later, order, pipeline_in, rows_of, serving, supplier
from tests.support.tenants import sandbox_settings


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with serving(
        Suppliers=[supplier(1, "buyer", "seller", newField="x"), supplier(2)],
        Orders=[order(1, "A", "B"), order(2, "A")],
        Products=[
            {"id": "p_no", "modified": "2026-01-01T00:00:00Z", "name": "Cup", "assets": [{"url": "u"}]}
        ],
        Subscriptions=[{"id": "a", "name": "Weekly", "interval": 1}],
    ) as served:
        yield served


def choose(monkeypatch: pytest.MonkeyPatch, resource: str, **options: str) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"SOURCES__OMNIUM__{resource.upper()}__{name.upper()}", value)


def columns(pipeline: Any, table: str) -> set[str]:
    return set(pipeline.default_schema.tables[table]["columns"])


def test_excluded_fields_get_no_column(tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    choose(monkeypatch, "suppliers", excluded_fields="name, contacts.jobTitle, newField, address")
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    assert not {"name", "new_field", "address__city"} & columns(pipeline, "suppliers")
    assert "job_title" not in columns(pipeline, "suppliers__contacts")
    assert rows_of(pipeline, "suppliers", "id", "default_lead_time") == [("s1", 1), ("s2", 2)]
    assert len(rows_of(pipeline, "suppliers__contacts", "_dlt_id")) == 2


def test_included_fields_are_all_there_is(tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    choose(monkeypatch, "suppliers", included_fields='["name", "contacts.jobTitle"]')
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("suppliers"))
    ours = {"_dlt_id", "_dlt_load_id", "_omnium_row_hash", "_omnium_deleted_at"}
    # Large reads are cut by `created` where `modified` cannot cut them.
    assert columns(pipeline, "suppliers") - ours == {"id", "name", "created", "modified"}
    assert {name for name in columns(pipeline, "suppliers__contacts") if name[0] != "_"} == {"job_title"}
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == [("buyer",), ("seller",)]


def test_a_list_that_is_left_out_gets_no_table(
    tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    choose(monkeypatch, "orders", excluded_fields="orderForm.lineItems")
    pipeline = pipeline_in(tmp_path)
    pipeline.run(tenant.source("orders"))
    assert list(pipeline.default_schema.data_table_names()) == ["orders"]


@pytest.mark.parametrize(
    ("options", "sent", "not_sent"),
    [
        (
            {},
            {"isAssetsExcluded": True, "isInventoryExcluded": True, "isPricesExcluded": True},
            "specificFields",
        ),
        ({"assets": "true"}, {"isInventoryExcluded": True, "isPricesExcluded": True}, "isAssetsExcluded"),
        ({"prices": "yes", "inventory": "1"}, {"isAssetsExcluded": True}, "isPricesExcluded"),
        (
            {"excluded_fields": "brand,variants.color"},
            {"specificFields": ["brand", "variants.color"]},
            "includedFields",
        ),
        ({"included_fields": "name"}, {"isEverythingExcluded": True}, "isAssetsExcluded"),
    ],
)
def test_products_leave_fields_out_of_the_request(
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
    sent: dict[str, Any],
    not_sent: str,
):
    choose(monkeypatch, "products", **options)
    list(tenant.source("products").products)
    body = tenant.asked("Products/Scroll")[0]
    assert sent.items() <= body["excludedFields"].items()
    assert not_sent not in body["excludedFields"]
    assert body.get("isPricesExcluded") == (None if "prices" in options else True)
    if "included_fields" in options:
        assert body["includedFields"] == {"specificFields": ["id", "modified", "name"]}


def test_batches_of_the_inventory_come_if_asked_for():
    row = chosen(RESOURCES["inventory"], {"batches": True})
    assert (dict(row.body), row.excluded) == ({}, frozenset())
    assert chosen(RESOURCES["inventory"], {}) is RESOURCES["inventory"]
    assert dict(RESOURCES["inventory"].body) == {"isBatchesExcluded": True}


@pytest.mark.slow
def test_a_changed_choice_reads_everything_again_once(
    tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    names = ("suppliers", "subscriptions", "orders")
    pipeline = pipeline_in(tmp_path)
    with monkeypatch.context() as patched:
        choose(patched, "suppliers", excluded_fields="name,contacts.jobTitle")
        choose(patched, "subscriptions", excluded_fields="name")
        pipeline.run(tenant.source(*names))
        pipeline.run(tenant.source(*names))
    assert "modifiedFrom" in tenant.asked("Suppliers/Search")[-1]
    assert "chosen anew" not in caplog.text
    pipeline.run(tenant.source(*names))
    assert "suppliers: its fields were chosen anew (the usual ones): all of it is read again" in caplog.text
    assert "orders: its fields" not in caplog.text
    assert "modifiedFrom" not in tenant.asked("Suppliers/Search")[-1]
    assert rows_of(pipeline, "suppliers", "id", "name") == [("s1", "Supplier 1"), ("s2", "Supplier 2")]
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == [("buyer",), ("seller",)]
    assert rows_of(pipeline, "subscriptions", "name") == [("Weekly",)]
    pipeline.run(tenant.source(*names))
    assert "modifiedFrom" in tenant.asked("Suppliers/Search")[-1]
    # And back: what is left out is no longer there, in no row.
    choose(monkeypatch, "suppliers", excluded_fields="name,contacts")
    tenant.rows["Suppliers"][1] = supplier(2, "nurse", changed=later())
    pipeline.run(tenant.source(*names))
    assert rows_of(pipeline, "suppliers", "id", "name") == [("s1", None), ("s2", None)]
    assert rows_of(pipeline, "suppliers__contacts", "job_title") == []


@pytest.mark.parametrize(
    ("resource", "options", "told"),
    [
        ("suppliers", {"excluded_fields": ["nmae"]}, "suppliers has no field nmae: did you mean name"),
        ("suppliers", {"included_fields": ["contacts.frstName"]}, "did you mean contacts.firstName"),
        ("suppliers", {"excluded_fields": ["id"]}, "cannot do without id"),
        ("suppliers", {"excluded_fields": ["modified"]}, "cannot do without modified"),
        ("inventory", {"excluded_fields": ["warehouseCode"]}, "cannot do without warehouseCode"),
        ("returns", {"excluded_fields": ["returnOrderForm"]}, "cannot do without returnOrderForm.returnId"),
        ("deliveries", {"excluded_fields": ["deliveryStatus"]}, "cannot do without deliveryStatus"),
        (
            "suppliers",
            {"excluded_fields": ["name.first"]},
            "name.first is no field of its own: name is kept as JSON",
        ),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(resource: str, options: dict[str, Any], told: str):
    with pytest.raises(ConfigurationError, match=told.replace(".", r"\.")):
        chosen(RESOURCES[resource], options)


def test_every_resource_does_with_its_key_alone():
    for row in RESOURCES.values():
        alone = chosen(row, {"included_fields": [row.key[0]]})
        assert described(row.name, {"included_fields": [row.key[0]]})
        assert dataclasses.replace(alone, body=row.body, excluded=row.excluded) == row


def test_a_wrong_choice_ends_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    choose(monkeypatch, "suppliers", excluded_fields="nmae")
    assert main(["resources"]) == 2
    assert "did you mean name?" in capsys.readouterr().err


def test_resources_show_the_choice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    import json

    monkeypatch.chdir(tmp_path)
    choose(monkeypatch, "products", assets="true", excluded_fields="brand")
    choose(monkeypatch, "orders", included_fields="total")
    assert main(["resources", "--resources", "orders,products,inventory,stores", "--json"]) == 0
    shown = {row["name"]: row["fields"] for row in json.loads(capsys.readouterr().out)["resources"]}
    assert shown == {
        "orders": "only total",
        "products": "without prices, inventory; with assets; without brand",
        "inventory": "without batches",
        "stores": "all",
    }


def test_the_command_line_reads_the_choice_and_tells_a_change(sandbox: Sandbox, home: Home):
    def run(**fields: Any) -> Any:
        settings = sandbox_settings(home, sandbox, resources=("products", "suppliers"), fields=fields)
        return load(settings, Silent())

    def asked(sql: str) -> Any:
        with duckdb.connect(str(home.working_database), read_only=True) as connection:
            return connection.execute(sql).fetchone()

    run(products={"excluded_fields": ["name"]})
    assert asked(
        "select count(*) from duckdb_columns() where table_name = 'products' and column_name = 'name'"
    ) == (0,)
    report = run(products={"assets": True})
    assert any("products: its fields were chosen anew (with assets)" in note for note in report.notes)
    assert {one.name: one.complete for one in report.resources} == {"products": True, "suppliers": True}
    assert asked("select count(*) > 0, count(*) = count(name) from omnium.products") == (True, True)
    again = run(products={"assets": True})
    assert not any("chosen anew" in note for note in again.notes)
    assert [one.rows for one in again.resources] == [0, 0]
