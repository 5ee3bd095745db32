"""What all strategies share: a strategy turns a resource's state into windows, and says which state follows each."""

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
"""The server's time is known to the second, and old when it arrives. What changed a moment ago belongs to a window
that is asked for now, so its upper bound lies this much after the later of the two clocks: also where a server
compares by the minute and leaves the last one out."""
EARLY = dt.timedelta(hours=3)
"""What is due after some days is due so much earlier: a nightly run begins a little before or after the hour, and
clocks are set forward."""


class Strategy(ABC, Generic[S]):
    """How a resource stays current. `moment`: now, by both clocks; `now`: the end of what this run reads."""

    state_type: ClassVar[type[State]] = State
    """The class of the state that it is given."""

    def __init__(self, run: ResourceRun, scheduler: Scheduler, moment: Moment) -> None:
        self.run, self.scheduler, self.moment = run, scheduler, moment
        self.now = moment.earliest

    @abstractmethod
    def windows(self, state: S) -> Iterator[Verified]:
        """Read what is new since `state`, oldest first. Each window carries the state to keep after it."""

    @property
    def latest(self) -> dt.datetime:
        """An upper bound above all that has changed until now."""
        return self.moment.latest + CLOCK_MARGIN

    def since(self, state: State) -> dt.datetime | None:
        """Where to read from: a settling lag before the cursor; without one, where the user wants to begin."""
        if state.cursor is None:
            return self.run.reading.since
        cursor = min(second_of(state.cursor), self.now)
        return cursor - self.run.reading.settling_lag

    def is_full_pass_due(self, state: State) -> bool:
        """Whether everything is to be read again, as it is every few days."""
        last, days = state.full_pass, self.run.reading.full_pass_days
        return last is None or self.now - last > dt.timedelta(days=days) - EARLY

    def kept(self, state: S, **changes: Any) -> dict[str, Any]:
        """`state` with `changes`, and with what was found out about the server, as it is kept."""
        learned, is_declared = self.run.server.learned, self.run.resource.page_base_is_clear
        found = {"page_base": learned.page_base} if learned.is_base_clear and not is_declared else {}
        return replace(state, **{**found, **changes}).kept()

    def read(self, window: Window, query: Query | None = None) -> Iterator[Verified]:
        """Read a window: as one, or, where it is too large or does not add up, in parts."""
        for rows in self.scheduler.read(window, query):
            yield rows.verified()

    def with_final_state(self, windows: Iterator[Verified], state: S, **changes: Any) -> Iterator[Verified]:
        """Hand the windows on with `state`, the last one with the cursor moved and with `changes`.

        The cursor moves with the last part alone: a full pass cut short has to start again.
        """
        previous: Verified | None = None
        try:
            for verified in windows:
                if previous:
                    previous.state = self.kept(state)
                    yield previous
                previous = verified
        except Incomplete:
            # What came is verified by itself; only whether it is all there is was not.
            if previous:
                previous.state = self.kept(state)
                yield previous
            raise
        if previous:
            previous.state = self.kept(state, cursor=self.now, **changes)
            yield previous
