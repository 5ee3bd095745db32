"""Reads one resource in this run: state in, verified windows out, oldest first.

A window is complete if the distinct keys read from it equal the server's own count (`reader.py`). It ends at the
earlier of the server's time and this machine's. The next one starts a settling lag before that end, because the search
index shows some changes late.

    Reader        reads one resource by its strategy
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from omnium_source.errors import ConfigurationError
from omnium_source.windows.by_order import ByOrder
from omnium_source.windows.gathered import Query, Verified
from omnium_source.windows.resource_run import ResourceRun
from omnium_source.windows.scheduler import Scheduler
from omnium_source.windows.state import EMPTY, UNMOVED_WITHOUT_ROWS, Kept, State, healed
from omnium_source.windows.strategies import STRATEGIES
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Window, iso


def _unmoved_without_rows(windows: Iterator[Verified], before: State) -> Iterator[Verified]:
    """Pass the windows on; as long as none shows a row, their states leave the cursor where it was.

    A server whose index is being rebuilt counts nothing for a while, and nothing tells that from a quiet day or an
    empty resource. So the next read begins where a row was last seen, or at the beginning if none ever was, and finds
    what this read was not shown. That takes no extra request, and no row is read twice.
    """
    rows, kept = 0, before.kept()
    for verified in windows:
        rows += verified.rows
        if not rows:
            is_over = "cursor" in verified.state and "is_first_read" not in verified.state
            if is_over or before.cursor:
                for name in UNMOVED_WITHOUT_ROWS:
                    verified.state.pop(name, None)
                verified.state |= {name: kept[name] for name in UNMOVED_WITHOUT_ROWS if name in kept}
            if is_over and not before.cursor:
                verified.state[EMPTY] = True
        yield verified


class Reader:
    """Reads one resource, window by window."""

    def __init__(self, run: ResourceRun) -> None:
        self._run, self._scheduler = run, Scheduler(run)

    def windows(self, kept: Kept) -> Iterator[Verified]:
        """Read what is new since the state `kept`, oldest first; each window carries the state that follows it.

        Raises what the client raises, and Incomplete if a window could not be verified; windows yielded before stay
        valid.
        """
        run, since = self._run, self._run.reading.since
        rule = STRATEGIES[run.resource.rule]
        state = rule.state_type.read(kept)
        moment = run.client.moment(state.clock_offset)
        if state.page_base is not None:
            run.server.learned.page_base, run.server.learned.is_base_clear = state.page_base, True
        if since and since > moment.latest:
            raise ConfigurationError(f"since={iso(since)} lies in the future: give a day that is over")
        strategy: Strategy[Any] = rule(run, self._scheduler, moment)
        if run.resource.newest_first:
            strategy = ByOrder(strategy)
        before = healed(state, moment, run.remark)
        windows = strategy.windows(before)
        # A share of a first read may be empty; its strategy asks whether the server shows rows elsewhere.
        is_share = run.resource.name in run.reading.shares
        yield from windows if is_share else _unmoved_without_rows(windows, before)

    def sweep(self, since: dt.datetime | None = None) -> Iterator[set[str]]:
        """Yield the keys of all rows from `since` on, by the cheapest request. Raises if they are not complete."""
        now = self._run.client.server_time()
        for rows in self._scheduler.read(Window(since, end=now), Query(self._run.resource.key_only or None)):
            rows.close()
            yield rows.keys
