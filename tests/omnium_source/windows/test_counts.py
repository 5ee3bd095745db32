"""Counts that are no proof: capped at a limit of the index, given in odd forms, or not given at all."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from omnium_source.errors import Incomplete, OmniumError, Refused
from omnium_source.http.paginators import count_in
from omnium_source.windows.window import iso

from tests.support.reading import ids, read
from tests.support.wire import Asked, Reply, Wire, search

Rows = list[dict[str, Any]]
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def rows_of(count: int, *, minutes: float = 7.0, **more: Any) -> Rows:
    """Rows created and changed one after the other."""
    return [
        {
            "id": f"r{n:05}",
            "created": iso(BEGAN + dt.timedelta(minutes=minutes * n)),
            "modified": iso(BEGAN + dt.timedelta(minutes=minutes * n)),
            **more,
        }
        for n in range(count)
    ]


class Capped:
    """A server whose counts stop at `limit`, as an index's do at 10,000; `says` is how it writes them.

    `hides`: pages and scrolls end at the limit too.
    """

    def __init__(
        self,
        rows: Rows,
        limit: int,
        *,
        says: Callable[[int], Any] = int,
        hides: bool = False,
        batch: int = 100,
    ) -> None:
        self.rows, self.limit, self.says, self.hides, self.batch = rows, limit, says, hides, batch
        self.scrolls: list[Rows] = []

    def __call__(self, asked: Asked) -> Any:
        if asked.method == "GET":
            left = self.scrolls[int(asked.path.rpartition("/")[2])]
            some, left[:] = left[: self.batch], left[self.batch :]
            return self.envelope(some, len(self.rows), asked.path.rpartition("/")[2])
        if "/Search" in asked.path and "take" in asked.body and "scrollSize" not in asked.body:
            answer = search(self.found(asked.body), {**asked.body, **NO_BOUNDS})
            if answer.status != 200:
                return answer
            return self.envelope(answer.body["result"], answer.body["totalHits"], None)
        found = self.found(asked.body)
        self.scrolls.append(found[self.batch :])
        name = str(len(self.scrolls) - 1)
        return self.envelope(found[: self.batch], len(found), name if found[self.batch :] else None)

    def found(self, body: dict[str, Any]) -> Rows:
        take = {"take": 100, "page": 0}
        kept = [row for row in self.rows if search([row], {**body, **take}).body["totalHits"]]
        return kept[: self.limit] if self.hides else kept

    def envelope(self, rows: Rows, total: int, scroll_id: str | None) -> Any:
        return {"result": rows, "totalHits": self.says(min(total, self.limit)), "scrollId": scroll_id}


NO_BOUNDS = dict.fromkeys(("modifiedFrom", "modifiedTo", "createdFrom", "createdTo"))


@pytest.mark.parametrize(
    ("name", "count", "limit"),
    [
        ("orders", 350, 100),  # search and scroll
        ("orders", 2_350, 1_000),
        ("products", 350, 100),  # a scroll alone
        ("promotions", 350, 100),  # a search that starts a scroll by itself, or has pages
        ("suppliers", 350, 100),  # pages, and a filter by time
        ("suppliers", 1_250, 1_000),
        ("suppliers", 350, 128),  # a limit that is not round
        ("price_lists", 350, 100),  # pages alone
        ("price_lists", 350, 200),
        ("product_categories", 350, 100),  # a scroll without any filter
        ("vouchers", 350, 100),
        ("invoices", 350, 100),
        ("deliveries", 350, 100),
        ("event_log", 350, 100),
    ],
)
def test_a_capped_count_hides_no_row(name: str, count: int, limit: int) -> None:
    rows, notes = rows_of(count, timestamp="2026-01-01T00:00:00Z"), list[str]()
    for row in rows:
        row["timestamp"] = row["created"]
    with Wire(Capped(rows, limit)) as wire:
        windows = read(wire, name, notes=notes)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert any(f"count stops at {limit:,}" in note for note in notes)


def test_an_inventory_whose_count_is_capped_at_its_first_batch() -> None:
    rows = [{"sku": f"{n:06}", "warehouseCode": "w", "modified": iso(BEGAN)} for n in range(2_500)]
    with Wire(Capped(rows, 1_000, batch=1_000)) as wire:
        windows = read(wire, "inventory")
    assert sum(window.distinct_keys for window in windows) == 2_500


def read_or_told(server: Capped, name: str, key: str = "id") -> set[str] | str:
    """The ids of all rows, or what is told instead."""
    with Wire(server) as wire:
        try:
            return set(ids(read(wire, name), key))
        except Incomplete as incomplete:
            return str(incomplete)


@pytest.mark.parametrize("name", ["orders", "suppliers", "returns", "projects", "invoices", "products"])
def test_where_pages_and_scrolls_end_at_the_limit_too_windows_are_cut_or_it_is_said(name: str) -> None:
    rows = rows_of(350)
    for row in rows:
        row["orderId"], row["returnOrderForm"] = row["id"], {"returnId": "1", "modified": row["modified"]}
    bounds = ("modifiedFrom", "modifiedTo", "returnOrderForm.modified" if name == "returns" else "modified")

    class Hiding(Capped):
        def found(self, body: dict[str, Any]) -> Rows:
            take = {"take": 100, "page": 0}
            kept = [r for r in self.rows if search([r], {**body, **take}, bounds=bounds).body["totalHits"]]
            return kept[: self.limit]

    key = "order_id" if name == "returns" else "id"
    found = read_or_told(Hiding(rows, 100), name, key)
    assert found == {row["id"] for row in rows} or name in str(found)


def test_a_limit_that_nothing_can_get_round_is_said() -> None:
    """All rows of one second, and an endpoint that shows and counts no more than 10,000."""
    rows = rows_of(12, minutes=0)
    server = Capped(rows, 10_000, says=lambda count: 10_000, hides=True)
    with Wire(server) as wire, pytest.raises(Incomplete, match=r"suppliers.*10,000"):
        read(wire, "suppliers")


@pytest.mark.parametrize("accident", ["no rows", "a lost scroll"])
def test_such_a_limit_is_said_where_the_first_attempt_failed_for_another_reason(accident: str) -> None:
    """By then creation is known to cut nothing, and the scroll's end stands just where the counts stop."""

    class Accidents(Capped):
        losses = 1 if accident == "a lost scroll" else 0

        def __call__(self, asked: Asked) -> Any:
            if asked.method == "GET" and self.losses:
                self.losses -= 1
                return Reply("no such scroll", 404)
            return super().__call__(asked)

        def found(self, body: dict[str, Any]) -> Rows:
            found = super().found(body)
            return [None, found[0], *found[:-2]] if accident == "no rows" and len(found) > 2 else found

    rows = [*rows_of(300, minutes=0), *rows_of(350)[300:]]
    server = Accidents(rows, 200, says=lambda count: {"value": count, "relation": "gte"}, hides=True)
    with Wire(server) as wire, pytest.raises(Incomplete, match=r"carts: .*count stops at 200"):
        read(wire, "carts")


def test_rows_without_a_stamp_are_not_lost_where_windows_are_cut_for_a_limit() -> None:
    rows = rows_of(350)
    del rows[3]["modified"]
    found = read_or_told(Capped(rows, 100), "suppliers")
    assert found == {row["id"] for row in rows} or "suppliers: rows carry no modified" in str(found)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (200, (200, False)),
        (200.0, (200, False)),
        ("200", (200, False)),
        ({"value": 10_000, "relation": "gte"}, (10_000, True)),
        ({"value": 17, "relation": "eq"}, (17, False)),
        ({"value": 17}, (17, False)),
        ({}, (None, False)),
        (None, (None, False)),
        (-1, (None, False)),
        (200.5, (None, False)),
        (True, (None, False)),
        ("many", (None, False)),
        ("nan", (None, False)),
        (1e300, (None, False)),
        ([], (None, False)),
    ],
)
def test_a_count_in_any_form(value: Any, count: tuple[int | None, bool]) -> None:
    assert count_in(value) == count


@pytest.mark.parametrize("name", ["orders", "suppliers", "product_categories", "price_lists", "prices"])
@pytest.mark.parametrize(
    "says",
    [
        float,
        str,
        lambda count: None,
        lambda count: -1,
        lambda count: {"value": min(count, 200), "relation": "gte"},
        lambda count: {"value": count, "relation": "eq"},
    ],
    ids=["200.0", "text", "null", "negative", "gte", "object"],
)
def test_rows_come_whole_whatever_form_the_count_has(name: str, says: Callable[[int], Any]) -> None:
    rows = rows_of(250)
    for row in rows:
        row["productId"] = row["id"]
    with Wire(Capped(rows, 10_000, says=says)) as wire:
        windows = read(wire, name)
    assert set(ids(windows, "product_id" if name == "prices" else "id")) == {row["id"] for row in rows}


def test_a_count_of_nothing_beside_rows_is_not_believed() -> None:
    rows = rows_of(20)
    with Wire(lambda asked: {"result": rows, "totalHits": 0, "scrollId": None}) as wire:
        assert ids(read(wire, "price_lists")) == [row["id"] for row in rows]


def test_a_scroll_without_a_count_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.http.paginators.MOST_BATCHES", 30)
    made = 0

    def answer(asked: Asked) -> Any:
        nonlocal made
        made += 1
        return {"result": [{"id": f"{made}-{n}"} for n in range(5)], "scrollId": "on"}

    with Wire(answer) as wire, pytest.raises(Refused, match="product_categories: a scroll goes on after"):
        read(wire, "product_categories")
    assert len(wire.asked) < 40


@pytest.mark.parametrize("total", [None, 300, 100])
def test_a_scroll_that_repeats_the_same_batch_ends(total: int | None) -> None:
    """With a count of just what came it is complete, and the server begins again; with another one it is not."""
    rows = rows_of(100)

    def answer(asked: Asked) -> Any:
        return {"result": rows, "totalHits": total, "scrollId": f"again {len(wire.asked)}"}

    with Wire(answer) as wire:
        if total == 100:
            assert ids(read(wire, "product_categories")) == [row["id"] for row in rows]
        else:
            with pytest.raises(OmniumError, match="repeats itself"):
                read(wire, "product_categories")
    assert len(wire.asked) < 30


def test_a_server_that_shows_its_last_page_again_and_again_costs_no_more_than_one_request() -> None:
    rows = rows_of(300, minutes=0)

    def answer(asked: Asked) -> Reply:
        body = {**asked.body, "page": min(asked.body["page"], 2)}
        return search(rows, body)

    with Wire(answer) as wire:
        assert ids(read(wire, "price_lists")) == [row["id"] for row in rows]
    assert len(wire.asked) == 4


@pytest.mark.parametrize("name", ["prices", "cost_prices"])
def test_rows_without_an_id_beyond_a_limit_are_kept_where_no_two_are_alike(name: str) -> None:
    rows = [{"productId": f"p{n:03}", "skuId": f"p{n:03}", "modified": iso(BEGAN)} for n in range(250)]
    with Wire(Capped(rows, 100)) as wire:
        assert sum(window.distinct_keys for window in read(wire, name)) == 250


@pytest.mark.parametrize("name", ["suppliers", "returns", "event_log"])
def test_rows_without_a_stamp_are_told_on_whichever_page_they_stand(name: str) -> None:
    """Windows are cut for the limit, and hold none of them; the search takes no order by which they would be first."""
    rows = rows_of(250)
    for row in rows:
        row |= {"orderId": row["id"], "returnOrderForm": {"returnId": "1", "modified": row["modified"]}}
        row["timestamp"] = row["created"]
    rows[170] |= {"modified": None, "created": None, "timestamp": None}
    rows[170]["returnOrderForm"]["modified"] = None

    class Returns(Capped):
        def found(self, body: dict[str, Any]) -> Rows:
            take = {"take": 100, "page": 0}
            path = "returnOrderForm.modified" if name == "returns" else "modified"
            bounds = ("modifiedFrom", "modifiedTo", path)
            return [r for r in self.rows if search([r], {**body, **take}, bounds=bounds).body["totalHits"]]

    found = read_or_told(Returns(rows, 100), name, "order_id" if name == "returns" else "id")
    assert "rows carry no" in found or found == {row["id"] for row in rows}
