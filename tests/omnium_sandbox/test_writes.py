"""What the sandbox lets an API user with admin roles change, and what it answers."""

from collections.abc import Iterator

import httpx
import pytest
from omnium_sandbox import Sandbox


@pytest.fixture
def empty() -> Iterator[Sandbox]:
    with Sandbox(size="empty") as sandbox:
        yield sandbox


def client_of(sandbox: Sandbox, client_id: str, client_secret: str) -> httpx.Client:
    token = httpx.post(
        f"{sandbox.base_url}/api/token", params={"clientId": client_id, "clientSecret": client_secret}
    ).text
    return httpx.Client(base_url=sandbox.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.fixture
def writer(empty: Sandbox) -> Iterator[httpx.Client]:
    with client_of(empty, empty.writer_client_id, empty.writer_client_secret) as client:
        yield client


def ids(answer: httpx.Response) -> list[str]:
    return [row["id"] for row in answer.json()["result"]]


def test_saves_chain_versions_and_pass_the_lead_time_on(empty: Sandbox, writer: httpx.Client) -> None:
    empty.tenant.put("products", {"id": "1_no", "supplierId": "s", "supplierLeadTime": 5})
    writer.put("/api/Suppliers", json={"id": "s", "name": "S", "defaultLeadTime": 5})
    writer.put("/api/Suppliers", json={"id": "s", "name": "S", "defaultLeadTime": 9})
    supplier = writer.get("/api/Suppliers/s").json()
    version = writer.get(f"/api/Suppliers/s/{supplier['previousVersionId']}").json()
    assert version["versionId"] == supplier["previousVersionId"]
    assert (version["id"], version["createdBy"]) == ("s", "api")
    assert version["value"]["defaultLeadTime"] == 5
    assert "previousVersionId" not in version["value"]
    product = empty.tenant.get("products", "1_no")
    assert product
    assert product["supplierLeadTime"] == 9
    empty.behaviour.supplier_version = "bare"
    assert writer.get(f"/api/Suppliers/s/{supplier['versionId']}").json() == supplier
    assert writer.delete("/api/Suppliers/s").status_code == 200
    assert writer.get("/api/Suppliers/s").status_code == 404
    assert writer.get(f"/api/Suppliers/s/{supplier['versionId']}").status_code == 200


def test_update_many_saves_each(empty: Sandbox, writer: httpx.Client) -> None:
    assert writer.put("/api/Suppliers/UpdateMany", json=[{"id": "a"}, {"id": "b"}]).content == b""
    assert sorted(ids(writer.post("/api/Suppliers/Search", json={}))) == ["a", "b"]


def test_who_only_reads_may_write_nothing(empty: Sandbox) -> None:
    with client_of(empty, empty.client_id, empty.client_secret) as reader:
        assert reader.put("/api/Suppliers", json={"id": "s"}).status_code == 403
        assert reader.put("/api/Suppliers/UpdateMany", json=[{"id": "s"}]).status_code == 403
        assert reader.delete("/api/Suppliers/s").status_code == 403
        assert reader.post("/api/PurchaseOrders", json={"id": "p"}).status_code == 403
        assert reader.patch("/api/PurchaseOrders/p", json={}).status_code == 403
    assert not list(empty.tenant.rows("suppliers"))


def test_a_role_can_be_missing(empty: Sandbox, writer: httpx.Client) -> None:
    empty.behaviour.missing_roles.add("PurchaseOrderAdmin")
    assert writer.post("/api/PurchaseOrders", json={"id": "p"}).status_code == 403
    assert writer.put("/api/Suppliers", json={"id": "s"}).status_code == 200


def test_put_replaces_the_whole_supplier(writer: httpx.Client) -> None:
    writer.put(
        "/api/Suppliers",
        json={"id": "s", "name": "S", "tags": ["a"], "shipmentCost": 12.5, "paymentTerms": 30, "ourOwn": 1},
    )
    saved = writer.put("/api/Suppliers", json={"id": "s", "defaultLeadTime": 9}).json()
    assert writer.get("/api/Suppliers/s").json() == saved
    assert {name: saved[name] for name in ("name", "tags", "shipmentCost", "paymentTerms")} == {
        "name": None,
        "tags": [],
        "shipmentCost": 0,
        "paymentTerms": None,
    }
    assert "ourOwn" not in saved


def test_numbers_keep_every_digit(writer: httpx.Client) -> None:
    content = b'{"id": "s", "minimumOrderAmount": 1234567890123456789.1234567890123456789, "ourOwn": 1.10}'
    writer.put("/api/Suppliers", content=content)
    kept = writer.get("/api/Suppliers/s").text
    assert '"minimumOrderAmount":1234567890123456789.1234567890123456789,' in kept
    assert '"ourOwn":1.10' in kept


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("/api/Suppliers", b"", "The supplier needs an id."),
        ("/api/Suppliers", b'{"name": "S"}', "The supplier needs an id."),
        ("/api/Suppliers/UpdateMany", b"[]", "The list of suppliers is empty."),
        ("/api/Suppliers/UpdateMany", b"", "The list of suppliers is empty."),
        (
            "/api/Suppliers/UpdateMany",
            b'[{"id":"a"},{"id":"b"},{"id":"a"}]',
            "The supplier id a is not unique.",
        ),
    ],
)
def test_what_is_wrong_is_400(writer: httpx.Client, path: str, content: bytes, says: str) -> None:
    answer = writer.put(path, content=content)
    assert (answer.status_code, answer.json()) == (400, says)


def test_update_many_skips_items_without_a_change(writer: httpx.Client) -> None:
    before = writer.put("/api/Suppliers", json={"id": "s", "name": "S"}).json()
    writer.put("/api/Suppliers/UpdateMany", json=[before, {"id": "t"}])
    assert writer.get("/api/Suppliers/s").json() == before
    assert writer.get("/api/Suppliers/t").json()["versionId"]


def test_post_creates_a_purchase_order_once(writer: httpx.Client) -> None:
    order = {"id": "p", "supplierId": "s", "purchaseOrderForm": {"lineItems": [{"code": "A", "quantity": 3}]}}
    created = writer.post("/api/PurchaseOrders", json=order).json()
    assert (created["id"], created["status"], created["supplierId"]) == ("p", "New", "s")
    (line,) = created["purchaseOrderForm"]["lineItems"]
    assert (line["code"], line["quantity"], line["deliveredQuantity"], line["canceledQuantity"]) == (
        "A",
        3,
        0,
        0,
    )
    assert line["lineItemId"]
    assert writer.post("/api/PurchaseOrders", json=order).status_code == 409
    assert writer.post("/api/PurchaseOrders", json={}).status_code == 400
    assert ids(writer.post("/api/PurchaseOrders/Search", json={})) == ["p"]


def test_patch_changes_what_is_sent(writer: httpx.Client) -> None:
    one, other = {"key": "a", "value": "1"}, {"key": "b", "value": "2"}
    writer.post(
        "/api/PurchaseOrders", json={"id": "p", "supplierId": "s", "properties": [one], "tags": ["x"]}
    )
    changed = writer.patch(
        "/api/PurchaseOrders/p", json={"status": "OrderCanceled", "properties": [other]}
    ).json()
    assert (changed["status"], changed["supplierId"]) == ("OrderCanceled", "s")
    assert (changed["properties"], changed["tags"]) == ([one, other], ["x"])
    changed = writer.patch(
        "/api/PurchaseOrders/p?keepExistingListItems=false", json={"tags": ["y"], "properties": [other]}
    ).json()
    assert (changed["properties"], changed["tags"]) == ([one, other], ["y"])
    assert writer.patch("/api/PurchaseOrders/q", json={}).status_code == 404


def test_put_of_an_order_without_an_id_gives_it_one(writer: httpx.Client) -> None:
    order = writer.put("/api/PurchaseOrders", json={"supplierId": "s"}).json()
    assert order["id"]
    assert (
        writer.put("/api/PurchaseOrders", json={"id": order["id"], "supplierId": "t"}).json()["supplierId"]
        == "t"
    )
