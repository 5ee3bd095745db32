"""What is kept of a resource between two runs, with a class for each rule, and how it recovers from a wrong clock.

State and its kinds    read from and written to the JSON that dlt keeps
healed                 a state without moments that cannot be right
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

from omnium_source.http.clock import Moment
from omnium_source.windows.window import iso, moment_of, second_of

Kept = Mapping[str, Any]
"""A state as dlt keeps it: JSON."""

JITTER = 5.0
"""Seconds by which the measured difference of the clocks may vary although no clock was set."""
AHEAD = dt.timedelta(seconds=60)
"""A kept moment that lies further in the future than this was kept by a wrong clock."""


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole_number(value: Any) -> int | None:
    return int(value) if _number(value) is not None else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None


def _as_kept(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return iso(value)
    return list(value) if isinstance(value, tuple) else value


READERS: Mapping[str, Callable[[Any], Any]] = {
    "cursor": moment_of,
    "clock_offset": _number,
    "page_base": _whole_number,
    "newest_first": lambda value: str(value) or None,
    "full_pass": moment_of,
    "is_first_read": lambda value: bool(value) or None,
    "missing": _whole_number,
    "of": _whole_number,
    "among": _whole_number,
    "limit": _whole_number,
    "open": _texts,
    "versions": lambda value: dict(value) if isinstance(value, Mapping) else None,
}
"""How each kept entry is read. A reader returns None for a value that makes no sense."""

EMPTY = "is_empty"
"""Set in a kept state without a cursor: everything was read, and there was no row."""
UNMOVED_WITHOUT_ROWS = ("cursor", "full_pass", "is_first_read", "open")
"""Entries that a read leaves unchanged if it shows no row."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What every resource keeps.

    `cursor`: the server's time up to which everything is read. `clock_offset`: the server's clock minus this machine's
    in seconds when the state was kept. `page_base`: the number of the first page, where the API description leaves it
    open. `newest_first`: whether the server was seen to sort by changes (`by_order.py`). `full_pass`: when everything
    was last read, for rules that read everything every few days.
    """

    cursor: dt.datetime | None = None
    clock_offset: float | None = None
    page_base: int | None = None
    newest_first: str | None = None
    full_pass: dt.datetime | None = None

    @classmethod
    def read(cls, kept: Kept) -> Self:
        """Read a kept state, also one of an earlier version; unknown entries and invalid values are left out."""
        entries = {
            one.name: READERS[one.name](kept[one.name])
            for one in fields(cls)
            if kept.get(one.name) is not None
        }
        return cls(**entries)

    def kept(self) -> dict[str, Any]:
        """The state as JSON, without the entries that are None."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: _as_kept(value) for name, value in values.items() if value is not None}

    @property
    def cursor_second(self) -> dt.datetime | None:
        """The cursor, cut to the second: rows that a later read finds below it have appeared late."""
        return self.cursor and second_of(self.cursor)


@dataclass(frozen=True, kw_only=True)
class WindowState(State):
    """The state of `window` and `event`.

    `is_first_read`: the first read, however many windows it takes, is not finished. `missing`: how many rows without a
    stamp a read could not show; `of`: how many such rows the server counted; `among`: how many rows it counted in all.
    `limit`: the count at which the server's counts stopped, so that rows without a stamp could not be counted.
    """

    is_first_read: bool | None = None
    missing: int | None = None
    of: int | None = None
    among: int | None = None
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class OpenState(State):
    """The state of `open`. `open`: ids of the rows that can still change."""

    open: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class VersionsState(State):
    """The state of `versions`. `versions`: supplier id → the newest version that was read."""

    versions: dict[str, str] | None = None


S = TypeVar("S", bound=State)


def healed(state: S, moment: Moment, remark: Callable[[str], None]) -> S:
    """Return `state` with impossible moments moved back, and with the present difference of the clocks.

    If the server's clock has moved back against this machine's since the cursor was kept, changes may carry stamps from
    before the cursor, so the cursor moves back by as much. A cursor that still lies in the future is dropped, because
    nobody knows when it was kept. `remark` is called with what a person should know.
    """
    kept, cursor = state.clock_offset or 0.0, state.cursor
    offset = kept if moment.offset is None else moment.offset
    if abs(offset - kept) > JITTER or state.clock_offset is None:
        state = replace(state, clock_offset=round(offset))
    moved_back = kept - offset + JITTER if kept - offset > JITTER else 0.0
    if cursor and moved_back:
        cursor -= dt.timedelta(seconds=moved_back)
        state = replace(state, cursor=cursor)
        if moved_back > AHEAD.total_seconds():
            remark(
                f"the server's clock moved back by {moved_back:,.0f} s against this machine's since the last run, "
                f"so it is read from {iso(cursor)} on"
            )
    if cursor and cursor > moment.earliest + AHEAD:
        state = replace(state, cursor=None)
        remark(
            f"its cursor {iso(cursor)} lies ahead of now, {iso(moment.earliest)}: a clock was wrong when it was kept, "
            "so everything is read again"
        )
    if state.full_pass and (state.cursor is None or state.full_pass > moment.earliest + AHEAD):
        state = replace(state, full_pass=None)
    return state
