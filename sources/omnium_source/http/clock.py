"""The server's time, when neither the server's clock nor this machine's can be trusted alone.

A cursor says that everything up to it has been read. If it is later than the stamps that the server gives to new rows,
changes are lost for good; if it is earlier, some rows are read again. So the earlier of two clocks counts: this
machine's, and the server's, known from the `Date` headers of its answers.

    ServerClock   compares the headers with this machine's clock
    Moment        one moment, by both clocks
    duration      a length of time in words
"""

import datetime as dt
import math
import statistics
import threading
import time
from collections import deque
from dataclasses import dataclass

from omnium_source.http.answers import moment_in

SAMPLES = 64
"""Number of latest headers that count, so that a change of the clock is noticed within a run."""
AGREEMENT = dt.timedelta(seconds=60)
"""Clocks that differ by less than this agree; then one header is enough."""
FEWEST_SAMPLES = 5
"""Headers needed if they disagree with this machine's clock: the median outvotes one odd answer."""
FEWEST_WITHOUT = 3
"""Number of answers without a usable header after which no more headers are requested."""
GARBAGE = dt.timedelta(days=3_653)
"""A header that differs by more than this is ignored: it comes from a clock that was never set."""
UNKNOWN_MARGIN = dt.timedelta(minutes=5)
"""How far this machine's clock may be off if the server sends no time."""


@dataclass(frozen=True)
class Moment:
    """One moment, by both clocks.

    `earliest` is not later than the stamp of any row that changes from now on, unless both clocks are fast. `latest`
    is not earlier than the stamp of any row that changed before now. `offset`: the server's clock minus this machine's,
    in seconds; None if the server sends no time.
    """

    earliest: dt.datetime
    latest: dt.datetime
    offset: float | None


class ServerClock:
    """Compares `Date` headers with this machine's clock. Safe to use from several threads."""

    def __init__(self) -> None:
        self._began, self._monotonic = dt.datetime.now(dt.UTC), time.monotonic()
        self._offsets: deque[dt.timedelta] = deque(maxlen=SAMPLES)
        self._lock = threading.Lock()
        self.answers = 0
        self._unusable = 0
        self._oddest = dt.timedelta()

    def own_time(self) -> dt.datetime:
        """This machine's time. Setting the clock during the run does not affect it."""
        return self._began + dt.timedelta(seconds=time.monotonic() - self._monotonic)

    def note(self, header: str | None) -> None:
        """Record the `Date` header of an answer."""
        server = moment_in(header)
        offset = server - self.own_time() if server else None
        with self._lock:
            self.answers += 1
            if offset is None or abs(offset) > GARBAGE:
                self._unusable += 1
                return
            self._offsets.append(offset)
            self._oddest = max(self._oddest, offset, key=abs)

    @property
    def offset(self) -> dt.timedelta | None:
        """The server's time minus this machine's, as the median of the latest headers; None without a usable header."""
        with self._lock:
            # Headers are cut to the second and already old when they arrive, so this is early by about a second.
            return statistics.median_low(self._offsets) if self._offsets else None

    @property
    def is_settled(self) -> bool:
        """Whether enough headers came: a clock that disagrees with this machine's needs several."""
        offset = self.offset
        with self._lock:
            agrees = offset is not None and abs(offset) < AGREEMENT
            return agrees or len(self._offsets) >= FEWEST_SAMPLES or self._unusable >= FEWEST_WITHOUT

    def moment(self, assumed: float | None = None) -> Moment:
        """Now. `assumed`: the offset of an earlier run in seconds, used if the server sends no time in this run."""
        own, offset = self.own_time(), self.offset
        if offset is None:
            server = own + dt.timedelta(seconds=assumed or 0.0)
            return Moment(min(own, server) - UNKNOWN_MARGIN, max(own, server) + UNKNOWN_MARGIN, None)
        server = own + offset
        return Moment(min(own, server), max(own, server), offset.total_seconds())

    def remarks(self) -> list[str]:
        """Messages for the user about the clocks, a sentence each; empty if they agree."""
        offset, said = self.offset, list[str]()
        if offset is None:
            if self.answers:
                said.append(
                    "the server sends no usable Date header: windows end "
                    f"{UNKNOWN_MARGIN.seconds // 60} minutes before this machine's time, so keep its clock right"
                )
            return said
        if abs(offset) >= AGREEMENT:
            direction = "ahead of" if offset > dt.timedelta() else "behind"
            said.append(
                f"the server's clock is {duration(offset.total_seconds())} {direction} this machine's: windows end at "
                "the earlier of both, and what lies between is read again in each run; set the one that is wrong"
            )
        off = self._oddest - offset
        if abs(off) >= AGREEMENT:
            said.append(
                f"a Date header was {duration(off.total_seconds())} off the others: the median of them counts"
            )
        if self._unusable:
            said.append(f"{self._unusable:,} of {self.answers:,} answers had no usable Date header")
        return said


def duration(seconds: float) -> str:
    """A length of time in a suitable unit, without its sign: 90 seconds, 3 hours, 12 days."""
    seconds = abs(seconds)
    if math.isinf(seconds):
        return "for ever"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
