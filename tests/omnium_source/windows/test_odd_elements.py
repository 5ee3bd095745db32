"""Elements of a page that are no rows, or no rows of their own: they cost themselves, and nothing else.

`null`, a text, a number or a list among the rows; rows without a key, and rows that share one on a page.
"""

from typing import Any

import pytest
from omnium_source.errors import OmniumError
from omnium_source.normalize.drift import in_words

from tests.support.reading import day, ids, read
from tests.support.wire import Asked, Wire

Elements = list[Any]


def rows_of(count: int) -> Elements:
    return [
        {
            "id": f"r{n:03}",
            "skuId": f"r{n:03}",
            "orderId": f"r{n:03}",
            "returnOrderForm": {"returnId": "1", "modified": day(n)},
            "sku": f"r{n:03}",
            "warehouseCode": "w",
            "created": day(n),
            "modified": day(n),
            "timestamp": day(n),
        }
        for n in range(count)
    ]


class Listing:
    """Shows the elements of a list by pages or batches, whatever is asked for.

    `counts`: how many of them the server says there are; `is_bare`: it says nothing, and the list stands alone.
    """

    def __init__(self, elements: Elements, counts: int | None, *, is_bare: bool = False) -> None:
        self.elements, self.counts, self.is_bare = elements, counts, is_bare
        self.scrolls: list[Elements] = []

    def __call__(self, asked: Asked) -> Any:
        if asked.method == "GET":
            return self.batch(int(asked.path.rpartition("/")[2]), 100)
        body, is_scroll = asked.body, "Scroll" in asked.path
        if "modifiedFrom" in body or "lastModified" in body:
            return self.envelope([], 0)  # what changed since the reading began
        if is_scroll or "take" not in body:
            self.scrolls.append(list(self.elements))
            return self.batch(len(self.scrolls) - 1, 100 if is_scroll else 1_000)
        start = body.get("page", 0) * body["take"]
        return self.envelope(self.elements[start : start + body["take"]], self.counts)

    def batch(self, number: int, size: int) -> Any:
        left = self.scrolls[number]
        some, left[:] = left[:size], left[size:]
        return self.envelope(some, self.counts, str(number) if left else None)

    def envelope(self, elements: Elements, counts: int | None, scroll_id: str | None = None) -> Any:
        if self.is_bare:
            return elements
        return {"result": elements, "totalHits": counts, "scrollId": scroll_id}


PAGED = ("suppliers", "orders", "stores", "subscriptions", "price_lists", "vouchers", "returns")
SCROLLED = ("products", "product_categories", "price_list_items")
UNPAGED = ("inventory", "prices", "cost_prices", "payment_transactions")
BARE = ("comments", "project_logs")
ODD = {"null": None, "text": "x", "number": 7, "list": [{"id": "inside"}], "boolean": True}


def came(windows: list[Any]) -> int:
    return sum(window.distinct_keys for window in windows)


@pytest.mark.parametrize("is_counted", [True, False], ids=["counted", "not counted"])
@pytest.mark.parametrize("name", [*PAGED, *SCROLLED, *UNPAGED])
def test_what_is_no_row_costs_itself_alone(name: str, *, is_counted: bool) -> None:
    rows = rows_of(230)
    elements = [*rows[:2], None, *rows[2:150], "x", *rows[150:], 7]
    with Wire(Listing(elements, len(elements) if is_counted else len(rows))) as wire:
        windows = read(wire, name)
    assert came(windows) == 230
    told = [one for window in windows for one in window.drift if one.kind == "no_row"]
    assert [(one.table, one.column, one.example_type, one.rows) for one in told] == [
        (name, "*", "null", 1),
        (name, "*", "text", 1),
        (name, "*", "number", 1),
    ]
    assert all(", after " in one.examples[0] for one in told)


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_row_is_named_by_its_place(kind: str) -> None:
    rows = rows_of(2)
    with Wire(Listing([rows[0], ODD[kind], rows[1]], 3)) as wire:
        windows = read(wire, "suppliers")
    assert ids(windows) == ["r000", "r001"]
    (window,) = windows
    assert (window.total_hits, window.rows, window.distinct_keys, window.tries) == (3, 2, 2, 2)
    told = [(one.table, one.column, one.example_type, one.rows, one.examples) for one in window.odd]
    assert told == [("suppliers", "*", kind, 1, ("element 2 of a page, after r000",))]
    assert in_words(window.odd) == [
        f"elements among the rows that are not objects, left out: suppliers.* ({kind}): 1 row, "
        "such as element 2 of a page, after r000"
    ]


@pytest.mark.parametrize("name", BARE)
def test_a_bare_list_with_null_in_it(name: str) -> None:
    rows = rows_of(3)
    with Wire(Listing([None, *rows], None, is_bare=True)) as wire:
        windows = read(wire, name)
    assert came(windows) == 3
    assert [one.examples for window in windows for one in window.odd if one.kind == "no_row"] == [
        ("element 1 of a page",)
    ]


@pytest.mark.parametrize("elements", [[None], [None, "x"], [None] * 150])
def test_a_window_of_nothing_but_such(elements: Elements) -> None:
    with Wire(Listing(elements, len(elements))) as wire:
        windows = read(wire, "suppliers")
    assert came(windows) == 0
    assert sum(one.rows for window in windows for one in window.odd) == len(elements)


def test_a_null_by_mistake_loses_nothing() -> None:
    rows = rows_of(3)
    shown = [[rows[0], None, rows[2]]]

    def answer(asked: Asked) -> Any:
        return {"result": shown.pop() if shown else rows, "totalHits": 3}

    with Wire(answer) as wire:
        windows = read(wire, "suppliers")
    assert ids(windows) == ["r000", "r001", "r002"]
    assert [one for window in windows for one in window.odd] == []


def test_a_row_that_is_missing_beside_a_null_is_missed() -> None:
    rows = rows_of(3)
    with Wire(Listing([rows[0], None], 3)) as wire, pytest.raises(OmniumError, match="1 distinct rows came"):
        read(wire, "suppliers")


@pytest.mark.parametrize("name", ["suppliers", "products", "payment_transactions", "price_lists"])
def test_rows_that_share_a_key_on_a_page(name: str) -> None:
    rows = rows_of(3)
    other = {**rows[1], "name": "newer", "modified": day(9)}
    with Wire(Listing([rows[0], other, rows[1], rows[2]], 4)) as wire:
        windows = read(wire, name)
    assert came(windows) == 3
    (drift,) = (one for window in windows for one in window.odd if one.kind == "doubled_key")
    assert (drift.table, drift.column, drift.rows, drift.examples) == (name, "id", 1, ("r001",))
    (tables,) = (window.tables.finish() for window in windows)
    found = {
        row["id"]: row.get("modified")
        for part in tables.parts
        if part.name == name
        for t in part.tables()
        for row in t.to_pylist()
    }
    if name == "suppliers":
        assert str(found["r001"]).startswith("2026-01-01 00:09")


def test_rows_that_share_a_key_on_two_pages_are_no_proof() -> None:
    """The same key on two pages is how a row that moved hides another one."""
    rows = rows_of(150)
    with (
        Wire(Listing([*rows[:149], rows[0]], 150)) as wire,
        pytest.raises(OmniumError, match="149 distinct rows came"),
    ):
        read(wire, "price_lists")


KEYLESS: list[dict[str, Any]] = [
    {"name": "none"},
    {"id": None, "name": "null"},
    {"id": "", "name": "a"},
    {"id": "", "name": "b"},
]


def test_rows_without_a_key_are_told_apart_by_what_they_hold() -> None:
    with Wire(Listing([{"id": "x"}, *KEYLESS], 5)) as wire:
        (window,) = read(wire, "suppliers")
    assert window.distinct_keys == 5
    (drift,) = window.odd
    assert (drift.column, drift.kind, drift.rows, drift.examples) == (
        "id",
        "no_key",
        4,
        ("element 2 of a page, after x", "element 3 of a page", "element 4 of a page"),
    )


def test_two_rows_alike_without_a_key() -> None:
    with Wire(Listing([{"name": "a"}, {"name": "a"}, {"id": "x"}], 3)) as wire:
        (window,) = read(wire, "suppliers")
    assert window.distinct_keys == 2
    assert {one.kind for one in window.odd} == {"no_key", "doubled_key"}


@pytest.mark.parametrize(
    "key", [7, 7.0, True, {"a": 1}, ["a"], "x" * 100_000, " ", "\u0000", "a/b?c#d", "Ünï", -0.0, 10**30]
)
def test_an_odd_key_is_a_key(key: Any) -> None:
    with Wire(Listing([{"id": key, "name": "odd"}, {"id": "b"}], 2)) as wire:
        (window,) = read(wire, "suppliers")
    assert window.distinct_keys == 2


@pytest.mark.parametrize(
    ("says", "reply"),
    [
        ("a list around", [{"result": [{"id": "a"}], "totalHits": 1}]),
        ("none of its rows is an object", [[{"id": "a"}]]),
        ("none of its rows is an object", {"result": ["index is closed"]}),
        ("no list of rows", {"result": {"result": [{"id": "a"}], "totalHits": 1}}),
        ("has no `result`", {"data": {"result": [{"id": "a"}], "totalHits": 1}}),
        ("has no `result`", {"result": None, "totalHits": 7}),
    ],
)
def test_another_wrapping_is_said(says: str, reply: Any) -> None:
    with Wire(lambda asked: reply) as wire, pytest.raises(OmniumError, match=says):
        read(wire, "suppliers", budget=2.0)


@pytest.mark.parametrize(
    "total", ["3", " 3 ", 3.0, "3.0", -1, "-1", None, "many", True, [3], {"value": 3}, {"value": None}, {}]
)
@pytest.mark.parametrize("name", ["suppliers", "products"])
def test_a_count_in_another_form_loses_nothing(name: str, total: Any) -> None:
    rows = rows_of(3)
    with Wire(
        lambda asked: {"result": rows, "totalHits": total} if asked.method == "POST" else {"result": []}
    ) as wire:
        assert came(read(wire, name)) == 3


@pytest.mark.parametrize("total", [0, 1, 2])
@pytest.mark.parametrize("name", ["suppliers", "orders", "products", "inventory", "payment_transactions"])
def test_more_rows_than_the_server_counts_are_kept(name: str, total: int) -> None:
    rows = rows_of(3)
    with Wire(lambda asked: {"result": rows, "totalHits": total}) as wire:
        assert came(read(wire, name)) == 3


STAMPS = (
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59-08:00",
    "2099-01-01T00:00:00Z",
    None,
    "soon",
    7,
)
"""Where a moment of change should stand."""


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("name", ["suppliers", "event_log"])
def test_an_odd_moment_of_change_loses_no_row(name: str, stamp: Any) -> None:
    """Also where the server's count stops at 100."""
    rows = rows_of(250)
    for row in rows[::50]:
        row |= {"modified": stamp, "created": stamp, "timestamp": stamp, "updatedDate": stamp}
    with Wire(Listing(rows, 100)) as wire:
        windows = read(wire, name)
        assert len(set().union(*(window.keys for window in windows))) == 250
    # A server that heeds no bounds shows the same rows in each part, and the parts are not cut for ever.
    assert len(wire.asked) < 1_000


def test_rows_that_share_a_key_where_the_moment_of_change_is_a_text() -> None:
    rows = [{"id": "a", "modified": "soon"}, {"id": "a", "modified": day(1)}, {"id": "b", "modified": [1]}]
    with Wire(Listing(rows, None, is_bare=True)) as wire:
        assert came(read(wire, "comments")) == 2


def test_a_list_that_is_read_twice_as_nobody_counts_it_is_shown_once() -> None:
    shown: list[int] = []
    with Wire(Listing(rows_of(3), None, is_bare=True)) as wire:
        windows = read(wire, "comments", on_rows=lambda rows, total: shown.append(rows))
    assert (ids(windows), sum(shown)) == (["r000", "r001", "r002"], 3)
