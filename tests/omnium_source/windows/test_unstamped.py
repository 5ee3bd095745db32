"""Rows without the stamp that windows are bounded by, in tables that are too large to be read as one window."""

import datetime as dt
from typing import Any

import pytest
from omnium_source.windows.window import iso

from tests.support.reading import ids, read, swept
from tests.support.wire import Asked, Reply, Wire

Rows = list[dict[str, Any]]
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UNSTAMPED = ("r00017", "r00500", "r04000")


def rows_of(count: int = 10_500) -> Rows:
    """Rows seven minutes apart, three of them without `modified`."""
    rows: Rows = []
    for n in range(count):
        stamp = iso(BEGAN + dt.timedelta(minutes=7 * n))
        row = {"id": f"r{n:05}", "created": stamp, "modified": stamp}
        if row["id"] in UNSTAMPED:
            del row["modified"]
        rows.append(row)
    return rows


class Server:
    """A search that shows 10,000 rows, and a scroll. `first`: the order in which rows without a stamp stand first.

    `limit`: where counts and pages end.
    """

    def __init__(self, rows: Rows, *, first: str = "", limit: int = 1_000_000) -> None:
        self.rows, self.first, self.limit = rows, first, limit

    def __call__(self, asked: Asked) -> Any:
        found = self.rows
        for field, path, sign in (
            ("modifiedFrom", "modified", 1),
            ("modifiedTo", "modified", -1),
            ("createdFrom", "created", 1),
            ("createdTo", "created", -1),
        ):
            if bound := asked.body.get(field):
                found = [row for row in found if path in row and sign * _compared(row[path], bound) >= 0]
        order = asked.body.get("sortOrder", "")
        stamped = [row for row in found if "modified" in row]
        unstamped = [row for row in found if "modified" not in row]
        stamped.sort(key=lambda row: row["modified"], reverse=order != "ModifiedAscending")
        found = unstamped + stamped if order == self.first else stamped + unstamped
        found = found[: self.limit]
        total = len(found)
        if "/Scroll" in asked.path:
            return self.answer(found, total)
        take, page = asked.body["take"], asked.body["page"]
        if take * (page + 1) > 10_000:
            return Reply("take * page must not exceed 10000", 400)
        return self.answer(found[page * take : page * take + take], total)

    def answer(self, rows: Rows, total: int) -> Any:
        return {"result": rows, "totalHits": total, "scrollId": None}


def _compared(one: str, other: str) -> int:
    return (one > other) - (one < other)


@pytest.mark.parametrize("first", ["ModifiedAscending", "ModifiedDescending"])
def test_they_are_found_at_an_end_of_the_order(first: str) -> None:
    rows = rows_of(4_500)
    with Wire(Server(rows, first=first)) as wire:
        windows = read(wire, "purchase_orders", window_rows=1_500)
    assert set(ids(windows)) == {row["id"] for row in rows}
    assert "missing" not in windows[-1].state


@pytest.mark.parametrize("name", ["products", "purchase_orders"])
def test_a_sweep_finds_them(name: str) -> None:
    """What a sweep does not find is marked as deleted."""
    rows = rows_of(4_500)
    with Wire(Server(rows)) as wire:
        assert len(swept(wire, name, window_rows=1_500)) == len(rows)


def test_they_are_found_by_one_scroll_where_they_stand_last_in_all_orders() -> None:
    rows = rows_of(4_500)
    with Wire(Server(rows, first="none")) as wire:
        windows = read(wire, "purchase_orders", window_rows=1_500)
    assert set(ids(windows)) == {row["id"] for row in rows}


def test_they_are_found_among_the_rows_that_a_search_without_an_order_shows() -> None:
    rows = rows_of()
    with Wire(Server(rows)) as wire:
        windows = read(wire, "suppliers")
    assert set(ids(windows)) == {row["id"] for row in rows}


@pytest.mark.parametrize("comings", [1, 3, 100])
def test_rows_that_come_between_two_counts_do_not_stand_for_them(comings: int) -> None:
    """The count of all rows is older than that of the rows with a stamp, and so the difference was too small."""
    rows = [row for row in rows_of(4_500) if row["id"] not in UNSTAMPED[1:]]
    before = {row["id"] for row in rows}

    class Growing(Server):
        left = comings

        def __call__(self, asked: Asked) -> Any:
            answer = super().__call__(asked)
            is_count_of_all = asked.body.get("take") == 1 and not any("From" in name for name in asked.body)
            if is_count_of_all and self.left:
                self.left -= 1
                stamp = iso(dt.datetime.now(dt.UTC))
                self.rows.append({"id": f"n{self.left:05}", "created": stamp, "modified": stamp})
            return answer

    with Wire(Growing(rows, first="ModifiedDescending")) as wire:
        windows = read(wire, "purchase_orders", window_rows=1_500)
    assert before <= set(ids(windows))


def test_they_come_before_the_cursor_passes_them() -> None:
    """A run that is killed before they are loaded reads them again."""
    with Wire(Server(rows_of())) as wire:
        windows = read(wire, "suppliers")
    number = next(n for n, window in enumerate(windows) if set(ids([window])) & set(UNSTAMPED))
    assert number < len(windows) - 1
    kept = [window.state for window in windows]
    assert all("cursor" not in state or state.get("is_first_read") for state in kept[:-1])
    assert "is_first_read" not in kept[-1]


def test_a_first_read_that_was_cut_short_looks_for_them_when_it_goes_on() -> None:
    """What follows has a lower bound, as all windows of later runs, and rows without a stamp are in none of them."""
    rows = rows_of()
    with Wire(Server(rows)) as wire:
        begun = next(window.state for window in read(wire, "suppliers") if window.state.get("is_first_read"))
        windows = read(wire, "suppliers", begun)
    assert set(ids(windows)) >= set(UNSTAMPED)
    assert "is_first_read" not in windows[-1].state


def test_those_that_no_page_shows_are_told_in_every_run_until_they_are_there() -> None:
    rows, told = rows_of(), list[str]()
    with Wire(Server(rows, first="none")) as wire:
        windows = read(wire, "suppliers", told=told)
        assert told == [
            "suppliers: 3 rows carry no modified, and 3 of them stand on none of the pages that the server shows; "
            "all others are loaded"
        ]
        assert len(set(ids(windows))) == len(rows) - 3
        before, state = len(wire.asked), windows[-1].state
        windows = read(wire, "suppliers", state, told=told)
        assert len(told) == 2
        assert len(wire.asked) - before <= 7, "a run does not look everywhere again"
        for row in rows:
            row.setdefault("modified", iso(dt.datetime.now(dt.UTC)))
        windows = read(wire, "suppliers", windows[-1].state, told=told)
    assert len(told) == 2
    assert set(ids(windows)) >= set(UNSTAMPED)
    assert "missing" not in windows[-1].state


@pytest.mark.parametrize("shown", [0, 1, 100, 10_496])
def test_they_are_not_forgotten_while_the_server_counts_fewer_rows(shown: int) -> None:
    """An index that is being built anew counts as many rows with the stamp as without a filter: too few, or none."""
    rows, told = rows_of(), list[str]()
    server = Server(rows, first="none")
    with Wire(server) as wire:
        state = read(wire, "suppliers", told=told)[-1].state
        server.rows = [row for row in rows if "modified" in row][:shown]
        state = read(wire, "suppliers", state, told=told)[-1].state
        assert told[1] == (
            "suppliers: an earlier read could not show 3 rows without modified, and the server now counts "
            f"{shown:,} at all; where that is true, `omnium-elt load --full-refresh --resources suppliers` reads "
            "them anew"
        )
        server.rows = rows
        state = read(wire, "suppliers", state, told=told)[-1].state
        assert told[2] == told[0]
        # Somebody has deleted them.
        server.rows = [row for row in rows if "modified" in row]
        state = read(wire, "suppliers", state, told=told)[-1].state
    assert len(told) == 3
    assert "missing" not in state


def test_what_an_earlier_version_kept_of_them_is_not_forgotten_where_nothing_is_counted() -> None:
    """It did not keep among how many rows they were."""
    rows, told = rows_of(), list[str]()
    server = Server(rows, first="none")
    with Wire(server) as wire:
        state = read(wire, "suppliers", told=told)[-1].state
        server.rows = []
        read(wire, "suppliers", {**state, "among": None}, told=told)
        server.rows = [row for row in rows if "modified" in row][:100]
        read(wire, "suppliers", {**state, "among": None}, told=told)
    assert len(told) == 2


def test_a_first_read_that_nobody_can_prove_is_told_in_every_run_until_counts_go_further() -> None:
    """Counts that stop, and rows without a stamp among those that can be seen."""
    rows, told = rows_of(1_234), list[str]()
    server = Server(rows, limit=1_000)
    with Wire(server) as wire:
        windows = read(wire, "suppliers", told=told)
        assert set(ids(windows)) == {row["id"] for row in rows}, "what is seen is loaded"
        for _ in range(2):
            windows = read(wire, "suppliers", windows[-1].state, told=told)
        assert len(told) == 3
        assert told[1] == told[2]
        assert "--full-refresh" in told[1]
        server.limit = 10_000
        windows = read(wire, "suppliers", windows[-1].state, told=told)
    assert len(told) == 3
    assert not windows[-1].state.keys() & {"missing", "limit"}


def test_those_that_the_first_read_found_are_not_told_again_as_left() -> None:
    """Two stand on the first pages of a search without an order, one beyond all that it shows."""
    rows, told = rows_of(), list[str]()
    shown = [row for row in rows if row["id"] in UNSTAMPED[:2]]

    class Shows(Server):
        def __call__(self, asked: Asked) -> Any:
            answer = super().__call__(asked)
            has_bounds = asked.body.keys() & {"modifiedTo", "modifiedFrom", "sortOrder"}
            if not has_bounds and asked.body["take"] == 100 and asked.body["page"] == 7:
                answer["result"][:2] = shown
            return answer

    left = (
        "suppliers: 3 rows carry no modified, and 1 of them stand on none of the pages that the server shows"
    )
    with Wire(Shows(rows, first="none")) as wire:
        windows = read(wire, "suppliers", told=told)
        windows = read(wire, "suppliers", windows[-1].state, told=told)
        assert [text.partition(";")[0] for text in told] == [left, left]
        # One more comes, and nobody knows which of them stand where.
        rows.append({"id": "r99999", "created": iso(dt.datetime.now(dt.UTC))})
        read(wire, "suppliers", windows[-1].state, told=told)
    assert told[2].startswith("suppliers: 4 rows carry no modified, and ")


def test_a_count_that_stops_does_not_end_the_look_for_them_where_a_read_was_disturbed() -> None:
    """Counts stop at 999, pages go on; a count that changes meanwhile has the table read in parts."""
    rows, told, disturbed = rows_of(1_012), list[str](), list[int]()
    for row in rows[600:]:
        row.pop("modified", None)

    class Stops(Server):
        def answer(self, rows: Rows, total: int) -> Any:
            return {"result": rows, "totalHits": min(total, 999), "scrollId": None}

        def __call__(self, asked: Asked) -> Any:
            answer = super().__call__(asked)
            has_bounds = asked.body.keys() & {"modifiedTo", "modifiedFrom", "createdTo", "createdFrom"}
            if not has_bounds and asked.body["page"] == 3 and len(disturbed) < 2:
                disturbed.append(3)
                answer["totalHits"] -= 1
            return answer

    with Wire(Stops(rows, first="none")) as wire:
        windows = read(wire, "suppliers", told=told)
        assert set(ids(windows)) == {row["id"] for row in rows}
        assert "where the server's counts stop nobody knows how many they are" in told[0]
        assert windows[-1].state["limit"] == 999


def test_one_that_two_pages_show_comes_once() -> None:
    """A search without bounds shows one of them on each page."""

    class Repeating(Server):
        def __call__(self, asked: Asked) -> Any:
            answer = super().__call__(asked)
            is_page = (
                not isinstance(answer, Reply) and asked.body["take"] > 1 and not asked.body.get("modifiedTo")
            )
            if is_page and not asked.body.get("modifiedFrom"):
                answer["result"] += [row for row in self.rows if row["id"] == UNSTAMPED[0]]
            return answer

    with Wire(Repeating(rows_of())) as wire:
        windows = read(wire, "suppliers")
    found = [id for window in windows for id in ids([window]) if id in UNSTAMPED]
    assert sorted(found) == sorted(UNSTAMPED)
