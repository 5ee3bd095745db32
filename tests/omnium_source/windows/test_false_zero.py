"""A server that says once that nothing is there, though something is, as where its index is being built."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from omnium_source import RESOURCES
from omnium_source.windows.window import iso

from tests.support.reading import day, ids, read
from tests.support.wire import Asked, Reply, Wire, search

Row = dict[str, Any]
NOTHING = {"result": [], "totalHits": 0, "scrollId": None}
ROWS: list[Row] = [
    {
        "id": f"r{n:03}",
        "customerId": f"r{n:03}",
        "sku": f"r{n:03}",
        "warehouseCode": "oslo",
        "orderId": f"r{n:03}",
        "returnOrderForm": {"returnId": "1", "modified": day(n)},
        "order": {"created": day(n)},
        "created": day(n),
        "modified": day(n),
        "updatedDate": day(n),
        "transactionDate": day(n),
        "timestamp": day(n),
        "date": day(n),
    }
    for n in range(3)
]
NAMES = (
    "orders",
    "returns",
    "order_line_analytics",
    "carts",
    "private_customers",
    "customer_club_members",
    "products",
    "product_categories",
    "prices",
    "price_lists",
    "promotions",
    "inventory",
    "inventory_transactions",
    "suppliers",
    "purchase_orders",
    "deliveries",
    "vouchers",
    "payment_transactions",
    "comments",
    "time_entries",
    "event_log",
)
BEFORE = {"cursor": "2025-12-31T12:00:00Z", "full_pass": "2025-12-31T12:00:00Z", "open": ["r000"]}
"""The state after a run that came before the rows."""


def lying(number: int, nothing: Any = NOTHING) -> Callable[[Asked], Any]:
    """A server that answers its request `number` as if nothing were there, the others with all rows that live."""
    asked_for = 0

    def answer(asked: Asked) -> Any:
        nonlocal asked_for
        asked_for += 1
        if asked_for == number:
            return nothing
        if asked.body.get("isDeleted"):
            return NOTHING
        if "take" in asked.body and "page" in asked.body:
            page = search(ROWS, {"take": asked.body["take"], "page": asked.body["page"]})
            return Reply(page.body["result"]) if isinstance(nothing, list) else page
        return {"result": ROWS, "totalHits": len(ROWS), "scrollId": None}

    return answer


def holding_nothing(name: str, keys: Any) -> dict[str, Any]:
    """A destination that rows could fall away for."""
    return {}


def test_changes_of_products_take_two_requests_and_what_deleted_ones_show_is_believed() -> None:
    """A first read and a sweep of them are protected as all others are."""
    with Wire(lambda asked: NOTHING) as wire:
        read(wire, "products", BEFORE, known=holding_nothing)
    assert [asked.body.get("isDeleted") for asked in wire.asked] == [True, None]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("state", [{}, BEFORE], ids=["first", "next"])
@pytest.mark.parametrize("name", NAMES)
def test_no_row_is_lost_to_an_answer_that_nothing_is_there(name: str, state: Row, number: int) -> None:
    """One such answer was believed: the cursor passed the rows, and no later run read them."""
    if name == "products" and state:
        state = {}
    with Wire(lying(number)) as wire:
        windows = read(wire, name, state)
    assert sum(window.rows for window in windows) >= len(ROWS)


def test_a_list_alone_that_is_empty_is_asked_for_again_too() -> None:
    with Wire(lying(1, [])) as wire:
        assert ids(read(wire, "comments")) == ["r000", "r001", "r002"]


def test_such_an_answer_is_told() -> None:
    notes: list[str] = []
    with Wire(lying(1)) as wire:
        assert ids(read(wire, "suppliers", notes=notes)) == ["r000", "r001", "r002"]
    assert notes == [
        "suppliers: the server said that nothing is there, and showed rows when it was asked again"
    ]


BY_CHANGE = (
    "orders",
    "private_customers",
    "suppliers",
    "inventory_transactions",
    "event_log",
    "carts",
    "inventory",
)


@pytest.mark.parametrize("name", BY_CHANGE)
def test_where_nothing_changed_the_newest_row_shows_that_the_server_is_right(name: str) -> None:
    """For no more requests: it would contradict what is known that nothing is there."""
    bounds = {"lastModified": "", "changedSince": "", "from": "to", "createdFrom": "createdTo"}
    lower = RESOURCES[name].lower
    path = RESOURCES[name].cursor

    def answer(asked: Asked) -> Any:
        times = (lower, bounds.get(lower, "modifiedTo"), path)
        return search(ROWS, asked.body, bounds=times, created=("", "", ""), base=RESOURCES[name].page_base)

    with Wire(answer) as wire:
        *_, last = read(wire, name, known=holding_nothing)
        assert last.state["newest"] == day(2)
        wire.asked.clear()
        (quiet,) = read(wire, name, last.state, known=holding_nothing)
    assert [asked.body[lower] for asked in wire.asked] == ["2026-01-01T00:00:59.000Z"]
    assert (quiet.rows, quiet.total_hits, quiet.state["newest"]) == (2, 2, last.state["newest"])


def test_a_row_that_shows_up_late_is_read_where_none_newer_was_known() -> None:
    """Half an hour late, ten times the settling lag."""
    rows = ROWS[:2]
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        *_, last = read(wire, "suppliers", known=holding_nothing)
        rows = ROWS
        windows = read(wire, "suppliers", last.state, known=holding_nothing)
    assert ids(windows) == ["r000", "r001", "r002"]


@pytest.mark.parametrize(("hours", "is_late"), [(1, True), (48, False)])
def test_a_row_that_changes_without_a_new_stamp_is_not_taken_for_a_late_one(
    hours: int, is_late: bool
) -> None:
    """It is the newest row that is known, and so it is read by every run."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
    rows = [{"id": "a", "modified": iso(moment)}]
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        *_, last = read(wire, "suppliers", known=holding_nothing)
        rows = [{**rows[0], "name": "New"}]
        (changed,) = read(
            wire, "suppliers", last.state, known=lambda name, keys: dict.fromkeys(keys, "other")
        )
        (appeared,) = read(wire, "suppliers", last.state, known=holding_nothing)
    assert (changed.written, changed.late_seconds) == (1, None)
    assert (appeared.late_seconds is not None) == is_late


def test_rows_that_are_many_or_of_the_future_are_not_read_by_every_run() -> None:
    many = [{"id": f"m{n:03}", "modified": day(5)} for n in range(101)]
    future = {"id": "f", "modified": "2999-01-01T00:00:00Z"}
    for rows, newest in (
        ([*ROWS, *many], None),
        ([*ROWS, *many[1:]], day(5)),
        ([*ROWS, future], day(2)),
        ([future], None),
        ([], None),
    ):
        with Wire(lambda asked, rows=rows: search(rows, asked.body)) as wire:
            *_, last = read(wire, "suppliers", known=holding_nothing)
        assert last.state.get("newest") == newest


def test_a_newest_row_that_was_deleted_costs_one_request_more() -> None:
    rows = ROWS
    with Wire(lambda asked: search(rows, asked.body)) as wire:
        *_, last = read(wire, "suppliers", known=holding_nothing)
        rows = ROWS[:1]
        wire.asked.clear()
        (quiet,) = read(wire, "suppliers", last.state, known=holding_nothing)
    assert (len(wire.asked), quiet.rows, quiet.state.get("newest")) == (2, 0, None)
