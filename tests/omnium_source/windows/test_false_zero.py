"""A server that counts nothing where there are rows, as one does whose index is built anew: nothing of it is lost."""

import datetime as dt
from typing import Any

import pytest
from omnium_source.windows.gathered import Verified
from omnium_source.windows.window import Window, iso, moment_of

from tests.support.reading import day, ids, read
from tests.support.wire import Asked, Wire, scrolling, search

CURSORS = {
    "stores": ("modified", "modifiedFrom", "modifiedTo"),
    "inventory_transactions": ("transactionDate", "from", "to"),
    "carts": ("modified", "changedSince", ""),
    "gift_cards": ("created", "createdFrom", "createdTo"),
    "invoices": ("created", "createdFrom", "createdTo"),
}


def ago(**span: float) -> str:
    return iso(dt.datetime.now(dt.UTC) - dt.timedelta(**span))


def state(cursor: str) -> dict[str, Any]:
    return {"cursor": cursor, "full_pass": cursor, "clock_offset": 0.0}


class Tenant:
    """Its rows, and whether its index shows none of them."""

    def __init__(self, name: str, *stamps: str) -> None:
        self.path, self.lower, self.upper = CURSORS[name]
        self.rows = [
            {"id": f"row {number}", "created": at, "modified": at, self.path: at}
            for number, at in enumerate(stamps)
        ]
        self.is_built_anew = False

    def __call__(self, asked: Asked) -> Any:
        if self.is_built_anew:
            return {"result": [], "totalHits": 0}
        return search(self.rows, asked.body, bounds=(self.lower, self.upper, self.path))


@pytest.mark.parametrize("name", CURSORS)
def test_what_was_not_shown_comes_with_the_next_read(name: str) -> None:
    tenant = Tenant(name, ago(days=40), ago(hours=5))
    with Wire(tenant) as wire:
        tenant.is_built_anew = True
        first = read(wire, name, state(ago(days=1)))
        asked = len(wire.asked)
        tenant.is_built_anew = False
        second = read(wire, name, first[-1].state)
        third = read(wire, name, second[-1].state)
    assert ids(first) == []
    assert "row 1" in ids(second)
    assert asked <= 2
    # A row was seen: what is older is read.
    assert third[-1].state["cursor"] >= ago(minutes=1)


def test_quiet_days_cost_no_request_and_change_no_state() -> None:
    tenant = Tenant("stores", ago(days=40))
    with Wire(tenant) as wire:
        kept = state(ago(days=9))
        for _ in range(3):
            kept_before = kept
            (window,) = read(wire, "stores", kept)
            kept = window.state
            assert {**kept, "clock_offset": 0.0} == kept_before
            assert window.window.end is not None
    assert len(wire.asked) == 3


@pytest.mark.parametrize("name", CURSORS)
def test_a_first_read_that_sees_nothing_is_none(name: str) -> None:
    tenant = Tenant(name, ago(days=400), ago(days=40), ago(hours=5))
    with Wire(tenant) as wire:
        tenant.is_built_anew = True
        (first,) = read(wire, name, {})
        (second,) = read(wire, name, first.state)
        asked = len(wire.asked)
        tenant.is_built_anew = False
        third = read(wire, name, second.state)
    assert ids([first, second]) == []
    assert first.state == second.state == {"clock_offset": first.state["clock_offset"], "is_empty": True}
    assert ids(third) == ["row 0", "row 1", "row 2"]
    assert third[-1].state["cursor"] >= ago(minutes=1)
    assert "is_empty" not in third[-1].state
    assert asked <= 4


def test_deliveries_that_were_open_stay_open() -> None:
    tenant = Tenant("invoices")
    with Wire(tenant) as wire:
        tenant.is_built_anew = True
        (*_, last) = read(wire, "deliveries", {**state(ago(hours=5)), "open": ["a", "b"]})
    assert last.state["open"] == ["a", "b"]


@pytest.mark.parametrize("first", [2, 3, 4, 7, 12, 15])
@pytest.mark.parametrize("requests", [1, 2, 9])
def test_parts_of_a_large_window_that_show_nothing_for_a_while_are_read(first: int, requests: int) -> None:
    rows = [{"id": f"{n:06}", "modified": day(n)} for n in range(3_000)]
    shown = scrolling(rows)
    asked_for = 0

    def answer(asked: Asked) -> Any:
        nonlocal asked_for
        asked_for += asked.method == "POST"
        if asked.method == "POST" and first <= asked_for < first + requests:
            return {"result": [], "totalHits": 0}
        return shown(asked)

    found: list[Verified] = []
    with Wire(answer) as wire:
        for _ in range(1 + requests):
            found += read(
                wire,
                "orders",
                found[-1].state if found else {},
                window_rows=500,
                windows_at_once=1,
                told=[],
            )
    assert sorted(set(ids(found))) == [row["id"] for row in rows]


def share_of(lower: str, upper: str) -> dict[str, Window]:
    return {"stores": Window(moment_of(lower), moment_of(upper), end=moment_of(upper))}


def test_a_share_of_a_first_read_may_hold_nothing() -> None:
    """Also where it goes on: its cursor is what says that it is complete."""
    tenant, end = Tenant("stores", ago(days=400), ago(days=40)), ago(days=60)
    with Wire(tenant) as wire:
        for kept in ({}, {"cursor": ago(days=90), "clock_offset": 0.0, "is_first_read": True}):
            (window,) = read(wire, "stores", kept, shares=share_of(ago(days=100), end))
            assert moment_of(window.state["cursor"]) == moment_of(end)
            assert "is_first_read" not in window.state


def test_a_share_is_not_believed_to_hold_nothing_where_the_server_counts_nothing_at_all() -> None:
    tenant = Tenant("stores", ago(days=400), ago(days=40))
    tenant.is_built_anew = True
    told: list[str] = []
    with Wire(tenant) as wire:
        assert read(wire, "stores", told=told, shares=share_of(ago(days=50), ago(days=30))) == []
    (text,) = told
    assert "the server counts no row any more, where it counted some: is its index being built anew?" in text
    assert "run it again once it shows rows" in text


def test_a_share_that_shows_a_row_after_all_is_to_be_read_again() -> None:
    tenant = Tenant("stores", ago(days=400), ago(days=40))
    told: list[str] = []

    def answer(asked: Asked) -> Any:
        tenant.is_built_anew = len(wire.asked) == 1
        return tenant(asked)

    with Wire(answer) as wire:
        assert read(wire, "stores", told=told, shares=share_of(ago(days=50), ago(days=30))) == []
    assert told == ["stores: a share showed no row, and holds some: read the part again"]
