"""Resources without a filter for changes, behind servers that sort by them, or say so only."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from omnium_source.windows.window import iso

from tests.support.reading import ids, read
from tests.support.wire import Asked, Reply, Wire, search

Row = dict[str, Any]
NOW = dt.datetime.now(dt.UTC)
NAMES = ("invoices", "deliveries", "pick_lists", "vouchers", "price_lists", "price_list_items")
"""The rows of the last one carry a `modified` here that its description does not have."""


def ago(days: float) -> str:
    return iso(dt.datetime.now(dt.UTC) - dt.timedelta(days=days))


def rows_of(count: int, edited: bool = True) -> list[Row]:
    """One created every day; every fifth edited long after."""
    return [
        {
            "id": f"r{n:04}",
            "created": ago(count - n + 40),
            "modified": ago((count - n + 40) / 3 if edited and n % 5 == 0 else count - n + 40),
            "deliveryStatus": "Completed",
        }
        for n in range(count)
    ]


Sorting = Callable[[list[Row], str], list[Row]]


def honest(rows: list[Row], order: str) -> list[Row]:
    path = "modified" if order.startswith("Modified") else "created"
    return sorted(rows, key=lambda row: row.get(path) or "", reverse=not order.endswith("Ascending"))


def deaf(rows: list[Row], order: str) -> list[Row]:
    return honest(rows, "CreatedDescending")


def reversing(rows: list[Row], order: str) -> list[Row]:
    return honest(rows, order)[::-1]


def by_chance(rows: list[Row], order: str) -> list[Row]:
    return sorted(rows, key=lambda row: hash(row["id"] + "x"))


class Tenant:
    """One resource of a server, sorted one way or another."""

    def __init__(self, name: str, rows: list[Row], sorting: Sorting = honest) -> None:
        self.name, self.rows, self.sorting = name, rows, sorting
        self.state: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.notes: list[str] = []
        self.between: Callable[[Asked], None] = lambda asked: None

    def answer(self, asked: Asked) -> Any:
        if "PurchaseOrders" in asked.path:
            return {"result": [], "totalHits": 0}
        self.between(asked)
        if asked.path == "PriceListItems/ScrollSearch":
            return {"result": self.rows, "totalHits": len(self.rows), "scrollId": None}
        if asked.path.endswith("ScrollSearch"):
            return Reply("use the pages", 400)
        rows = self.sorting(self.rows, asked.body.get("sortOrder") or "CreatedDescending")
        if wanted := asked.body.get("selectedDeliveries"):
            rows = [row for row in rows if row["id"] in wanted]
        return search(rows, asked.body)

    def run(self, **reading: Any) -> list[str]:
        """The ids of a run's rows; its state is kept."""
        self.notes = []
        with Wire(self.answer) as wire:
            windows = read(
                wire, self.name, self.state, notes=self.notes, settling_lag_seconds=120.0, **reading
            )
            self.asked = list(wire.asked)
        self.state = windows[-1].state
        return ids(windows)

    def edit(self, number: int, when: str | None = None) -> str:
        self.rows[number] = {**self.rows[number], "modified": when or ago(0), "note": "edited"}
        return str(self.rows[number]["id"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("edits", [1, 70])
def test_a_server_with_smaller_pages_than_were_asked_for_sorts_as_well(name: str, edits: int) -> None:
    class Small(Tenant):
        def answer(self, asked: Asked) -> Any:
            if asked.body and "take" in asked.body:
                asked = replace(asked, body={**asked.body, "take": min(asked.body["take"], 50)})
            return super().answer(asked)

    tenant = Small(name, rows_of(450))
    assert len(set(tenant.run())) == 450
    edited = {tenant.edit(number) for number in range(3, 3 + edits)}
    assert edited <= set(tenant.run())
    assert tenant.state["newest_first"] == "honoured"
    assert len(tenant.asked) <= 3


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_of_an_old_row_is_there_after_the_next_run_for_two_requests(name: str) -> None:
    tenant = Tenant(name, rows_of(450))
    assert len(set(tenant.run())) == 450
    edited = tenant.edit(3)
    assert edited in tenant.run()
    assert tenant.state["newest_first"] == "honoured"
    assert len(tenant.asked) <= 2
    # And one that is new, and one of which nothing but its creation is told.
    tenant.rows.append({"id": "new", "created": ago(0), "modified": ago(0)})
    tenant.rows.append({"id": "unchanged", "created": ago(0)})
    assert {"new", "unchanged"} <= set(tenant.run())
    assert len(tenant.asked) <= 2
    tenant.run()
    assert len(tenant.asked) <= 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sorting", [deaf, reversing, by_chance])
def test_a_server_that_sorts_otherwise_is_read_by_the_old_rule(name: str, sorting: Sorting) -> None:
    tenant = Tenant(name, rows_of(450), sorting)
    tenant.run()
    edited = tenant.edit(449)
    found = tenant.run(trailing_days=60.0)
    assert edited in found
    assert len(found) >= 15
    assert tenant.state["newest_first"] == "ignored"
    # From then on it is not even asked, until all of it is read again.
    for _ in range(3):
        tenant.run()
        assert tenant.state["newest_first"] == "ignored"
        assert not any(asked.body.get("sortOrder") == "ModifiedDescending" for asked in tenant.asked)
    tenant.state["full_pass"] = ago(31)
    tenant.run()
    assert "newest_first" not in tenant.state


def test_an_order_that_chance_may_have_made_proves_nothing() -> None:
    """Never edited: the usual order, newest first, looks just like it. Then one is edited, and stays where it was."""
    tenant = Tenant("invoices", rows_of(450, edited=False), deaf)
    tenant.run()
    tenant.run()
    assert "newest_first" not in tenant.state
    edited = tenant.edit(445)
    assert edited in tenant.run(trailing_days=60.0)


@pytest.mark.parametrize("stamp", ["2026-01-01T00:00:00.000Z", None])
def test_stamps_that_are_all_alike_or_none_prove_nothing(stamp: str | None) -> None:
    rows = rows_of(450)
    for row in rows:
        row["modified"] = stamp
    tenant = Tenant("invoices", rows)
    tenant.run()
    tenant.run()
    assert tenant.state.get("newest_first") != "honoured"


def test_a_table_that_fits_on_one_page_is_read_whole_whatever_its_order() -> None:
    tenant = Tenant("deliveries", rows_of(12), deaf)
    tenant.run()
    edited = tenant.edit(0)
    assert edited in tenant.run()
    assert len(tenant.asked) == 1


def test_a_server_that_stops_sorting_is_noticed_and_all_is_read_again() -> None:
    tenant = Tenant("invoices", rows_of(450))
    tenant.run()
    tenant.run()
    assert tenant.state["newest_first"] == "honoured"
    edited, tenant.sorting = tenant.edit(3), deaf
    assert edited in tenant.run()
    assert tenant.notes == [
        "invoices: the order of its changes cannot be relied on any more, so everything is read again"
    ]


def test_more_changes_than_a_page_holds_are_read_down_to_the_cursor() -> None:
    tenant = Tenant("invoices", rows_of(450))
    tenant.run()
    tenant.run()
    edited = {tenant.edit(number) for number in range(0, 330)}
    assert edited <= set(tenant.run())


def test_rows_that_move_while_they_are_read_are_not_lost() -> None:
    """One is edited between two pages, so those behind it move down; another one is deleted, so they move up."""
    for move in ("down", "up"):
        tenant = Tenant("invoices", rows_of(450))
        tenant.run()
        tenant.run()
        edited = {tenant.edit(number) for number in range(0, 330)}
        has_moved: list[bool] = []

        def disturb(
            asked: Asked, tenant: Tenant = tenant, move: str = move, done: list[bool] = has_moved
        ) -> None:
            if asked.body.get("page") == 1 and not done:
                done.append(True)
                if move == "down":
                    tenant.edit(400)
                else:
                    tenant.rows.pop(0)

        tenant.between = disturb
        found = set(tenant.run())
        assert has_moved
        assert edited - found <= {"r0000"}


def test_ties_at_the_cursor_are_read() -> None:
    tenant = Tenant("invoices", rows_of(450))
    tenant.run()
    tenant.run()
    cursor = tenant.state["cursor"]
    edited = {tenant.edit(number, cursor) for number in range(0, 230)}
    assert edited <= set(tenant.run())


def test_everything_is_read_again_every_few_days() -> None:
    """A row without any stamp shows at the end of such an order."""
    tenant = Tenant("price_lists", rows_of(450))
    tenant.run()
    tenant.run()
    tenant.rows.append({"id": "stampless"})
    tenant.state["full_pass"] = ago(31)
    assert "stampless" in tenant.run()
    tenant.run()
    assert tenant.state["newest_first"] == "honoured"


def test_price_list_items_without_a_stamp_of_change_are_read_whole() -> None:
    rows = [{"id": f"i{n:03}", "created": ago(n)} for n in range(250)]
    answers: list[str] = []

    def answer(asked: Asked) -> Any:
        answers.append(asked.path)
        if asked.path == "PriceListItems/Search":
            return search(honest(rows, asked.body["sortOrder"]), asked.body)
        return {"result": rows, "totalHits": 250, "scrollId": None}

    with Wire(answer) as wire:
        state = read(wire, "price_list_items")[-1].state
        for _ in range(4):
            answers.clear()
            windows = read(wire, "price_list_items", state)
            state = windows[-1].state
            assert len(ids(windows)) == 250
    assert answers == ["PriceListItems/ScrollSearch"]
