"""A large window is read in pieces, several of them at the same time."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from omnium_source import RESOURCES
from omnium_source.errors import Incomplete
from omnium_source.http.client import OmniumClient
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pii.masking import PersonalData
from omnium_source.windows.gathered import Verified
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Reading, iso

from tests.support.reading import day, ids
from tests.support.wire import Asked, Reply, Wire, search


@pytest.fixture(autouse=True)
def _scrolls_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 200 rows on instead of 1,000: the same, with fewer rows."""
    for module in ("server_facts", "reader", "scheduler"):
        monkeypatch.setattr(f"omnium_source.windows.{module}.SCROLL_FROM", 200)


def orders(count: int) -> list[dict[str, Any]]:
    """One changed every hour until now."""
    now = dt.datetime.now(dt.UTC)
    return [
        {"id": f"o{number:05}", "modified": iso(now - dt.timedelta(hours=count - number))}
        for number in range(count)
    ]


class Scrolls:
    """Orders behind scrolls. `events` tells what happened to which scroll: ("start" or "batch", its number)."""

    def __init__(self, rows: list[dict[str, Any]], latency: float = 0.0) -> None:
        self.rows, self.latency = rows, latency
        self.events: list[tuple[str, int]] = []
        self.bounds: list[tuple[str, str]] = []
        self.hides_a_row = False
        self.searches = 0
        self.before_batch: Callable[[int], Reply | None] = lambda number: None
        self._left: list[list[dict[str, Any]]] = []
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Any:
        time.sleep(self.latency)
        if asked.path.endswith("Search"):
            self.searches += 1
            page: dict[str, Any] = search(self.rows, asked.body).body
            return {**page, "result": page["result"][self.hides_a_row :]}
        if asked.method == "POST":
            with self._lock:
                low, high = asked.body.get("modifiedFrom", ""), asked.body.get("modifiedTo", "9")
                found = [row for row in self.rows if low <= row["modified"] <= high]
                number = len(self._left)
                self.events.append(("start", number))
                self.bounds.append((low, high))
                self._left.append(found[100:])
            return {
                "result": found[:100],
                "totalHits": len(found),
                "scrollId": str(number) if found[100:] else None,
            }
        number = int(asked.path.rpartition("/")[2])
        if refused := self.before_batch(number):
            return refused
        with self._lock:
            self.events.append(("batch", number))
            some, self._left[number] = self._left[number][:100], self._left[number][100:]
        return {
            "result": some,
            "totalHits": len(self.rows),
            "scrollId": str(number) if self._left[number] else None,
        }

    def side_by_side(self) -> int:
        """How many scrolls were under way at the same moment, at most."""
        first = {number: at for at, (_, number) in reversed(list(enumerate(self.events)))}
        last = {number: at for at, (_, number) in enumerate(self.events)}
        return max(
            sum(first[number] <= at <= last[number] for number in first) for at in range(len(self.events))
        )


def read(scrolls: Scrolls, spool: Path | None = None, **reading: Any) -> list[Verified]:
    """All windows of at most 1,000 orders."""
    resource = RESOURCES["orders"]
    settings = Reading(**{"window_rows": 1_000, "budget": 20.0, "folder": spool, **reading})
    with (
        Wire(scrolls) as wire,
        OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
        ThreadPoolExecutor(20) as executor,
    ):
        normalizer = ResourceNormalizer(shape_of(resource, PersonalData("include", b"")))
        return list(Reader(ResourceRun(client, resource, normalizer, executor, reading=settings)).windows({}))


def test_pieces_are_read_side_by_side_and_handed_on_oldest_first() -> None:
    rows = orders(5_000)
    scrolls = Scrolls(rows, latency=0.1)
    windows = read(scrolls)
    assert ids(windows) == [row["id"] for row in rows]
    ends = [window.state["cursor"] for window in windows]
    assert len(ends) >= 6
    assert ends == sorted(set(ends))
    assert scrolls.side_by_side() >= 2
    # Each counts its own requests; the whole window's search and one for the overlap are nobody's.
    assert sum(window.requests for window in windows) == scrolls.searches + len(scrolls.events) - 2


@pytest.mark.parametrize("step", [-1, 7])
def test_a_first_page_that_does_not_show_the_oldest_row_costs_few_requests(step: int) -> None:
    """Newest first, as transactions come; or in an order of which the first page tells nothing."""
    rows = orders(6_000)
    scrolls = Scrolls(
        rows[::-1] if step < 0 else [row for start in range(6, -1, -1) for row in rows[start::7]]
    )
    assert ids(read(scrolls)) == [row["id"] for row in rows]
    assert len(scrolls.events) < 60 + 15
    assert scrolls.searches < 60


def test_rows_of_one_import_are_not_read_with_each_piece() -> None:
    """Cut finer and finer, every piece around their stamp held all of them."""
    rows = [{**row, "modified": day(1)} if n < 4_000 else row for n, row in enumerate(orders(6_000))]
    scrolls = Scrolls(rows)
    assert ids(read(scrolls)) == [row["id"] for row in rows]
    assert len(scrolls.events) < 60 + 15
    assert scrolls.searches < 90


def test_one_at_a_time_where_it_is_set() -> None:
    rows = orders(3_000)
    scrolls = Scrolls(rows, latency=0.02)
    assert ids(read(scrolls, windows_at_once=1)) == [row["id"] for row in rows]
    assert scrolls.side_by_side() == 1


def test_a_row_that_changes_while_pieces_are_read_is_met_in_the_newest() -> None:
    """The oldest piece is read again when the others are there, and one of its rows has moved meanwhile."""
    rows = orders(3_000)
    scrolls = Scrolls(rows)
    has_moved = threading.Event()

    def lose_the_first(number: int) -> Reply | None:
        # The whole window was asked for by a search, so the first scroll is that of the oldest piece.
        if number != 0 or has_moved.is_set():
            return None
        time.sleep(3)  # time enough for all others to begin
        now = iso(dt.datetime.now(dt.UTC))
        scrolls.rows = [{**row, "modified": now} if row["id"] == "o00007" else row for row in scrolls.rows]
        has_moved.set()
        return Reply("no such scroll", 404)

    scrolls.before_batch = lose_the_first
    windows = read(scrolls)
    assert has_moved.is_set()
    assert ids(windows) == [row["id"] for row in rows]
    assert "o00007" in ids([windows[-1]])
    newest = scrolls.bounds.index(max(scrolls.bounds))
    assert scrolls.events.index(("start", newest)) > max(
        at for at, (_, number) in enumerate(scrolls.events) if number != newest
    )


def test_where_the_oldest_piece_fails_nothing_of_the_others_is_left(tmp_path: Path) -> None:
    scrolls = Scrolls(orders(6_000), latency=0.02)
    scrolls.before_batch = lambda number: None if scrolls.bounds[number][0] else Reply("no such scroll", 404)
    scrolls.hides_a_row = True  # so that pages, which are tried then, are no better
    threads = threading.active_count()
    with pytest.raises(Incomplete, match=r"orders .*the cursor stays"):
        read(scrolls, tmp_path / "spool", failures=3)
    assert list(tmp_path.rglob("*.parquet")) == []
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= threads
