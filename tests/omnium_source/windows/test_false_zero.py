"""A server that counts nothing where there are rows, as one does whose index is built anew: nothing of it is lost."""

import datetime as dt
from typing import Any

import pytest
from omnium_source.windows.window import iso

from tests.support.reading import ids, read
from tests.support.wire import Asked, Wire, search

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
