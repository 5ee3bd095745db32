"""Counts that stop at a limit and hide rows beyond it: all rows come, or it is told; ordinary counts cost nothing."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from omnium_source.windows.window import iso

from tests.support.reading import ids, read
from tests.support.wire import Asked, Reply, Wire

Rows = list[dict[str, Any]]
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FIELDS = {
    "suppliers": ("modified", ("modifiedFrom", "modifiedTo")),
    "promotions": ("updatedDate", ("modifiedFrom", "modifiedTo")),
    "invoices": ("created", ("createdFrom", "createdTo")),
    "orders": ("modified", ("modifiedFrom", "modifiedTo")),
    "event_log": ("timestamp", ("createdFrom", "createdTo")),
    "inventory_transactions": ("transactionDate", ("from", "to")),
}
"""By resource: the stamp that a window is bounded by, and the request's fields."""


def rows_of(name: str, count: int, *, apart: float = 420.0) -> Rows:
    """Rows, one after the other, so many seconds apart."""
    path, rows = FIELDS[name][0], []
    for n in range(count):
        stamp = iso(BEGAN + dt.timedelta(seconds=apart * n))
        rows.append({"id": f"r{n:05}", "created": stamp, "modified": stamp, path: stamp})
    return rows


class Index:
    """A search whose counts and pages end at `limit`; the newest rows first, those without a stamp last.

    `unit` of the stamps that it compares, in seconds. `says`: how it writes its counts. `largest_page`: whatever was
    asked for. `base`: the number of the first page.
    """

    def __init__(
        self,
        name: str,
        rows: Rows,
        limit: int = 10_000,
        *,
        unit: float = 0.001,
        says: Callable[[int], Any] = int,
        largest_page: int = 100,
    ) -> None:
        self.name, self.rows, self.limit, self.unit = name, rows, limit, unit
        self.says, self.largest_page = says, largest_page
        self.base = 1 if name in ("promotions", "inventory_transactions") else 0

    def __call__(self, asked: Asked) -> Any:
        path, (lower, upper) = FIELDS[self.name]
        found = self.rows
        for field, of, sign in (
            (lower, path, 1),
            (upper, path, -1),
            ("createdFrom", "created", 1),
            ("createdTo", "created", -1),
        ):
            if bound := asked.body.get(field):
                found = [
                    row
                    for row in found
                    if row.get(of) and sign * (self.units(row[of]) - self.units(bound)) >= 0
                ]
        found = self.sorted(found)[: self.limit]
        if "/Scroll" in asked.path:
            return {"result": found, "totalHits": self.says(len(found)), "scrollId": None}
        take, page = min(asked.body["take"], self.largest_page), max(asked.body["page"] - self.base, 0)
        if asked.body["take"] * asked.body["page"] > 10_000:
            return Reply("take * page must not exceed 10000", 400)
        some = found[page * take : page * take + take]
        return {"result": some, "totalHits": self.says(len(found)), "scrollId": None}

    def sorted(self, found: Rows) -> Rows:
        return sorted(found, key=lambda row: row.get(FIELDS[self.name][0]) or "", reverse=True)

    def units(self, stamp: str) -> int:
        return int(dt.datetime.fromisoformat(stamp).timestamp() * 1_000) // int(self.unit * 1_000)


def counts_in(wire: Wire) -> int:
    """How many requests asked for a count alone."""
    return sum(asked.body.get("take") == 1 for asked in wire.asked if asked.body)


@pytest.mark.parametrize("name", ["suppliers", "promotions", "invoices", "event_log", "orders"])
def test_hidden_rows_within_one_minute_of_those_shown_come_and_it_is_told(name: str) -> None:
    rows, told = rows_of(name, 350, apart=0.15), list[str]()
    with Wire(Index(name, rows, 100)) as wire:
        windows = read(wire, name, told=told)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert [text.split(":")[0] for text in told] == [name], "rows without a stamp might be hidden, too"


def test_hidden_rows_between_those_shown_come() -> None:
    """In no order by time, so that none of them is older or younger than all that were read."""
    rows, told = rows_of("event_log", 435, apart=0.5), list[str]()

    class Unsorted(Index):
        def sorted(self, found: Rows) -> Rows:
            return sorted(found, key=lambda row: int(row["id"][1:]) * 7919 % 435)

    with Wire(Unsorted("event_log", rows, 200)) as wire:
        windows = read(wire, "event_log", told=told)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert len(told) == 1


@pytest.mark.parametrize("limit", [128, 299])
def test_a_large_count_is_proved_though_it_is_not_round(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.windows.server_facts.LARGE_COUNT", 120)
    rows, told = rows_of("suppliers", 350), list[str]()
    with Wire(Index("suppliers", rows, limit)) as wire:
        windows = read(wire, "suppliers", told=told)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert len(told) == 1


@pytest.mark.parametrize(
    ("count", "apart", "counts"),
    [
        (0, 420.0, 0),
        (99, 420.0, 0),
        (237, 420.0, 0),
        (200, 420.0, 2),
        (300, 30.0, 3),  # some rows stand in both parts, and are counted by themselves
        (200, 0.0, 2),  # all of one stamp: how exactly the server compares both
    ],
)
def test_an_ordinary_count_costs_nothing_but_where_it_is_round(count: int, apart: float, counts: int) -> None:
    rows = rows_of("suppliers", count, apart=apart)
    with Wire(Index("suppliers", rows)) as wire:
        assert ids(read(wire, "suppliers")) == [row["id"] for row in rows]
    assert counts_in(wire) == counts


def test_a_round_count_below_one_that_was_seen_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole is too large for one window, and its count tells that those of the parts are true."""
    monkeypatch.setattr("omnium_source.windows.server_facts.FEWEST_ROWS", 100)
    monkeypatch.setattr("omnium_source.windows.server_facts.SCROLL_FROM", 100)
    rows = rows_of("orders", 900)
    with Wire(Index("orders", rows)) as wire:
        windows = read(wire, "orders", window_rows=400)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert len(windows) > 1
    assert counts_in(wire) <= 4, (
        "how exactly the server compares, and whether two parts without a row hold none"
    )


@pytest.mark.parametrize("unit", [0.001, 1.0, 60.0])
@pytest.mark.parametrize("apart", [0.0, 0.004, 0.4, 90.0])
def test_a_true_round_count_is_believed_however_close_the_rows_are(unit: float, apart: float) -> None:
    rows = rows_of("suppliers", 200, apart=apart)
    with Wire(Index("suppliers", rows, unit=unit)) as wire:
        assert ids(read(wire, "suppliers")) == [row["id"] for row in rows]


def test_a_server_that_heeds_no_bounds_has_no_limit() -> None:
    rows = rows_of("suppliers", 200)
    index = Index("suppliers", rows)

    def answer(asked: Asked) -> Any:
        return index(Asked(asked.method, asked.path, {}, {n: asked.body[n] for n in ("take", "page")}, ""))

    with Wire(answer) as wire:
        assert ids(read(wire, "suppliers")) == [row["id"] for row in rows]


@pytest.mark.parametrize("name", ["inventory_transactions", "event_log", "suppliers"])
def test_rows_without_a_stamp_that_no_page_shows_are_told(name: str) -> None:
    rows, told = rows_of(name, 350), list[str]()
    for row in rows[300:]:
        row |= {"created": None, "modified": None, FIELDS[name][0]: None}
    with Wire(Index(name, rows, 200)) as wire:
        windows = read(wire, name, told=told)
    assert set(ids(windows)) == {row["id"] for row in rows[:300]}
    assert len(told) == 1
    assert told[0].startswith(f"{name}: the server neither counts nor shows more than 200 rows at a time.")


def test_a_round_count_with_rows_without_a_stamp_is_told_and_the_rows_are_handed_on() -> None:
    rows, told = rows_of("event_log", 200), list[str]()
    rows[7]["timestamp"] = None
    with Wire(Index("event_log", rows)) as wire:
        assert ids(read(wire, "event_log", told=told)) == [row["id"] for row in rows]
    assert len(told) == 1
    assert "as rows carry no timestamp, nobody can tell" in told[0]


@pytest.mark.parametrize(
    ("count", "elsewhere", "is_told"),
    [
        (200, {"Orders/Search": 201}, False),
        (200, {"Orders/Search": 403, "PurchaseOrders/Search": 5_000}, False),
        (200, {"Orders/Search": 200, "EventLog/Search": 200, "PurchaseOrders/Search": 200}, True),
        (200, {"Orders/Search": 403, "PrivateCustomers/Search": 17}, True),
        (1_000, {"Orders/Search": 5_000}, True),
    ],
)
@pytest.mark.parametrize("name", ["promotions", "invoices"])
def test_a_round_count_with_rows_without_a_stamp_is_believed_where_the_server_counts_further(
    name: str, count: int, elsewhere: dict[str, int], is_told: bool
) -> None:
    """Ordinary tables have a hundred rows, or a thousand; a limit of the index behind it is the same for all."""
    rows, told = rows_of(name, count), list[str]()
    rows[7][FIELDS[name][0]] = None
    index = Index(name, rows)
    of_this = {"promotions": "Promotions/", "invoices": "Invoices/"}[name]

    def answer(asked: Asked) -> Any:
        if asked.path.startswith(of_this):
            return index(asked)
        total = elsewhere.get(asked.path, 0)
        return Reply(None, total) if total == 403 else {"result": [{"id": "1"}], "totalHits": total}

    with Wire(answer) as wire:
        assert ids(read(wire, name, told=told)) == [row["id"] for row in rows]
    assert len(told) == is_told
    asked_elsewhere = [asked for asked in wire.asked if not asked.path.startswith(of_this)]
    assert len(asked_elsewhere) <= (0 if count == 1_000 else 4)
    assert all(asked.body["take"] == 1 for asked in asked_elsewhere)


def test_the_least_that_there_are_is_told_where_all_rows_share_a_stamp() -> None:
    rows, told = rows_of("invoices", 350, apart=0.0), list[str]()
    index = Index("invoices", rows, 200, says=lambda n: {"value": n, "relation": "gte" if n == 200 else "eq"})
    with Wire(index) as wire:
        assert len(ids(read(wire, "invoices", told=told))) == 200
    assert len(told) == 1
    assert "it calls this the least there are" in told[0]


def test_many_changes_of_the_last_minute_are_no_changes_while_it_is_read() -> None:
    """Parts of a cut window that are longer than a page look behind themselves, and find what changed before."""
    now = dt.datetime.now(dt.UTC)
    rows = rows_of("promotions", 500, apart=40_000.0)
    for n, row in enumerate(rows[350:]):
        row["updatedDate"] = row["modified"] = iso(now - dt.timedelta(seconds=50 - n / 4))
    told: list[str] = []
    with Wire(Index("promotions", rows, 300)) as wire:
        windows = read(wire, "promotions", told=told)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert "changed while" not in " ".join(told)


@pytest.mark.parametrize("largest_page", [10, 50, 99])
def test_pages_that_are_smaller_than_was_asked_for_lose_nothing(largest_page: int) -> None:
    rows = rows_of("suppliers", 230)
    with Wire(Index("suppliers", rows, largest_page=largest_page)) as wire:
        assert ids(read(wire, "suppliers")) == [row["id"] for row in rows]


@pytest.mark.parametrize("largest_page", [1, 37, 50, 99])
@pytest.mark.parametrize("number", [1, 37, 74, 75, 99, 130])
@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("name", ["product_alerts", "stores", "deliveries"])
def test_lists_without_a_count_in_pages_that_are_smaller_than_was_asked_for_lose_nothing(
    name: str, base: int, number: int, largest_page: int
) -> None:
    rows = [{"id": f"r{n:03}", "created": iso(BEGAN), "modified": iso(BEGAN)} for n in range(number)]

    def answer(asked: Asked) -> Any:
        take = min(asked.body["take"], largest_page)
        found = rows[max(0, asked.body["page"] - base) * take :][:take]
        return found if name == "product_alerts" else {"result": found, "totalHits": None}

    with Wire(answer) as wire:
        assert sorted(ids(read(wire, name))) == [row["id"] for row in rows]


@pytest.mark.parametrize("number", [3, 37, 60, 130])
def test_a_server_that_shows_its_last_page_for_any_behind_it_comes_to_an_end(number: int) -> None:
    rows = [{"id": f"r{n:03}"} for n in range(number)]

    def answer(asked: Asked) -> Any:
        take = min(asked.body["take"], 37)
        page = min(asked.body["page"], (number - 1) // take)
        return rows[page * take :][:take]

    with Wire(answer) as wire:
        assert ids(read(wire, "product_alerts")) == [row["id"] for row in rows]


def test_rows_that_are_hidden_after_the_paging_end_no_list_without_a_count() -> None:
    """Pages of 100 of which a user's rights hide some: each is short, and none is the end."""
    rows = [{"id": f"r{n:03}"} for n in range(330)]

    def answer(asked: Asked) -> Any:
        take, page = asked.body["take"], asked.body["page"]
        return [row for row in rows[page * take :][:take] if int(row["id"][1:]) % 50 != 7]

    with Wire(answer) as wire:
        assert set(ids(read(wire, "product_alerts"))) == {
            row["id"] for row in rows if int(row["id"][1:]) % 50 != 7
        }


@pytest.mark.parametrize("name", ["prices", "cost_prices"])
def test_prices_of_which_two_are_alike_are_kept_beyond_a_limit(name: str) -> None:
    rows: Rows = [{"productId": f"p{n:03}", "skuId": f"p{n:03}", "modified": iso(BEGAN)} for n in range(250)]
    rows.insert(120, rows[119])
    with Wire(lambda asked: {"result": rows, "totalHits": 100, "scrollId": None}) as wire:
        assert sum(window.rows for window in read(wire, name)) == 251


def test_a_scroll_goes_on_behind_a_first_batch_that_holds_more_than_is_counted() -> None:
    rows: Rows = [
        {"productId": f"p{n:04}", "skuId": f"p{n:04}", "modified": iso(BEGAN)} for n in range(1_003)
    ]

    def answer(asked: Asked) -> Any:
        some, scroll_id = (rows[1_000:], None) if asked.method == "GET" else (rows[:1_000], "on")
        return {"result": some, "totalHits": 999, "scrollId": scroll_id}

    with Wire(answer) as wire:
        assert sum(window.rows for window in read(wire, "prices")) == 1_003


def test_rows_that_come_while_windows_are_read_do_not_stand_for_those_without_a_stamp() -> None:
    """A window whose count changes is cut, and its parts hold no row without a stamp."""
    rows, told = rows_of("event_log", 350), list[str]()
    rows[3]["timestamp"] = rows[4]["timestamp"] = None
    asked_for = 0

    class Growing(Index):
        def __call__(self, asked: Asked) -> Any:
            nonlocal asked_for
            asked_for += 1
            if asked_for <= 8:
                stamp = iso(dt.datetime.now(dt.UTC))
                self.rows.append({"id": f"n{asked_for:05}", "created": stamp, "timestamp": stamp})
            return super().__call__(asked)

    with Wire(Growing("event_log", rows)) as wire:
        windows = read(wire, "event_log", told=told)
    assert set(ids(windows)) == {row["id"] for row in rows} or [text.split(":")[0] for text in told] == [
        "event_log"
    ]
