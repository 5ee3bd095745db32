"""The base class of all strategies, which turn a resource's state into windows and say which state follows each."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from omnium_source.errors import Incomplete
from omnium_source.http.clock import Moment
from omnium_source.windows.gathered import Query, Verified
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.scheduler import Scheduler
from omnium_source.windows.state import State
from omnium_source.windows.window import Window, second_of

S = TypeVar("S", bound=State)

CLOCK_MARGIN = dt.timedelta(seconds=65)
"""How far an upper bound lies after the later of the two clocks. The server's time is known to the second and is old
when it arrives, and a change made a moment ago belongs to the window that is read now. The margin exceeds a minute
because a server may compare by the minute and exclude the last one."""
EARLY = dt.timedelta(hours=3)
"""A full pass that is due after some days is read this much earlier: a nightly run begins a little before or after the
hour, and clocks are set forward."""


class Strategy(ABC, Generic[S]):
    """How a resource stays current. `moment`: now, by both clocks; `now`: the end of what this run reads."""

    state_type: ClassVar[type[State]] = State
    """The class of the state that `windows` takes."""

    def __init__(self, run: ResourceRun, scheduler: Scheduler, moment: Moment) -> None:
        self.run, self.scheduler, self.moment = run, scheduler, moment
        self.now = moment.earliest

    @abstractmethod
    def windows(self, state: S) -> Iterator[Verified]:
        """Read what is new since `state`, oldest first. Each window carries the state to keep once it is loaded."""

    @property
    def latest(self) -> dt.datetime:
        """An upper bound that is later than every change made until now."""
        return self.moment.latest + CLOCK_MARGIN

    def since(self, state: State) -> dt.datetime | None:
        """Where to read from: a settling lag before the cursor or, without a cursor, the `since` of the settings."""
        if state.cursor is None:
            return self.run.reading.since
        cursor = min(second_of(state.cursor), self.now)
        return cursor - self.run.reading.settling_lag

    def is_full_pass_due(self, state: State) -> bool:
        """Whether everything is to be read again, as it is every `full_pass_days`."""
        last, days = state.full_pass, self.run.reading.full_pass_days
        return last is None or self.now - last > dt.timedelta(days=days) - EARLY

    def kept(self, state: S, **changes: Any) -> dict[str, Any]:
        """`state` as JSON, with `changes` and with the page base if this run found it out."""
        learned, is_declared = self.run.server.learned, self.run.resource.page_base_is_clear
        found = {"page_base": learned.page_base} if learned.is_base_clear and not is_declared else {}
        return replace(state, **{**found, **changes}).kept()

    def read(self, window: Window, query: Query | None = None) -> Iterator[Verified]:
        """Read a window: at once or, if it is too large or its counts do not match, in parts."""
        for rows in self.scheduler.read(window, query):
            yield rows.verified()

    def with_final_state(self, windows: Iterator[Verified], state: S, **changes: Any) -> Iterator[Verified]:
        """Pass the windows on with `state`, the last one with the cursor moved and with `changes`.

        Only the last window moves the cursor, so a full pass that is cut short starts again.
        """
        previous: Verified | None = None
        try:
            for verified in windows:
                if previous:
                    previous.state = self.kept(state)
                    yield previous
                previous = verified
        except Incomplete:
            # The rows of this window are valid, although the read as a whole is not proved complete.
            if previous:
                previous.state = self.kept(state)
                yield previous
            raise
        if previous:
            previous.state = self.kept(state, cursor=self.now, **changes)
            yield previous
