"""The bounds of one read, the settings of a read, and how a window is cut into smaller ones.

Window        the bounds of one read
Reading       the settings of a read: lag, sizes, budgets
cut           cuts a window at some moments
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from omnium_source.errors import Incomplete
from omnium_source.normalize.columns import microseconds
from omnium_source.resources import Resource

Row = Mapping[str, Any]


def iso(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as the API writes it."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EARLIEST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
LATEST = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
"""The first and the last moment used as a bound: a day short of Python's limits, so that time zones and overlaps still
fit."""


def moment_of(value: Any) -> dt.datetime | None:
    """The moment in a text of the API or of a state, None if it holds none; a text without a zone is UTC."""
    count = microseconds(value)
    return None if count is None else moment_at(count)


def microseconds_of(moment: dt.datetime) -> int:
    """The microseconds between 1970-01-01 UTC and a moment."""
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def moment_at(count: int) -> dt.datetime:
    """The moment `count` microseconds after 1970-01-01 UTC, limited to `EARLIEST` and `LATEST`."""
    first, last = microseconds_of(EARLIEST), microseconds_of(LATEST)
    return EPOCH + dt.timedelta(microseconds=min(max(count, first), last))


def second_of(moment: dt.datetime) -> dt.datetime:
    """A moment, cut to the second."""
    return moment.replace(microsecond=0)


@dataclass(frozen=True)
class Window:
    """The bounds of one read: on the resource's cursor and, where the cursor cannot split it, on creation.

    None leaves an end open. `end` is the server's time up to which everything is read once this window is loaded; None
    if more windows are needed for that.
    """

    lower: dt.datetime | None = None
    upper: dt.datetime | None = None
    created_lower: dt.datetime | None = None
    created_upper: dt.datetime | None = None
    end: dt.datetime | None = None

    def check(self, name: str) -> None:
        """Raise Incomplete if a lower bound lies above its upper bound: such a window is empty and proves nothing.

        `name` is the resource's name, for the message.
        """
        for lower, upper in ((self.lower, self.upper), (self.created_lower, self.created_upper)):
            if lower and upper and lower > upper:
                raise Incomplete(
                    f"{name}: a window from {iso(lower)} to {iso(upper)} ends before it begins, so nothing was read: "
                    "compare the clocks of this machine and of the server (`omnium-elt check`)"
                )

    @property
    def is_unbounded(self) -> bool:
        """Whether the window has no bounds and so leaves out no row."""
        return not (self.lower or self.upper or self.created_lower or self.created_upper)

    def body(self, resource: Resource) -> dict[str, str]:
        """The request's fields for these bounds."""
        bounds = {
            resource.lower: self.lower,
            resource.upper: self.upper,
            resource.created_lower: self.created_lower,
            resource.created_upper: self.created_upper,
        }
        return {name: iso(value) for name, value in bounds.items() if name and value}


@dataclass(frozen=True)
class Reading:
    """The settings of a read. Times are in seconds or days, sizes in rows or bytes.

    One record, as each field is a setting.
    """

    settling_lag_seconds: float = 120.0
    trailing_days: float = 30.0
    full_pass_days: float = 30.0
    window_rows: int = 250_000
    window_bytes: int = 128 * 1024 * 1024
    memory_share: float = 1.0
    """Factor on `BATCH_BYTES` and `IN_MEMORY_BYTES`: below 1 where memory is short."""
    windows_at_once: int = 8
    """The most windows of one resource that are read at the same time."""
    budget: float = 300.0
    tries: int = 5
    """Attempts at one window."""
    failures: int = 12
    """How many failures in a row are tolerated over all windows of a resource, however small the windows were made."""
    since: dt.datetime | None = None
    folder: Path | None = None
    """Where large windows wait until they are loaded; the system's folder for temporary files if None."""
    shares: Mapping[str, Window] = field(default_factory=dict)
    """Resource → the only part of its first read that this process reads (`shares.py`)."""

    @property
    def settling_lag(self) -> dt.timedelta:
        """How long the search index may take to show a change."""
        return dt.timedelta(seconds=self.settling_lag_seconds)

    @classmethod
    def by(cls, settings: Mapping[str, Any], **others: Any) -> "Reading":
        """Build it from the settings that are named like its fields; `others` take precedence."""
        named = {one.name: settings[one.name] for one in fields(cls) if one.name in settings}
        return cls(**{**named, **others})


def cut(
    window: Window, marks: Sequence[dt.datetime], low: str, high: str, overlap: dt.timedelta
) -> list[Window]:
    """Cut a window at `marks` into several, oldest first; the outer ends stay open if they were.

    `low`, `high`: the names of the bounds to cut, `lower` and `upper` or those of creation. Neighbours share a stretch
    of length `overlap`.
    """
    # The overlap begins after the mark, so that rows stamped exactly at the mark are in one part only.
    starts = [getattr(window, low), *(mark + overlap for mark in marks)]
    stops = [*(mark + 2 * overlap for mark in marks), getattr(window, high)]
    # Only parts cut along the cursor may have an `end`: once they are loaded, everything before it has been
    # read.
    ends = [mark if low == "lower" and window.end else None for mark in marks] + [window.end]
    return [
        replace(window, **{low: start, high: stop}, end=end)
        for start, stop, end in zip(starts, stops, ends, strict=True)
    ]


def key_of(resource: Resource, row: Row) -> str:
    """The key that identifies a row within its resource."""
    return "|".join(str(value_at(row, path)) for path in resource.key)


def value_at(row: Row, path: str) -> Any:
    """The value at a path of names joined by dots, None if there is none."""
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def texts_at(rows: Sequence[Row], path: str) -> set[str]:
    """All non-empty texts at a path in some rows, numbers among them; the path may lead through lists."""
    values: list[Any] = list(rows)
    for name in path.split("."):
        values = [value.get(name) for value in values if isinstance(value, Mapping)]
        values = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return {str(value) for value in values if value != "" and type(value) in (str, int)}


def stamps_at(rows: Sequence[Row], path: str) -> list[dt.datetime]:
    """The stamps at a path of those rows that have one, cut to the second: bounds of windows need no finer ones."""
    return [second_of(stamp) for row in rows if (stamp := moment_of(value_at(row, path)))]
