"""A resource in this run: state in, verified windows out, oldest first.

A window is complete when the distinct keys read from it equal the server's own count for it (`reader.py`). It ends at
the earlier of the server's time and ours, and the next one starts a settling lag before that end, because the index
behind the search shows some changes late.

    Reader        walks one resource by its strategy
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from omnium_source.errors import ConfigurationError
from omnium_source.windows.by_order import ByOrder
from omnium_source.windows.gathered import Query, Verified
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.scheduler import Scheduler
from omnium_source.windows.state import Kept, State, healed
from omnium_source.windows.strategies import STRATEGIES
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Window, iso


def _unmoved_without_rows(windows: Iterator[Verified], before: State) -> Iterator[Verified]:
    """The windows; where none of them shows a row, their states leave the cursor where it was.

    A server whose index is built anew counts nothing for a while, and nothing in that tells it from a quiet day. So the
    next read begins where a row was seen last: it is shown what this one was not, for no request more, and meets no row
    a second time, as there was none.
    """
    rows = 0
    for verified in windows:
        rows += verified.rows
        if not rows and before.cursor:
            after = type(before).read(verified.state)
            verified.state = replace(after, cursor=before.cursor, full_pass=before.full_pass).kept()
        yield verified


class Reader:
    """Reads one resource, window by window."""

    def __init__(self, run: ResourceRun) -> None:
        self._run, self._scheduler = run, Scheduler(run)

    def windows(self, kept: Kept) -> Iterator[Verified]:
        """Read what is new since the state that was `kept`, oldest first; each window carries the next one.

        Raises what the client raises, and Incomplete where a window could not be verified; windows that were
        handed out before stay valid.
        """
        run, since = self._run, self._run.reading.since
        rule = STRATEGIES[run.resource.rule]
        state = rule.state_type.read(kept)
        moment = run.client.moment(state.clock_offset)
        if state.page_base is not None:
            run.server.base.number, run.server.base.is_clear = state.page_base, True
        if since and since > moment.latest:
            raise ConfigurationError(f"since={iso(since)} lies in the future: give a day that is over")
        strategy: Strategy[Any] = rule(run, self._scheduler, moment)
        if run.resource.newest_first:
            strategy = ByOrder(strategy)
        before = healed(state, moment, run.remark)
        yield from _unmoved_without_rows(strategy.windows(before), before)

    def sweep(self, since: dt.datetime | None = None) -> Iterator[set[str]]:
        """The keys of all rows there are, from `since` on, by the cheapest request; complete, or it raises."""
        now = self._run.client.server_time()
        for rows in self._scheduler.read(Window(since, end=now), Query(self._run.resource.key_only or None)):
            rows.close()
            yield rows.keys
