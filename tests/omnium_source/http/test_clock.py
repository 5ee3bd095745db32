"""The server's clock, as the Date headers of its answers tell it: believed only where it can do no harm."""

import datetime as dt
import email.utils
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from omnium_source import RESOURCES
from omnium_source.errors import ConfigurationError, Incomplete
from omnium_source.http.client import OmniumClient
from omnium_source.http.clock import FEWEST_SAMPLES, UNKNOWN_MARGIN, ServerClock
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pii.masking import PersonalData
from omnium_source.windows.resource_reader import Reader
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.window import Reading, Window, iso, moment_of

from tests.support.wire import Asked, Reply, Wire, search

HOUR, DAY, YEAR = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=365)
CLOSE = dt.timedelta(seconds=8)
NO_DATE = ""


Header = dt.timedelta | str | None
"""What the server says: so much after the right time, or this text."""
RIGHT = dt.timedelta()


def sent(header: Header) -> str | None:
    if not isinstance(header, dt.timedelta):
        return header
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + header, usegmt=True)


def clock_of(headers: Iterable[Header]) -> ServerClock:
    clock = ServerClock()
    for one in headers:
        clock.note(sent(one))
    return clock


@pytest.mark.parametrize(
    ("headers", "earliest", "latest"),
    [
        ([RIGHT], RIGHT, RIGHT),
        ([-3 * HOUR] * 5, -3 * HOUR, RIGHT),
        ([3 * HOUR] * 5, RIGHT, 3 * HOUR),
        ([YEAR, *[RIGHT] * 4], RIGHT, RIGHT),
        ([-YEAR, *[RIGHT] * 4], RIGHT, RIGHT),
        ([11 * YEAR] * 5, -UNKNOWN_MARGIN, UNKNOWN_MARGIN),
        (["Thu, 01 Jan 1970 00:00:00 GMT"] * 5, -UNKNOWN_MARGIN, UNKNOWN_MARGIN),
        ([None, "", "yesterday", "Thu, 99 Foo 9999 99:99:99 GMT"], -UNKNOWN_MARGIN, UNKNOWN_MARGIN),
        ([None, -HOUR, -HOUR, None, -HOUR], -HOUR, RIGHT),
    ],
)
def test_the_earlier_of_both_clocks_ends_a_window_and_the_later_one_bounds_it(
    headers: list[Header], earliest: dt.timedelta, latest: dt.timedelta
) -> None:
    moment, now = clock_of(headers).moment(), dt.datetime.now(dt.UTC)
    assert abs(moment.earliest - now - earliest) < CLOSE
    assert abs(moment.latest - now - latest) < CLOSE


def test_a_clock_that_jumps_back_is_followed_within_a_run() -> None:
    clock = clock_of([RIGHT] * 20 + [-HOUR] * 40)
    assert abs(clock.moment().earliest - dt.datetime.now(dt.UTC) + HOUR) < CLOSE


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([RIGHT], []),
        ([None, "", "soon"], ["the server sends no usable Date header"]),
        ([YEAR, *[RIGHT] * 4], ["a Date header was 365 days off the others"]),
        ([-3 * HOUR] * 5, ["the server's clock is 3 hours behind this machine's"]),
        ([HOUR / 6] * 5, ["the server's clock is 10 minutes ahead of this"]),
        ([RIGHT, None, RIGHT], ["1 of 3 answers had no usable Date header"]),
    ],
)
def test_what_a_person_is_told(headers: list[Header], says: list[str]) -> None:
    remarks = clock_of(headers).remarks()
    assert len(remarks) == len(says)
    assert all(text in remark for text, remark in zip(says, remarks, strict=True))


class Tenant:
    """A server of suppliers whose clock and whose Date header are two things."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.header: list[Header] = [RIGHT]
        self.notes: list[str] = []

    def answer(self, asked: Asked) -> Any:
        date = sent(self.header.pop(0) if len(self.header) > 1 else self.header[0]) or NO_DATE
        if asked.path == "token":
            return Reply({"accessToken": Wire.token, "expiresIn": 864_000}, headers={"Date": date})
        found = search(self.rows, asked.body)
        return Reply(found.body, found.status, {"Date": date})

    def read(self, state: dict[str, Any] | None = None, **reading: Any) -> tuple[list[str], dict[str, Any]]:
        """The ids that one run reads, and the state it leaves."""
        resource, self.notes = RESOURCES["suppliers"], []
        with (
            Wire(self.answer, own_token=True) as wire,
            OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
            ThreadPoolExecutor(4) as executor,
        ):
            normalizer = ResourceNormalizer(shape_of(resource, PersonalData("include", b"")))
            settings = Reading(**{"budget": 20.0, **reading})
            run = ResourceRun(client, resource, normalizer, executor, reading=settings, notes=self.notes)
            windows = list(Reader(run).windows(state or {}))
            self.notes += client.clock.remarks()
        ids = [
            id
            for window in windows
            for part in window.tables.finish().parts
            if part.name == "suppliers"
            for table in part.tables()
            for id in table["id"].to_pylist()
        ]
        return sorted(ids), windows[-1].state


def stamped(name: str, offset: dt.timedelta = RIGHT) -> dict[str, Any]:
    return {"id": name, "modified": iso(dt.datetime.now(dt.UTC) + offset)}


NOTHING_LOST = {
    "token a year ahead": ([YEAR, RIGHT], RIGHT),
    "token ten minutes ahead": ([HOUR / 6, RIGHT], RIGHT),
    "token a year behind": ([-YEAR, RIGHT], RIGHT),
    "all answers an hour ahead, the stamps are right": ([HOUR], RIGHT),
    "all answers an hour ahead, and the stamps": ([HOUR], HOUR),
    "all answers three hours behind, the stamps are right": ([-3 * HOUR], RIGHT),
    "all answers three hours behind, and the stamps": ([-3 * HOUR], -3 * HOUR),
    "jumps back": ([RIGHT, RIGHT, -HOUR], -HOUR),
    "no header": ([NO_DATE], RIGHT),
    "garbage": (["tomorrow"], RIGHT),
    "never set": (["Thu, 01 Jan 1970 00:00:07 GMT"], RIGHT),
}


@pytest.mark.parametrize("kind", NOTHING_LOST)
def test_a_change_after_the_first_run_is_met_by_the_second(kind: str) -> None:
    headers, stamps = NOTHING_LOST[kind]
    tenant = Tenant([stamped("a", stamps - DAY), stamped("b", stamps - DAY)])
    tenant.header = list(headers)
    first, state = tenant.read(settling_lag_seconds=10.0)
    assert first == ["a", "b"]
    tenant.rows[0] = stamped("a", stamps)
    tenant.header = [headers[-1]]
    second, state = tenant.read(state, settling_lag_seconds=10.0)
    assert "a" in second
    # The same again with clocks that are right by now.
    tenant.rows[1] = stamped("b")
    tenant.header = [RIGHT]
    assert "b" in tenant.read(state, settling_lag_seconds=10.0)[0]
    assert moment_of(state["cursor"]) <= dt.datetime.now(dt.UTC) + CLOSE  # type: ignore[operator]


@pytest.mark.parametrize("ahead", [HOUR / 6, YEAR, 900 * YEAR])
def test_a_cursor_that_a_wrong_clock_left_is_moved_back_told_and_nothing_is_missed(
    ahead: dt.timedelta,
) -> None:
    """As the version before left it: changed rows between the wrong run and this one are older than now."""
    tenant = Tenant([stamped("a", -3 * DAY), stamped("b", -HOUR)])
    wrong = {"cursor": iso(dt.datetime.now(dt.UTC) + ahead), "page_base": 0}
    ids, state = tenant.read(wrong)
    assert ids == ["a", "b"]
    assert moment_of(state["cursor"]) <= dt.datetime.now(dt.UTC) + CLOSE  # type: ignore[operator]
    assert [note.partition(" lies ahead of now")[0] for note in tenant.notes] == [
        f"suppliers: its cursor {wrong['cursor']}"
    ]
    assert tenant.read(state)[0] == []
    assert tenant.notes == []


def test_a_servers_clock_that_was_set_back_between_two_runs_hides_no_change() -> None:
    """Its changes carry stamps from before the cursor for an hour."""
    tenant = Tenant([stamped("a", -DAY)])
    _, state = tenant.read()
    tenant.header, tenant.rows[0] = [-HOUR], stamped("a", -HOUR)
    ids, _ = tenant.read(state)
    assert ids == ["a"]
    assert any("clock moved back by 3,6" in note for note in tenant.notes)


def test_a_full_pass_noted_in_the_future_is_due() -> None:
    """A clock that was wrong for a day would put it off for years."""
    resource = RESOURCES["invoices"]
    bounds = ("createdFrom", "createdTo", "created")
    future = iso(dt.datetime.now(dt.UTC) + YEAR)
    rows = [{"id": "a", "created": "2026-01-01T00:00:00.000Z"}]
    with (
        Wire(lambda asked: search(rows, asked.body, bounds=bounds)) as wire,
        OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client,
        ThreadPoolExecutor(4) as executor,
    ):
        normalizer = ResourceNormalizer(shape_of(resource, PersonalData("include", b"")))
        run = ResourceRun(client, resource, normalizer, executor)
        (window,) = Reader(run).windows({"cursor": future, "full_pass": future})
    assert "createdFrom" not in wire.asked[-1].body
    assert moment_of(window.state["full_pass"]) < dt.datetime.now(dt.UTC) + CLOSE  # type: ignore[operator]


def test_a_window_that_ends_before_it_begins_is_an_error() -> None:
    later, earlier = dt.datetime(2027, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    says = (
        r"suppliers: a window from 2027-01-01T00:00:00.000Z to 2026-01-01T00:00:00.000Z ends before it begins"
    )
    with pytest.raises(Incomplete, match=says):
        Window(later, earlier).check("suppliers")
    with pytest.raises(Incomplete, match=says):
        Window(created_lower=later, created_upper=earlier).check("suppliers")
    Window(earlier, later).check("suppliers")


def test_since_in_the_future_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lies in the future"):
        Tenant([]).read(since=dt.datetime.now(dt.UTC) + DAY)


def test_an_agreeing_clock_costs_no_request_and_another_one_a_few() -> None:
    tenant = Tenant([])
    with Wire(tenant.answer, own_token=True) as wire:
        for headers, requests in (([RIGHT], 1), ([HOUR], FEWEST_SAMPLES), ([NO_DATE], 3)):
            wire.asked.clear()
            tenant.header = headers
            with OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client:
                client.moment()
                client.moment()
            assert len(wire.asked) == requests
