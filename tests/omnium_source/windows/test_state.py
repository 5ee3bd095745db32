"""What is kept of a resource between two runs: read as it was written, by this version and by earlier ones."""

import datetime as dt
from typing import Any

import pytest
from omnium_source.windows.state import OpenState, State, VersionsState, WindowState
from omnium_source.windows.strategies import STRATEGIES

MOMENT = dt.datetime(2026, 3, 1, 8, 30, 15, 123_000, dt.UTC)
KEPT = "2026-03-01T08:30:15.123Z"


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (State(), {}),
        (
            State(cursor=MOMENT, clock_offset=-3, page_base=0, newest_first="honoured", full_pass=MOMENT),
            {
                "cursor": KEPT,
                "clock_offset": -3,
                "page_base": 0,
                "newest_first": "honoured",
                "full_pass": KEPT,
            },
        ),
        (WindowState(cursor=MOMENT, is_first_read=True), {"cursor": KEPT, "is_first_read": True}),
        (OpenState(cursor=MOMENT, open=()), {"cursor": KEPT, "open": []}),
        (OpenState(open=("a", "b")), {"open": ["a", "b"]}),
        (VersionsState(versions={"s1": "v2"}), {"versions": {"s1": "v2"}}),
    ],
)
def test_a_state_is_kept_as_json_and_read_again(state: State, kept: dict[str, Any]) -> None:
    assert state.kept() == kept
    assert type(state).read(kept) == state


@pytest.mark.parametrize(
    ("kept", "cursor"),
    [
        ({"cursor": "2026-03-01T08:30:15Z"}, MOMENT.replace(microsecond=0)),
        ({"cursor": "2026-03-01T08:30:15.1234567Z"}, MOMENT.replace(microsecond=123_456)),
        ({"cursor": "2026-03-01T08:30:15"}, MOMENT.replace(microsecond=0)),
        ({"cursor": None}, None),
        ({"cursor": 5, "clock_offset": "x", "page_base": [], "full_pass": {}}, None),
        ({"cursor": "soon", "from a later version": 1, "left_out_before": "2020"}, None),
    ],
)
def test_what_makes_no_sense_is_left_out(kept: dict[str, Any], cursor: dt.datetime | None) -> None:
    assert State.read(kept) == State(cursor=cursor)


def test_what_is_asked_for_begins_with_the_second_of_the_cursor() -> None:
    assert State(cursor=MOMENT).cursor_second == MOMENT.replace(microsecond=0)
    assert State().cursor_second is None


def test_each_rule_has_a_state() -> None:
    kinds = {rule: strategy.state_type.__name__ for rule, strategy in STRATEGIES.items()}
    assert kinds == {
        "window": "WindowState",
        "event": "WindowState",
        "from": "State",
        "full": "State",
        "trailing": "State",
        "open": "OpenState",
        "versions": "VersionsState",
    }
