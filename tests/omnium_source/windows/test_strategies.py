"""Windows: what is asked, when a window is complete, and what happens when it is not."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from omnium_source.errors import BadRequest, Forbidden, Incomplete
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import Resource

from tests.support.reading import day, ids, read
from tests.support.wire import Asked, Reply, Wire, scrolling, search

OPEN = PersonalData("include", b"")


def supplier(number: int, modified: str = "2026-01-01T00:00:00.000Z", **more: Any) -> dict[str, Any]:
    return {"id": f"s{number:05}", "name": f"Supplier {number}", "modified": modified, **more}


def bodies(wire: Wire, path: str) -> list[Any]:
    return [asked.body for asked in wire.asked if asked.path == path]


def test_the_first_read_asks_for_everything_and_the_next_for_what_is_newer_than_its_cursor():
    rows = [supplier(1), supplier(2)]
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        first = read(wire, "suppliers")
        second = read(wire, "suppliers", first[-1].state)
    assert ids(first) == ["s00001", "s00002"]
    asked = bodies(wire, "Suppliers/Search")
    assert asked[0] == {"take": 100, "page": 0}
    cursor = dt.datetime.fromisoformat(first[-1].state["cursor"])
    since = dt.datetime.fromisoformat(asked[1]["modifiedFrom"])
    assert cursor - dt.timedelta(seconds=121) < since <= cursor - dt.timedelta(seconds=120)
    assert dt.datetime.fromisoformat(asked[1]["modifiedTo"]) >= cursor
    assert ids(second) == []
    assert len(asked) == 2


def test_orders_disable_facets_and_products_and_inventory_leave_out_what_no_table_keeps():
    def answer(asked: Asked) -> Any:
        return {"result": [], "totalHits": 0}

    with Wire(answer) as wire:
        for name in ("orders", "products", "inventory"):
            read(wire, name)
    (orders,) = bodies(wire, "Orders/Search")
    (products,) = bodies(wire, "Products/Scroll")
    (inventory,) = bodies(wire, "Inventory/Search")
    assert orders["disableFacets"] is True
    assert products["isFacetsDisabled"] is True
    assert products["excludedFields"] == {
        "isAssetsExcluded": True,
        "isInventoryExcluded": True,
        "isPricesExcluded": True,
    }
    assert inventory == {"isBatchesExcluded": True}


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_an_unclear_page_base_is_found_out(base: int, count: int):
    rows = [supplier(number) for number in range(count)]
    with Wire(lambda asked: search(rows, asked.body, base=base)) as wire:
        windows = read(wire, "suppliers")
    assert ids(windows) == [row["id"] for row in rows]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("name", ["stores", "promotions"])
@pytest.mark.parametrize("count", [7, 100, 250])
def test_a_tenant_that_counts_pages_otherwise_than_declared_loses_nothing(name: str, base: int, count: int):
    rows = [
        {"id": f"{number:05}", "modified": day(number), "updatedDate": day(number)} for number in range(count)
    ]
    with Wire(lambda asked: search(rows, asked.body, base=base)) as wire:
        windows = read(wire, name)
    assert ids(windows) == [row["id"] for row in rows]


def test_the_requests_are_as_few_as_the_pages():
    rows = [supplier(number) for number in range(999)]
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        read(wire, "suppliers")
    assert len(wire.asked) == 10


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> int:
    """A server that shows 1,000 rows of a search instead of 10,000: the same, with fewer rows."""
    for module in (
        "http.paginators",
        "windows.server_facts",
        "windows.splitter",
        "windows.reader",
        "windows.scheduler",
    ):
        monkeypatch.setattr(f"omnium_source.{module}.REACH", 1_000)
    return 1_000


@pytest.mark.parametrize("order", ["created", "-created", "modified", "-modified", "id"])
def test_a_window_that_shows_too_few_rows_is_read_in_parts(order: str, reach: int):
    rows = [supplier(n, modified=day(7 * n % 2_503), created=day(n)) for n in range(2_500)]
    rows.sort(key=lambda row: row[order.strip("-")], reverse=order.startswith("-"))
    with Wire(lambda asked: search(rows, asked.body, reach=reach)) as wire:
        windows = read(wire, "suppliers")
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert windows[-1].state["cursor"]
    assert len(wire.asked) < 60


def test_rows_that_share_a_stamp_are_split_by_creation(reach: int):
    rows = [supplier(n, modified=day(0), created=day(n)) for n in range(2_500)]
    rows += [supplier(n, modified=day(n), created=day(n)) for n in range(2_500, 3_000)]
    rows.sort(key=lambda row: row["created"], reverse=True)
    with Wire(lambda asked: search(rows, asked.body, reach=reach)) as wire:
        windows = read(wire, "suppliers")
    assert set(ids(windows)) == {row["id"] for row in rows}
    # Only the last window of those cut by creation says that everything before its stamp is read.
    assert [window.state.get("cursor") for window in windows[:-1]] == [None, None, day(0)]
    assert len(wire.asked) < 60


def test_rows_without_a_day_of_creation_are_not_lost_where_only_that_could_split(reach: int):
    rows = [supplier(n, modified=day(0), created=day(n)) for n in range(2_500)]
    for row in rows[700:703]:
        del row["created"]
    with (
        Wire(lambda asked: search(rows, asked.body, reach=reach)) as wire,
        pytest.raises(Incomplete, match="2,500 rows stand in one window that no filter"),
    ):
        read(wire, "suppliers")


def whole(text: str, seconds: int = 0) -> str:
    moment = dt.datetime.fromisoformat(text).replace(microsecond=0) + dt.timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_server_that_compares_whole_seconds_and_leaves_the_bounds_out_hides_nothing(reach: int):
    """Windows that overlapped by a millisecond lost all rows of the second that they were cut at."""
    rows = [
        supplier(n, modified=whole(day(0), n // 40), created=whole(day(0), n // 40)) for n in range(2_500)
    ]
    # Joined seconds after the lower bound, and before the upper one.
    shifts = {"modifiedFrom": 1, "createdFrom": 1, "modifiedTo": -1, "createdTo": -1}

    def exclusive(asked: Asked) -> Reply:
        bounds = {
            name: whole(asked.body[name], shift) for name, shift in shifts.items() if name in asked.body
        }
        return search(rows, {**asked.body, **bounds}, reach=reach)

    with Wire(exclusive) as wire:
        windows = read(wire, "suppliers")
    assert set(ids(windows)) == {row["id"] for row in rows}


def test_what_no_filter_can_split_is_said(reach: int):
    rows = [supplier(n, modified=day(0), created=day(0)) for n in range(1_050)]
    with (
        Wire(lambda asked: search(rows, asked.body, reach=reach)) as wire,
        pytest.raises(Incomplete) as raised,
    ):
        read(wire, "suppliers")
    assert "suppliers: 1,050 rows stand in one window that no filter of the endpoint can make" in str(
        raised.value
    )


def test_rows_without_a_stamp_are_read_too():
    rows = [supplier(1), {"id": "s00002", "name": "never saved"}]
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        assert ids(read(wire, "suppliers")) == ["s00001", "s00002"]


def test_a_row_that_leaves_while_another_comes_in_hides_nothing():
    """The counts agree and yet a row went missing: what changed since the window's end gives it away."""
    rows = [supplier(n, modified=day(n)) for n in range(250)]
    late = supplier(999, modified=day(248))
    moved, turns = now(), 0

    def answer(asked: Asked) -> Any:
        nonlocal turns
        turns += 1
        if turns == 2:
            rows[10] = {**rows.pop(10), "modified": moved}
            rows.insert(248, late)
            rows.sort(key=lambda row: row["modified"])
        return search(rows, asked.body)

    state = {"cursor": "2025-01-01T00:00:00.000Z", "page_base": 0}
    with Wire(answer) as wire:
        windows = read(wire, "suppliers", state)
    present = {row["id"] for row in rows if row["modified"] != moved}
    assert set(ids(windows)) >= present


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exchanging(rows: list[dict[str, Any]], fresh: Callable[[], dict[str, Any]]) -> Callable[[Asked], Any]:
    """A search that loses a row of its first page, and gets one with the fields of `fresh`, behind its first answer."""
    turns = 0

    def answer(asked: Asked) -> Any:
        nonlocal turns
        turns += 1
        if turns == 2:
            del rows[50]
            rows.append({"id": "99999", **fresh()})
        return search(rows, asked.body)

    return answer


MADE_NOW: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "a change": ("suppliers", lambda: {"modified": now()}),
    "creation alone": ("suppliers", lambda: {"modified": day(9), "created": now()}),
    "no stamp": ("suppliers", dict),
    "no stamp at all": ("product_alerts", dict),
}


@pytest.mark.parametrize(("name", "fresh"), MADE_NOW.values(), ids=MADE_NOW)
def test_a_row_that_is_deleted_while_another_is_made_hides_nothing_of_a_first_read(
    name: str, fresh: Callable[[], dict[str, Any]]
):
    """The row behind the first page moves onto it; the new one, at the end, makes up for the count."""
    stamps = {} if name == "product_alerts" else {"modified": day(0)}
    rows = [{"id": f"{n:05}", **stamps} for n in range(250)]
    with Wire(exchanging(rows, fresh)) as wire:
        windows = read(wire, name)
        assert set(ids(windows)) >= {row["id"] for row in rows}


def test_a_row_that_is_deleted_while_another_is_made_hides_nothing_of_what_changed():
    rows = [{"id": f"{n:05}", "modified": now()} for n in range(250)]
    with Wire(exchanging(rows, lambda: {"modified": now()})) as wire:
        windows = read(wire, "suppliers", {"cursor": "2026-01-01T00:00:00.000Z", "page_base": 0})
    assert set(ids(windows)) >= {row["id"] for row in rows}


def test_a_count_that_never_agrees_is_said_and_moves_no_cursor():
    with (
        Wire(lambda asked: {"result": [supplier(1)], "totalHits": 3}) as wire,
        pytest.raises(Incomplete, match=r"suppliers .*1 distinct rows came, the server counts 3"),
    ):
        read(wire, "suppliers")
    assert len(wire.asked) < 60


def test_an_inventory_is_read_over_its_own_scroll():
    rows = [{"sku": f"{n:06}", "warehouseCode": "w", "modified": day(0)} for n in range(5_000)]
    with Wire(scrolling(rows, batch=1_000)) as wire:
        windows = read(wire, "inventory")
    assert sum(window.distinct_keys for window in windows) == 5_000
    assert len(wire.asked) == 6


def test_an_inventory_whose_rest_cannot_be_requested_is_told():
    rows = [{"sku": f"{n:06}", "warehouseCode": "w", "modified": day(0)} for n in range(100)]
    with (
        Wire(lambda asked: {"result": rows, "totalHits": 150, "scrollId": None}) as wire,
        pytest.raises(
            Incomplete, match="inventory: the server shows 100 of 150 rows, and neither a scroll nor a"
        ),
    ):
        read(wire, "inventory")


def test_a_scroll_that_expires_half_way_is_read_again_and_ends_complete():
    rows = [{"id": f"{n:06}", "modified": day(0)} for n in range(2_000)]
    with Wire(scrolling(rows, expires_after=7)) as wire:
        windows = read(wire, "products")
    assert len(set(ids(windows))) == 2_000


@pytest.mark.parametrize("status", [400, 410])
def test_a_scroll_that_expires_with_another_status_is_read_again(status: int):
    """The API's description says 404."""
    rows = [{"id": f"{n:06}", "modified": day(0)} for n in range(2_000)]
    shown = scrolling(rows, expires_after=7)

    def answer(asked: Asked) -> Any:
        found = shown(asked)
        return Reply("Scroll expired", status) if isinstance(found, Reply) and found.status == 404 else found

    with Wire(answer) as wire:
        windows = read(wire, "products")
    assert ids(windows) == [row["id"] for row in rows]


def test_a_scroll_that_repeats_itself_ends():
    rows = [{"id": f"{n:06}", "modified": day(0)} for n in range(100)]

    def answer(asked: Asked) -> Any:
        return {"result": rows, "totalHits": 300, "scrollId": "again"}

    with Wire(answer) as wire, pytest.raises(Incomplete, match="repeats itself"):
        read(wire, "products")
    assert len(wire.asked) < 50


def test_a_large_resource_is_scrolled_and_a_small_one_paged():
    rows = [{"id": f"{n:06}", "modified": day(0)} for n in range(1_500)]
    with Wire(scrolling(rows)) as wire:
        read(wire, "orders")
    assert [asked.path for asked in wire.asked][:3] == [
        "Orders/Search",
        "Orders/Scroll",
        "Orders/Scroll/scroll-0",
    ]
    with Wire(scrolling(rows[:899])) as wire:
        read(wire, "orders")
    assert {asked.path for asked in wire.asked} == {"Orders/Search"}


def test_a_list_that_is_asked_for_by_get_comes_whole():
    """As `GET /api/Markets`, which no resource reads yet: no body, no pages, no count."""
    markets = Resource("markets", "OmniumStore", search="Markets", by_get=True, is_bare_list=True)
    rows = [{"id": f"{n:06}"} for n in range(200)]
    with Wire(
        lambda asked: rows if (asked.method, asked.path) == ("GET", "Markets") else Reply(status=404)
    ) as wire:
        windows = read(wire, markets)
    assert ids(windows) == [row["id"] for row in rows]
    assert {asked.body for asked in wire.asked if asked.path == "Markets"} == {None}
    assert len([asked for asked in wire.asked if asked.path == "Markets"]) <= 2


def test_a_backfill_comes_in_windows_that_each_move_the_cursor():
    rows = [{"id": f"{n:06}", "modified": day(n)} for n in range(5_000)]

    with Wire(scrolling(rows)) as wire:
        windows = read(wire, "orders", window_rows=1_000)
    cursors = [window.state["cursor"] for window in windows]
    assert cursors == sorted(cursors)
    assert len(windows) >= 5
    assert set(ids(windows)) == {row["id"] for row in rows}


def test_a_first_read_cut_short_goes_on_without_an_upper_bound():
    rows = [{"id": f"{n:06}", "modified": day(n)} for n in range(3_000)]
    rows.append({"id": "future", "modified": "2099-01-01T00:00:00.000Z"})
    with Wire(scrolling(rows)) as wire:
        begun = read(wire, "orders", window_rows=1_000)
        assert begun[0].state["is_first_read"] is True
        assert "is_first_read" not in begun[-1].state
        wire.asked.clear()
        rest = read(wire, "orders", begun[0].state, window_rows=1_000)
    assert "modifiedTo" not in wire.asked[0].body
    assert "future" in ids(rest)
    assert {*ids(begun[:1]), *ids(rest)} == {row["id"] for row in rows}


def versions_of(chains: dict[str, list[str]], *, wrapped: bool) -> Any:
    """Suppliers with their chains of versions, the newest last."""

    def answer(asked: Asked) -> Any:
        if asked.method == "POST":
            rows = [
                supplier(0)
                | {"id": name, "versionId": chain[-1], "previousVersionId": (chain[-2:-1] or [None])[0]}
                for name, chain in chains.items()
            ]
            return search(rows, {key: value for key, value in asked.body.items() if "odified" not in key})
        _, name, version = asked.path.split("/")
        place = chains[name].index(version)
        value = {
            "id": name,
            "versionId": version,
            "previousVersionId": chains[name][place - 1] if place else None,
        }
        row = {"id": name, "versionId": version, "created": day(place), "value": value}
        return row if wrapped else value

    return answer


@pytest.mark.parametrize("wrapped", [True, False])
def test_every_version_of_a_supplier_is_read_once(wrapped: bool):
    chains = {"a": ["1", "2", "3"], "b": ["7"]}
    with Wire(versions_of(chains, wrapped=wrapped)) as wire:
        first = read(wire, "supplier_versions")
        chains["a"] += ["4", "5"]
        wire.asked.clear()
        second = read(wire, "supplier_versions", first[-1].state)
    assert sorted(first[0].keys) != []
    assert first[0].distinct_keys == 4
    assert second[0].distinct_keys == 2
    assert [asked.path for asked in wire.asked] == ["Suppliers/Search", "Suppliers/a/5", "Suppliers/a/4"]


@pytest.mark.parametrize("reply", [Reply(None, 500), Reply(None, 403), Reply("no", 400), Reply(raw=b"null")])
def test_a_version_that_cannot_be_read_costs_its_supplier_alone(reply: Reply):
    chains = {"a": ["1", "2"], "b": ["6", "7", "8"], "c": ["5"]}
    sound, broken, told = versions_of(chains, wrapped=True), {"Suppliers/b/7"}, list[str]()
    with Wire(lambda asked: reply if asked.path in broken else sound(asked)) as wire:
        (window,) = read(wire, "supplier_versions", told=told, budget=1.0)
        assert window.distinct_keys == 4
        assert told[0].startswith(
            "supplier_versions: the versions of 1 of 3 suppliers could not be read, such as b ("
        )
        assert "cursor" not in window.state
        broken.clear()
        wire.asked.clear()
        (window,) = read(wire, "supplier_versions", window.state, told=told)
    assert len(told) == 1
    assert [asked.path for asked in wire.asked] == [
        "Suppliers/Search",
        "Suppliers/b/8",
        "Suppliers/b/7",
        "Suppliers/b/6",
    ]
    assert "cursor" in window.state


def test_versions_that_nobody_may_see_are_forbidden():
    sound = versions_of({"a": ["1"], "b": ["2"]}, wrapped=True)
    with (
        Wire(lambda asked: sound(asked) if asked.method == "POST" else Reply(None, 403)) as wire,
        pytest.raises(Forbidden),
    ):
        read(wire, "supplier_versions")


@pytest.mark.parametrize(
    "version",
    [
        '\ufeff{"id": "a", "versionId": "1", "value": {"minimumOrderAmount": 123456789012.123456789}}',
        '{"id": "a", "versionId": "1", "value": {"id": "a", "minimumOrderAmount": 123456789012.123456789}}',
        '{"value": {"minimumOrderAmount": 123456789012.123456789}}',
        '{"id": "a", "versionId": "1", "minimumOrderAmount": 123456789012.123456789}',
    ],
)
def test_amounts_of_a_version_keep_all_their_digits(version: str):
    listed = {"result": [{"id": "a", "versionId": "1", "modified": day(0)}], "totalHits": 1}
    with Wire(lambda asked: listed if asked.method == "POST" else Reply(raw=version.encode())) as wire:
        (window,) = read(wire, "supplier_versions")
    (part,) = [part for part in window.tables.finish().parts if part.name == "supplier_versions"]
    assert [
        (row["id"], row["version_id"], row["value__minimum_order_amount"])
        for table in part.tables()
        for row in table.to_pylist()
    ] == [("a", "1", Decimal("123456789012.123456789"))]


def test_an_endpoint_without_pages_that_shows_less_than_it_counts_is_asked_for_less():
    rows = [{"id": f"p{number:03}", "created": day(number)} for number in range(95)]

    def answer(asked: Asked) -> Any:
        found = search(rows, {**asked.body, "take": 100}).body
        return {**found, "result": found["result"][:50]}

    with Wire(answer) as wire:
        assert ids(read(wire, "payment_transactions")) == [row["id"] for row in rows]


def deliveries_and_orders(deliveries: list[dict[str, Any]], orders: list[dict[str, Any]]) -> Any:
    """A server with these deliveries, which it finds by id too, and these purchase orders."""

    def answer(asked: Asked) -> Any:
        if asked.path == "PurchaseOrders/Search":
            return search(orders, asked.body)
        wanted = asked.body.get("selectedDeliveries")
        return search([row for row in deliveries if wanted is None or row["id"] in wanted], asked.body)

    return answer


def test_deliveries_that_can_still_change_are_asked_for_again():
    now = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    rows = [
        {"id": "open", "deliveryStatus": "InProgress", "created": day(0)},
        {"id": "done", "deliveryStatus": "Completed", "created": day(0)},
        {"id": "named", "deliveryStatus": "Completed", "created": day(0)},
    ]
    orders = [{"id": "p1", "modified": now, "purchaseOrderForm": {"lineItems": [{"deliveryId": "named"}]}}]

    with Wire(deliveries_and_orders(rows, orders)) as wire:
        first = read(wire, "deliveries")
        assert first[-1].state["open"] == ["open"]
        wire.asked.clear()
        # Of a server that sorts by changes nothing else would be asked.
        second = read(wire, "deliveries", first[-1].state | {"newest_first": "ignored"})
    assert ids(second) == ["named", "open"]
    assert [asked.body.get("selectedDeliveries") for asked in wire.asked if "Deliv" in asked.path] == [
        None,
        ["named", "open"],
    ]


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("none", []),
        (["none"], []),
        ({"lineItems": "none"}, []),
        ({"lineItems": {"deliveryId": "named"}}, ["named"]),
        ({"lineItems": [None, "none", ["none"], {"deliveryId": 17}, {"deliveryId": {"id": "none"}}]}, ["17"]),
    ],
)
def test_a_purchase_order_of_another_shape_does_not_stop_the_deliveries(form: Any, named: list[str]):
    now = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    states = {
        "17": "Completed",
        "also": "Completed",
        "named": "Completed",
        "none": "Completed",
        "open": ["New"],
    }
    rows = [{"id": id, "deliveryStatus": status, "created": day(0)} for id, status in states.items()]
    orders = [
        {"id": "p1", "modified": now, "purchaseOrderForm": form},
        {"id": "p2", "modified": now, "purchaseOrderForm": {"lineItems": [{"deliveryId": "also"}]}},
    ]

    with Wire(deliveries_and_orders(rows, orders)) as wire:
        first = read(wire, "deliveries")
        second = read(wire, "deliveries", first[-1].state | {"newest_first": "ignored"})
    assert ids(second) == sorted(["also", "open", *named])


def test_a_trailing_period_is_read_again_and_everything_every_few_days():
    rows = [{"id": "a", "created": day(0)}]
    with Wire(lambda asked: search(rows, asked.body, bounds=("createdFrom", "createdTo", "created"))) as wire:
        first = read(wire, "customer_groups")
        second = read(wire, "customer_groups", first[-1].state)
        # a nightly run begins a little before or after the hour, and clocks are set forward
        ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=30, minutes=-69)
        old = {**second[-1].state, "full_pass": ago.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        read(wire, "customer_groups", old)
    asked = bodies(wire, "CustomerGroups/CustomerGroups/Search")
    assert "createdFrom" not in asked[0]
    since = dt.datetime.fromisoformat(asked[1]["createdFrom"])
    assert abs(dt.datetime.now(dt.UTC) - since - dt.timedelta(days=30)) < dt.timedelta(minutes=1)
    assert "createdFrom" not in asked[2]


@pytest.mark.parametrize("most", [100, 50, 37, 25, 1])
def test_bare_lists_are_read_to_their_end_however_small_the_servers_pages(most: int) -> None:
    rows = [{"id": f"{n:04}", "text": "x"} for n in range(230)]

    def answer(asked: Asked) -> Any:
        return search(rows, {**asked.body, "take": min(asked.body["take"], most)}).body["result"]

    for name in ("comments", "project_logs"):
        with Wire(answer) as wire:
            assert ids(read(wire, name)) == [row["id"] for row in rows]


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("name", ["suppliers", "stores", "orders", "invoices", "deliveries"])
def test_a_server_may_refuse_the_page_after_the_last(name: str, status: int) -> None:
    """With 200 rows the last page is full, so that the one after it is requested."""
    rows = [{"id": f"{n:04}", "modified": day(n), "created": day(n)} for n in range(200)]

    def answer(asked: Asked) -> Any:
        found = search(rows, asked.body)
        return (
            Reply("page out of range", status) if found.status == 200 and not found.body["result"] else found
        )

    with Wire(answer) as wire:
        assert ids(read(wire, name)) == [row["id"] for row in rows]


@pytest.mark.parametrize(("count", "status"), [(230, 400), (60, 400), (230, 404), (200, 404), (60, 404)])
def test_a_server_may_refuse_the_page_after_the_last_of_a_bare_list(count: int, status: int) -> None:
    rows = [{"id": f"{n:04}", "text": "x"} for n in range(count)]

    def answer(asked: Asked) -> Any:
        return search(rows, asked.body).body["result"] or Reply("page out of range", status)

    for name in ("comments", "project_logs"):
        with Wire(answer) as wire:
            assert ids(read(wire, name)) == [row["id"] for row in rows]


def test_pages_of_a_bare_list_that_a_server_refuses_may_hold_rows() -> None:
    """400 is also what a server says of pages that lie beyond what it can show."""
    rows = [{"id": f"{n:04}", "text": "x"} for n in range(400)]

    def answer(asked: Asked) -> Any:
        return Reply("not so far", 400) if asked.body["page"] > 1 else search(rows, asked.body).body["result"]

    with Wire(answer) as wire, pytest.raises(BadRequest, match="not so far"):
        read(wire, "comments")


def test_a_size_that_the_server_refuses_is_left_to_it():
    rows = [{"productId": f"{n:04}", "modified": day(0)} for n in range(30)]

    def answer(asked: Asked) -> Any:
        if asked.body.get("scrollSize", 0) > 20:
            return Reply("scrollSize must not exceed 20", 400)
        return {"result": rows, "totalHits": 30, "scrollId": None}

    with Wire(answer) as wire:
        (window,) = read(wire, "prices")
    assert window.distinct_keys == 30
    assert [asked.body for asked in wire.asked] == [{"scrollSize": 1000}, {}]
