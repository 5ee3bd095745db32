"""A resource in this run: state in, verified windows out, oldest first.

A window is complete when the distinct keys read from it equal the server's own count for it (`reader.py`). It ends at
the earlier of the server's time and ours, and the next one starts a settling lag before that end, because the index
behind the search shows some changes late.

    Reader        walks one resource by its strategy
"""

import datetime as dt
from collections.abc import Iterator

from omnium_source.errors import ConfigurationError
from omnium_source.http.paginators import PageBase
from omnium_source.windows.by_order import ByOrder
from omnium_source.windows.reader import Query, Verified
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.scheduler import Scheduler
from omnium_source.windows.state import State, healed
from omnium_source.windows.strategies import STRATEGIES
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Window, iso


class Reader:
    """Reads one resource, window by window."""

    def __init__(self, run: ResourceRun) -> None:
        self._run, self._scheduler = run, Scheduler(run)

    def windows(self, state: State) -> Iterator[Verified]:
        """Read what is new since `state`, oldest first. Each window carries the state to keep after it.

        Raises what the client raises, and Incomplete where a window could not be verified; windows that were
        handed out before stay valid.
        """
        run, since = self._run, self._run.reading.since
        moment = run.client.moment(state.get("clock_offset"))
        if "page_base" in state:
            run.base = PageBase(int(state["page_base"]), True)
        if since and since > moment.latest:
            raise ConfigurationError(f"since={iso(since)} lies in the future: give a day that is over")
        strategy: Strategy = STRATEGIES[run.resource.rule](run, self._scheduler, moment)
        if run.resource.newest_first:
            strategy = ByOrder(strategy)
        yield from strategy.windows(healed(state, moment, run.remark))

    def sweep(self, since: dt.datetime | None = None) -> Iterator[set[str]]:
        """The keys of all rows there are, from `since` on, by the cheapest request; complete, or it raises."""
        now = self._run.client.server_time()
        for attempt in self._scheduler.of(Window(since, end=now), Query(self._run.resource.key_only or None)):
            attempt.close()
            yield attempt.keys
