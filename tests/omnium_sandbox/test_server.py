"""The sandbox's server: what it answers, literally, and what goes wrong when it is told to."""

import email.utils
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from omnium_sandbox import Fault, Faults, Sandbox
from omnium_sandbox.endpoints import RESOURCES, schemas
from omnium_sandbox.faults import EVERY_KIND

SEARCHED = [resource for resource in RESOURCES.values() if resource.search]


def client_of(sandbox: Sandbox, *, writes: bool = False) -> httpx.Client:
    answer = httpx.post(
        f"{sandbox.base_url}/api/token",
        params={
            "clientId": sandbox.writer_client_id if writes else sandbox.client_id,
            "clientSecret": sandbox.writer_client_secret if writes else sandbox.client_secret,
            "returnAsJson": "true",
        },
    )
    headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    return httpx.Client(base_url=sandbox.base_url, headers=headers, timeout=60)


@pytest.fixture
def empty() -> Iterator[Sandbox]:
    with Sandbox(size="empty") as sandbox:
        yield sandbox


@pytest.fixture
def client(empty: Sandbox) -> Iterator[httpx.Client]:
    with client_of(empty) as client:
        yield client


@pytest.fixture
def writer(empty: Sandbox) -> Iterator[httpx.Client]:
    """The API user with the admin roles."""
    with client_of(empty, writes=True) as client:
        yield client


def put_orders(sandbox: Sandbox, count: int) -> None:
    for number in range(count):
        stamp = f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z"
        sandbox.tenant.put("orders", {"id": f"O{number:05d}", "created": stamp}, modified=stamp)


def ids(answer: httpx.Response) -> list[str]:
    return [row["id"] for row in answer.json()["result"]]


# Tokens and roles


def test_token_comes_as_json_or_as_plain_text(empty: Sandbox) -> None:
    query = {"clientId": empty.client_id, "clientSecret": empty.client_secret}
    as_json = httpx.post(f"{empty.base_url}/api/Token", params={**query, "returnAsJson": "true"}).json()
    assert {name: as_json[name] for name in ("tokenType", "expiresIn")} == {
        "tokenType": "Bearer",
        "expiresIn": 864000,
    }
    as_text = httpx.post(f"{empty.base_url}/api/token", params=query)
    assert as_text.headers["content-type"] == "text/plain; charset=utf-8"
    assert {as_json["accessToken"], as_text.text} == empty.tokens
    assert httpx.post(f"{empty.base_url}/api/token", params={**query, "clientSecret": "x"}).status_code == 401


def test_the_secret_is_not_in_the_request_log(empty: Sandbox, client: httpx.Client) -> None:
    assert empty.client_secret not in repr(empty.requests)


def test_no_token_and_revoked_tokens_are_401(empty: Sandbox, client: httpx.Client) -> None:
    assert httpx.post(f"{empty.base_url}/api/Orders/Search", json={}).status_code == 401
    assert client.post("/api/Orders/Search", json={}).status_code == 200
    empty.revoke_tokens()
    assert client.post("/api/Orders/Search", json={}).status_code == 401


def test_a_missing_role_is_403_on_its_domain_alone(empty: Sandbox, client: httpx.Client) -> None:
    empty.behaviour.missing_roles.add("SupplierRead")
    assert client.post("/api/Suppliers/Search", json={}).status_code == 403
    assert client.post("/api/Orders/Search", json={}).status_code == 200


def test_a_user_limited_to_stores_silently_sees_less(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put_many("orders", [{"id": "a", "storeId": "x"}, {"id": "b", "storeId": "y"}])
    empty.behaviour.visible_stores = {"y"}
    assert ids(client.post("/api/Orders/Search", json={"disableFacets": True})) == ["b"]


# Search


def test_an_answer_is_literally_what_was_put(empty: Sandbox, client: httpx.Client) -> None:
    amount = Decimal("89.2857142857142857142857142857")
    empty.tenant.put("orders", {"id": "A", "total": amount}, modified="2026-03-01T12:00:00Z")
    answer = client.post("/api/Orders/Search", json={"take": 100, "disableFacets": True})
    assert answer.text == (
        '{"result":[{"id":"A","total":89.2857142857142857142857142857,'
        '"modified":"2026-03-01T12:00:00Z","created":"2026-03-01T12:00:00Z"}],'
        '"totalHits":1,"isValid":true,"facets":[],"scrollId":null}'
    )


def test_put_stamps_now_unless_told_otherwise(empty: Sandbox) -> None:
    before = datetime.now(UTC)
    empty.tenant.put("stores", {"id": "S", "modified": "2020-01-01T00:00:00Z"})
    row = empty.tenant.get("stores", "S")
    assert row
    assert datetime.fromisoformat(row["modified"]) >= before
    empty.tenant.put("stores", {"id": "S", "modified": "2020-01-01T00:00:00Z"}, stamp=False)
    assert empty.tenant.get("stores", "S") == {"id": "S", "modified": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        ({"take": 2}, ["O00004", "O00003"]),
        ({"take": 2, "page": 1}, ["O00002", "O00001"]),
        ({"take": 2, "page": 2}, ["O00000"]),
        ({"take": 2, "page": 3}, []),
        ({"take": 2, "sortOrder": "CreatedAscending"}, ["O00000", "O00001"]),
        ({"take": 2, "sortOrder": "DocumentId"}, ["O00000", "O00001"]),
        (
            {"modifiedFrom": "2026-01-01T00:00:01Z", "modifiedTo": "2026-01-01T00:00:02Z"},
            ["O00002", "O00001"],
        ),
        ({"createdFrom": "2026-01-01T01:00:04+01:00"}, ["O00004"]),
    ],
)
def test_orders_page_from_zero_sort_and_filter(
    empty: Sandbox, client: httpx.Client, request_body: dict[str, Any], expected: list[str]
) -> None:
    put_orders(empty, 5)
    assert ids(client.post("/api/Orders/Search", json={**request_body, "disableFacets": True})) == expected


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"take": 101}, '"take must not exceed 100."'),
        ({"take": 100, "page": 101}, '"Result window is too large: take * page must not exceed 10000."'),
        ({"take": "10"}, '"The JSON value could not be converted. Path: $.take"'),
        ({"take": 0}, "\"The value '0' is not valid for take.\""),
        ({"page": -1}, "\"The value '-1' is not valid for page.\""),
        ({"sortOrder": "Sideways"}, "\"The value 'Sideways' is not valid for sortOrder.\""),
        ({"modifiedFrom": "soon"}, "\"The value 'soon' is not valid for modifiedFrom.\""),
        ({"disableFacets": "yes"}, '"The JSON value could not be converted. Path: $.disableFacets"'),
    ],
)
def test_bad_requests_say_why(client: httpx.Client, body: dict[str, Any], text: str) -> None:
    answer = client.post("/api/Orders/Search", json=body)
    assert (answer.status_code, answer.text) == (400, text)


def test_page_100_of_100_is_the_last_that_may_be_asked_for(client: httpx.Client) -> None:
    assert client.post("/api/Suppliers/Search", json={"take": 100, "page": 100}).status_code == 200


def test_page_zero_is_page_one_where_pages_start_at_one(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put_many("suppliers", [{"id": f"s{number}"} for number in range(5)])
    pages = [client.post("/api/Suppliers/Search", json={"take": 2, "page": page}) for page in (0, 1, 2)]
    assert [ids(page) for page in pages] == [["s0", "s1"], ["s0", "s1"], ["s2", "s3"]]
    empty.behaviour.page_base["suppliers"] = 0
    pages = [client.post("/api/Suppliers/Search", json={"take": 2, "page": page}) for page in (0, 1, 2)]
    assert [ids(page) for page in pages] == [["s0", "s1"], ["s2", "s3"], ["s4"]]


def test_suppliers_come_by_ten_when_take_is_omitted(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put_many("suppliers", [{"id": f"s{number}"} for number in range(12)])
    assert len(ids(client.post("/api/Suppliers/Search", json={}))) == 10


def test_last_modified_leaves_the_moment_itself_out(empty: Sandbox, client: httpx.Client) -> None:
    for sku, stamp in (("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-02T00:00:00Z")):
        empty.tenant.put("inventory", {"sku": sku, "warehouseCode": "w"}, modified=stamp)
    answer = client.post("/api/Inventory/Search", json={"lastModified": "2026-01-01T00:00:00Z"}).json()
    assert [row["sku"] for row in answer["result"]] == ["b"]


def test_deliveries_are_found_by_list_filters_joined_by_and(empty: Sandbox, client: httpx.Client) -> None:
    for number, status in enumerate(["New", "Completed", "InProgress"]):
        empty.tenant.put("deliveries", {"id": f"d{number}", "deliveryStatus": status, "supplierIds": ["x"]})
    found = client.post("/api/Deliveries/Search", json={"selectedStatuses": ["New", "InProgress"]})
    assert sorted(ids(found)) == ["d0", "d2"]
    body = {"selectedStatuses": ["New", "InProgress"], "selectedDeliveries": ["d2", "d1"]}
    assert ids(client.post("/api/Deliveries/Search", json=body)) == ["d2"]


def test_a_field_that_the_request_does_not_know_is_ignored(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put("deliveries", {"id": "d"}, modified="2026-01-01T00:00:00Z")
    assert ids(client.post("/api/Deliveries/Search", json={"modifiedFrom": "2027-01-01T00:00:00Z"})) == ["d"]


def test_deleted_products_and_inactive_stores_are_hidden(empty: Sandbox, client: httpx.Client) -> None:
    tenant = empty.tenant
    tenant.put_many(
        "products", [{"id": "p"}, {"id": "q", "status": "Deleted"}, {"id": "r", "isActive": False}]
    )
    tenant.put_many("stores", [{"id": "open"}, {"id": "shut", "isInactive": True}])
    plain: dict[str, Any] = {"take": 100, "isFacetsDisabled": True}
    assert ids(client.post("/api/Products/SearchProducts", json=plain)) == ["p", "r"]
    assert ids(client.post("/api/Products/SearchProducts", json={**plain, "isActive": False})) == ["p", "r"]
    assert ids(client.post("/api/Products/SearchProducts", json={**plain, "isDeleted": True})) == ["q"]
    assert ids(client.post("/api/Stores/SearchStores", json={})) == ["open"]
    assert ids(client.post("/api/Stores/SearchStores", json={"includeInactive": True})) == ["open", "shut"]


def test_fields_are_excluded_and_included(empty: Sandbox, client: httpx.Client) -> None:
    variant = {"skuId": "1-1", "assets": [{"url": "v"}], "cost": 2}
    product = {"id": "1_no", "name": "n", "assets": [{"url": "u"}], "prices": [{}], "variants": [variant]}
    empty.tenant.put("products", product, stamp=False)
    empty.tenant.put("inventory", {"sku": "1-1", "warehouseCode": "w", "batches": [{"id": "b"}]}, stamp=False)

    def scroll(**fields: Any) -> Any:
        body = {"isFacetsDisabled": True, **fields}
        return client.post("/api/Products/Scroll", json=body).json()["result"][0]

    assert scroll() == product
    assert scroll(isPricesExcluded=True, excludedFields={"isAssetsExcluded": True}) == {
        "id": "1_no",
        "name": "n",
        "variants": [{"skuId": "1-1", "cost": 2}],
    }
    assert scroll(
        excludedFields={"isEverythingExcluded": True},
        includedFields={"specificFields": ["name", "variants.skuId"]},
    ) == {"id": "1_no", "name": "n", "variants": [{"skuId": "1-1"}]}
    assert scroll(excludedFields={"specificFields": ["variants.assets", "name", "prices", "assets"]}) == {
        "id": "1_no",
        "variants": [{"skuId": "1-1", "cost": 2}],
    }
    without = client.post("/api/Inventory/Search", json={"isBatchesExcluded": True}).json()["result"]
    assert without == [{"sku": "1-1", "warehouseCode": "w"}]


def test_facets_cost_time_and_space_unless_disabled(empty: Sandbox, client: httpx.Client) -> None:
    empty.behaviour.facet_seconds = 0.2
    started = time.monotonic()
    large = client.post("/api/Orders/Search", json={})
    assert time.monotonic() - started >= 0.2
    small = client.post("/api/Orders/Search", json={"disableFacets": True})
    assert len(large.content) > 10_000 > len(small.content)


@pytest.mark.parametrize("resource", SEARCHED, ids=lambda resource: resource.name)
def test_every_resource_shows_every_row_once_and_nothing_that_the_contract_does_not_know(
    resource: Any, small_client: httpx.Client, small: Sandbox
) -> None:
    path = f"/api/{resource.scroll or resource.search}"
    rows: list[dict[str, Any]] = []
    body: dict[str, Any] = {"includeInactive": True} if resource.name == "stores" else {}
    if resource.take == "page":
        body["take"] = 100
    first = body | ({"page": resource.page_base} if not resource.scroll else {})
    answer = small_client.get(path) if resource.by_get else small_client.post(path, json=first)
    page = answer.json()
    if isinstance(page, list):
        rows = page
    elif page["scrollId"]:
        while page["scrollId"] and page["result"]:
            rows += page["result"]
            page = small_client.get(f"/api/{resource.more}/{page['scrollId']}").json()
    else:
        for number in range(page["totalHits"] // 100 + 1):
            body["page"] = resource.page_base + number
            rows += small_client.post(path, json=body).json()["result"]
            if resource.take != "page":
                break
    hidden = sum(row.get("status") == "Deleted" for row in small.tenant.rows("products"))
    expected = small.tenant.count(resource.name) - (hidden if resource.name == "products" else 0)
    assert expected > 0, f"give {resource.name} some rows, in sources/omnium_sandbox/data/"
    assert len({repr(sorted(row.items(), key=str)) for row in rows}) == len(rows) == expected
    if resource.schema in schemas():
        known = set(schemas()[resource.schema])
        assert not {name for row in rows for name in row} - known


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    with Sandbox(size="small") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def small_client(small: Sandbox) -> Iterator[httpx.Client]:
    with client_of(small) as client:
        yield client


def test_filters_and_keys_of_the_table_exist_in_the_contract() -> None:
    def exists(schema: str, path: str) -> bool:
        for name in path.split("."):
            kind = schemas().get(schema, {}).get(name)
            if kind is None:
                return False
            schema = kind.strip("@[]")
        return True

    for resource in SEARCHED:
        resource.check()
        if resource.schema in schemas():
            paths = [*resource.key, resource.created, resource.modified]
            assert all(exists(resource.schema, path) for path in paths if path), resource.name


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"request": "OmniumSupplierSearchRequests"}, "no request 'OmniumSupplierSearchRequests'"),
        ({"request": ""}, "no request ''"),
        (
            {"other_filters": {"supplierNumber": "id"}},
            "OmniumSupplierSearchRequest has no field supplierNumber",
        ),
        ({"filters": ("supplierNumber",)}, "has no field supplierNumber"),
        ({"event_times": {"savedFrom": ("modified", "from")}}, "has no field savedFrom"),
    ],
)
def test_a_row_with_a_filter_that_could_not_work_is_refused_at_the_start(
    wrong: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RESOURCES, "suppliers", replace(RESOURCES["suppliers"], **wrong))
    with pytest.raises(ValueError, match=f"suppliers: .*{message}"):
        Sandbox(size="empty")


# Scroll


def test_a_scroll_is_a_snapshot_and_its_id_changes(empty: Sandbox, client: httpx.Client) -> None:
    put_orders(empty, 250)
    empty.behaviour.scroll_ids = "change"
    first = client.post("/api/Orders/Scroll", json={"take": 100, "disableFacets": True}).json()
    empty.tenant.delete("orders", "O00000")
    empty.tenant.put("orders", {"id": "later"})
    second = client.get(f"/api/Orders/Scroll/{first['scrollId']}").json()
    assert second["scrollId"] != first["scrollId"]
    assert client.get(f"/api/Orders/Scroll/{first['scrollId']}").status_code == 404
    third = client.get(f"/api/Orders/Scroll/{second['scrollId']}").json()
    assert [len(batch["result"]) for batch in (first, second, third)] == [100, 100, 50]
    assert third["result"][-1]["id"] == "O00000"
    assert {batch["totalHits"] for batch in (first, second, third)} == {250}
    last = client.get(f"/api/Orders/Scroll/{third['scrollId']}").json()
    assert last["result"] == []
    assert empty.searches.open_scrolls == 0


def test_a_scroll_may_end_without_an_id(empty: Sandbox, client: httpx.Client) -> None:
    put_orders(empty, 15)
    empty.behaviour.scroll_end = "no_id"
    first = client.post("/api/Orders/Scroll", json={"take": 10, "disableFacets": True}).json()
    second = client.get(f"/api/Orders/Scroll/{first['scrollId']}").json()
    assert (len(second["result"]), second["scrollId"]) == (5, None)


def test_a_scroll_expires(empty: Sandbox, client: httpx.Client) -> None:
    put_orders(empty, 15)
    empty.behaviour.scroll_seconds = 0.05
    first = client.post("/api/Orders/Scroll", json={"disableFacets": True}).json()
    time.sleep(0.1)
    assert client.get(f"/api/Orders/Scroll/{first['scrollId']}").status_code == 404


def test_a_lost_answer_has_moved_the_cursor(empty: Sandbox, client: httpx.Client) -> None:
    put_orders(empty, 30)
    empty.behaviour.scroll_ids = "keep"
    scroll_id = client.post("/api/Orders/Scroll", json={"disableFacets": True}).json()["scrollId"]
    empty.faults.add(Fault("lost", path="Scroll/", times=1))
    with pytest.raises(httpx.TransportError):
        client.get(f"/api/Orders/Scroll/{scroll_id}")
    assert ids(client.get(f"/api/Orders/Scroll/{scroll_id}"))[0] == "O00009"


def test_inventory_scrolls_by_itself_when_there_is_more_than_one_batch(
    empty: Sandbox, client: httpx.Client
) -> None:
    rows = [{"sku": f"s{number:05d}", "warehouseCode": "w"} for number in range(2_500)]
    empty.tenant.put_many("inventory", rows[:1_000])
    assert client.post("/api/Inventory/Search", json={}).json()["scrollId"] is None
    empty.tenant.put_many("inventory", rows)
    page = client.post("/api/Inventory/Search", json={}).json()
    sizes = [len(page["result"])]
    while page["scrollId"] and page["result"]:
        page = client.get(f"/api/Inventory/Scroll/{page['scrollId']}").json()
        sizes.append(len(page["result"]))
    assert sizes == [1_000, 1_000, 500, 0]


def test_categories_take_ten_thousand_and_price_lists_a_scroll_size(
    empty: Sandbox, client: httpx.Client
) -> None:
    empty.tenant.put_many("product_categories", [{"id": str(number)} for number in range(300)])
    empty.tenant.put_many("price_list_items", [{"id": str(number)} for number in range(300)])
    categories = client.post("/api/ProductCategories/ScrollSearch", json={"take": 10_000})
    items = client.post("/api/PriceListItems/ScrollSearch", json={"scrollSize": 250})
    assert (len(ids(categories)), len(ids(items))) == (300, 250)
    assert client.post("/api/ProductCategories/ScrollSearch", json={"take": 10_001}).status_code == 400


def held_until_refused(
    sandbox: Sandbox, path: str, body: dict[str, Any], asked: int, refused: int
) -> list[int]:
    """The statuses of `asked` requests at once; those that are admitted are answered when `refused` have been."""
    statuses: list[int] = []

    def hold(_: float) -> None:
        while statuses.count(429) < refused:
            time.sleep(0.005)

    def ask() -> None:
        with client_of(sandbox) as one:
            statuses.append(one.post(path, json=body).status_code)

    sandbox.behaviour.latency_seconds = 1.0
    threads = [threading.Thread(target=ask) for _ in range(asked)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("omnium_sandbox.server.time", SimpleNamespace(sleep=hold, monotonic=time.monotonic))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(statuses)


def test_only_one_scroll_is_started_at_a_time(empty: Sandbox) -> None:
    statuses = held_until_refused(empty, "/api/Orders/Scroll", {"disableFacets": True}, asked=3, refused=2)
    assert statuses == [200, 429, 429]


def test_unknown_paths_are_404_and_wrong_methods_405(client: httpx.Client) -> None:
    assert client.post("/api/Nonsense", json={}).status_code == 404
    assert client.get("/api/Orders/Search").status_code == 405


# Behaviour


def test_nulls_can_be_written_out(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put("pick_lists", {"id": "p", "pickListOrderItems": [{"orderId": "o"}]}, stamp=False)
    empty.behaviour.nulls = "include"
    row = client.post("/api/PickList/Search", json={}).json()["result"][0]
    assert row == {
        "created": None,
        "id": "p",
        "modified": None,
        "name": None,
        "pickListOrderItems": [{"orderId": "o", "shipmentId": None}],
        "properties": None,
        "status": None,
        "warehouseCode": None,
        "warehouseName": None,
    }


def test_gzip_is_used_only_when_offered_and_asked_for(empty: Sandbox, client: httpx.Client) -> None:
    assert "content-encoding" not in client.post("/api/Suppliers/Search", json={}).headers
    empty.behaviour.gzip = True
    answer = client.post("/api/Suppliers/Search", json={})
    assert (answer.headers["content-encoding"], answer.json()["totalHits"]) == ("gzip", 0)


def test_the_clock_of_the_server_may_be_wrong(empty: Sandbox, client: httpx.Client) -> None:
    empty.behaviour.clock_offset_seconds = 3_600
    before = datetime.now(UTC).replace(microsecond=0)
    said = email.utils.parsedate_to_datetime(client.get("/api/Markets").headers["date"])
    assert before <= said - timedelta(hours=1) <= datetime.now(UTC)
    empty.tenant.put("stores", {"id": "s"})
    row = empty.tenant.get("stores", "s")
    assert row
    assert datetime.fromisoformat(row["modified"]) > datetime.now(UTC)


def test_unknown_fields_appear_in_rows(empty: Sandbox, client: httpx.Client) -> None:
    empty.tenant.put("stores", {"id": "s"}, stamp=False)
    empty.behaviour.extra_fields = True
    row = client.post("/api/Stores/SearchStores", json={}).json()["result"][0]
    assert row["sustainabilityScore"] == 7.25
    assert row["routing"] == {"lane": 3, "tags": ["a", "b"]}


def test_ties_come_in_another_order_each_time(empty: Sandbox, client: httpx.Client) -> None:
    rows = [{"id": str(number), "created": "2026-01-01T00:00:00Z"} for number in range(50)]
    empty.tenant.put_many("suppliers", rows)
    first = ids(client.post("/api/Suppliers/Search", json={"take": 50}))
    assert ids(client.post("/api/Suppliers/Search", json={"take": 50})) == first
    empty.behaviour.unstable_ties = True
    shuffled = ids(client.post("/api/Suppliers/Search", json={"take": 50}))
    assert shuffled != first
    assert sorted(shuffled) == sorted(first)


def test_changes_show_in_the_index_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(moment=1_000.0, monotonic=lambda: clock.moment)
    monkeypatch.setattr("omnium_sandbox.tenant.time", clock)
    with Sandbox(size="empty", index_delay_seconds=30) as sandbox, client_of(sandbox) as client:
        for number in range(20):
            sandbox.tenant.put("suppliers", {"id": str(number)})
        assert sandbox.tenant.count("suppliers") == 20
        clock.moment += 15
        seen = client.post("/api/Suppliers/Search", json={"take": 100}).json()["totalHits"]
        sandbox.tenant.put("suppliers", {"id": "0", "name": "new"})
        sandbox.tenant.delete("suppliers", "1")
        clock.moment += 30
        after = client.post("/api/Suppliers/Search", json={"take": 100}).json()
        assert 0 < seen < 20
        assert after["totalHits"] == 19
        assert next(row for row in after["result"] if row["id"] == "0")["name"] == "new"


def test_the_newest_of_several_late_changes_wins() -> None:
    with Sandbox(size="empty", index_delay_seconds=0.05) as sandbox, client_of(sandbox) as client:
        for number in range(200):
            sandbox.tenant.put("stores", {"id": "s", "comment": str(number)})
        time.sleep(0.1)
        rows = client.post("/api/Stores/SearchStores", json={}).json()["result"]
        assert [row["comment"] for row in rows] == ["199"]


# Limits


def test_the_bucket_runs_empty_and_says_when_to_come_back(empty: Sandbox) -> None:
    empty.behaviour.bucket = 3
    empty.behaviour.refill_seconds = 3_600
    with client_of(empty) as client:
        answers = [client.post("/api/Suppliers/Search", json={}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 2_900 < int(answers[3].headers["retry-after"]) <= 3_600


def test_more_than_the_allowed_requests_in_flight_are_429(empty: Sandbox) -> None:
    empty.behaviour.concurrency = 2
    statuses = held_until_refused(empty, "/api/Suppliers/Search", {}, asked=4, refused=2)
    assert statuses == [200, 200, 429, 429]


# Faults


@pytest.mark.parametrize("status", ["429", "500", "502", "503", "504", "401", "403", "400", "404"])
def test_status_faults(empty: Sandbox, client: httpx.Client, status: Any) -> None:
    empty.faults.add(Fault(status, path="Suppliers", times=1, seconds=7))
    answer = client.post("/api/Suppliers/Search", json={})
    assert answer.status_code == int(status)
    assert answer.headers.get("retry-after") == ("7" if status == "429" else None)
    assert client.post("/api/Suppliers/Search", json={}).status_code == 200
    assert empty.requests[-2].fault == status


def test_retry_after_as_a_date(empty: Sandbox, client: httpx.Client) -> None:
    empty.faults.add(Fault("429_date", seconds=30))
    before = datetime.now(UTC).replace(microsecond=0)
    until = email.utils.parsedate_to_datetime(client.get("/api/Markets").headers["retry-after"])
    assert before <= until - timedelta(seconds=30) <= datetime.now(UTC)


def test_broken_answers(empty: Sandbox, client: httpx.Client) -> None:
    faults = empty.faults
    faults.add(Fault("html", times=1), Fault("wrong_type", times=1), Fault("truncate", times=1))
    assert client.get("/api/Markets").headers["content-type"].startswith("text/html")
    assert isinstance(client.get("/api/Markets").json()["result"], dict)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/Markets")
    faults.add(Fault("reset", times=1))
    with pytest.raises(httpx.ReadError) as broken:
        client.get("/api/Markets")
    assert "Connection reset by peer" in str(broken.value)
    faults.add(Fault("lost", times=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        client.get("/api/Markets")
    faults.add(Fault("hang", times=1, seconds=0.5))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/Markets", timeout=0.1)
    faults.add(Fault("drip", times=1, seconds=0.001))
    assert len(client.get("/api/Markets").json()) == 2
    faults.add(Fault("redirect", times=1, target="http://127.0.0.1:1/"))
    assert client.get("/api/Markets").headers["location"] == "http://127.0.0.1:1/"


def test_a_scroll_that_loops_and_one_that_is_forgotten(empty: Sandbox, client: httpx.Client) -> None:
    put_orders(empty, 50)
    empty.behaviour.scroll_ids = "keep"
    scroll_id = client.post("/api/Orders/Scroll", json={"disableFacets": True}).json()["scrollId"]
    empty.faults.add(Fault("repeat", path="Orders/Scroll/"))
    batches = [ids(client.get(f"/api/Orders/Scroll/{scroll_id}")) for _ in range(3)]
    assert batches[0] == batches[1] == batches[2]
    empty.faults.clear()
    empty.faults.add(Fault("expire", path="Scroll/", times=1))
    assert client.get(f"/api/Orders/Scroll/{scroll_id}").status_code == 404


def test_faults_of_every_kind_come_as_often_as_asked_for() -> None:
    faults = Faults.of_every_kind(0.5, seed=3)
    picked = [faults.pick("POST", "/api/Orders/Search") for _ in range(2_000)]
    share = sum(fault is not None for fault in picked) / len(picked)
    assert 0.35 < share < 0.5
    assert {fault.kind for fault in picked if fault} == set(EVERY_KIND)


def test_the_mutator_changes_rows_of_every_kind() -> None:
    with Sandbox(size="small") as sandbox:
        before = {name: list(sandbox.tenant.rows(name)) for name in ("orders", "suppliers", "event_log")}
        started = time.monotonic()
        with sandbox.mutate(rows_per_second=500) as mutator:
            while mutator.changed < 250:
                time.sleep(0.01)
        assert mutator.changed <= 500 * (time.monotonic() - started)
        events = list(sandbox.tenant.rows("event_log"))
        assert all(row in events for row in before["event_log"])
        assert len(events) > len(before["event_log"])
        assert list(sandbox.tenant.rows("orders")) != before["orders"]
        assert sandbox.tenant.count("supplier_versions") > 17


def test_readers_side_by_side_and_changes_do_not_disturb_each_other() -> None:
    with Sandbox(size="small", index_delay_seconds=0.1) as sandbox:
        found: list[int] = []

        def read() -> None:
            with client_of(sandbox) as client:
                for resource in SEARCHED:
                    body = {"take": 50} if resource.take == "page" else {}
                    method = "GET" if resource.by_get else "POST"
                    answer = client.request(method, f"/api/{resource.search}", json=body)
                    found.append(answer.status_code)

        sandbox.behaviour.scroll_starts_at_once = 8
        with sandbox.mutate(rows_per_second=300):
            threads = [threading.Thread(target=read) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sandbox.errors == []
        assert found == [200] * 8 * len(SEARCHED)
        time.sleep(0.15)
        with client_of(sandbox) as client:
            hits = client.post("/api/Suppliers/Search", json={}).json()["totalHits"]
        assert hits == sandbox.tenant.count("suppliers")


# Streaming


@pytest.mark.parametrize(("filled", "kilobytes"), [(False, 2.5), (True, 22)])
def test_generated_orders_are_streamed_by_number(filled: bool, kilobytes: float) -> None:
    made = Sandbox(size="empty", orders=1_000_000, filled=filled, today=date(2026, 11, 30))
    with made as sandbox, client_of(sandbox) as client:
        page = client.post("/api/Orders/Scroll", json={"take": 100, "disableFacets": True})
        assert page.json()["totalHits"] == 1_000_000
        assert len(page.json()["result"][0]["orderForm"]["lineItems"]) == (3 if filled else 2)
        assert 0.8 * kilobytes < len(page.content) / 100 / 1024 < 1.2 * kilobytes
        body = {
            "modifiedFrom": "2026-01-01T00:00:00Z",
            "modifiedTo": "2026-01-01T01:00:00Z",
            "disableFacets": True,
        }
        window = client.post("/api/Orders/Search", json={"take": 100, **body}).json()
        stamps = [row["modified"] for row in window["result"]]
        assert window["totalHits"] > 50
        with pytest.raises(TypeError, match="cannot be changed"):
            sandbox.tenant.put("orders", {"id": "x"})
        assert all("2026-01-01T00" <= stamp <= "2026-01-01T01:00:00Z" for stamp in stamps)


def test_serve_forever_listens_on_loopback_only(empty: Sandbox) -> None:
    assert empty.base_url.startswith("http://127.0.0.1:")
