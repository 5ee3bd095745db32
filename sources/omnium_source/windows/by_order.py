"""The strategy for searches that take an order: reads changes newest first if the server is seen to sort by them."""

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from omnium_source.errors import BadRequest, Incomplete, NotFound
from omnium_source.windows.gathered import Gathered, Query, Verified
from omnium_source.windows.newest_first import NewestFirst, Order
from omnium_source.windows.state import OpenState, State
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Window, iso

log = logging.getLogger("omnium")

HONOURED, IGNORED = "honoured", "ignored"
"""`State.newest_first`: whether the server was seen to sort by `modified` when asked to."""


class ByOrder(Strategy[State]):
    """Reads changes newest first if the server sorts by them, else by `usual`, the resource's own strategy."""

    def __init__(self, usual: Strategy[Any]) -> None:
        super().__init__(usual.run, usual.scheduler, usual.moment)
        self._usual = usual
        self._is_ignored = False

    def windows(self, state: State) -> Iterator[Verified]:
        """Read changes newest first if the server is seen to sort by them, else by the resource's own rule.

        Every few days everything is read, because rows without a stamp are at the end of such an order.
        """
        is_due = state.cursor is None or self.is_full_pass_due(state)
        if not is_due and state.newest_first != IGNORED:
            is_proved = state.newest_first == HONOURED
            try:
                found = self._newest(state, is_proved=is_proved)
            except Incomplete as failure:
                log.info("%s; reading it by its own rule", failure)
            except (BadRequest, NotFound) as refusal:
                self._is_ignored = True
                log.info("%s; reading it by its own rule", refusal)
            else:
                if found is not None:
                    yield from found
                    return
                if is_proved:
                    self.run.remark(
                        "the order of its changes cannot be relied on any more, so everything is read again"
                    )
                    state, is_due = replace(state, full_pass=None), True
        for verified in self._usual.windows(state):
            if verified.state.get("cursor") == iso(self.now):
                after = type(state).read(verified.state)
                if is_due and self.run.resource.rule == "full":
                    after = replace(after, full_pass=self.now)
                # After a full pass the order is tried again.
                is_ignored = (self._is_ignored or state.newest_first == IGNORED) and not is_due
                verified.state = replace(after, newest_first=IGNORED if is_ignored else None).kept()
            yield verified

    def _newest(self, state: State, *, is_proved: bool) -> list[Verified] | None:
        """Read changed and new rows in a few requests each; None if the order cannot be relied on."""
        lower = self.since(state)
        assert lower is not None
        with contextlib.ExitStack() as thrown_away:
            rows, order = self._read_down("ModifiedDescending", lower)
            thrown_away.callback(rows.close)
            found = [rows]
            self._is_ignored = order is Order.IGNORED
            is_reliable = order in (Order.ALL, Order.PROVED) or (order is Order.FITTING and is_proved)
            if is_reliable and order is not Order.ALL and self.run.resource.rule == "full":
                # A row that was never changed may have no `modified` stamp.
                rows, by_creation = self._read_down("CreatedDescending", lower)
                thrown_away.callback(rows.close)
                found.append(rows)
                is_reliable = by_creation is not Order.IGNORED
            if not is_reliable:
                return None
            thrown_away.pop_all()
        windows = [rows.verified() for rows in found]
        if order is not Order.ALL and self.run.resource.rule != "full":
            windows += self.read(Window(lower, self.latest, end=self.now))
        if isinstance(state, OpenState):
            state = replace(state, open=None)  # the order shows every change, whatever the status
        for window in windows[:-1]:
            window.state = self.kept(state)
        is_taken_as_it_came = order is Order.ALL and not is_proved
        newest_first = state.newest_first if is_taken_as_it_came else HONOURED
        windows[-1].state = self.kept(state, cursor=self.now, newest_first=newest_first)
        return windows

    def _read_down(self, sort: str, lower: dt.datetime) -> tuple[Gathered, Order]:
        """Read the newest rows by `sort`; also what their order proved. Raises Incomplete after `tries` attempts."""
        number = 0
        while True:
            number += 1
            connection, window = self.run.connection(), Window(lower, end=self.now)
            rows = Gathered(self.run, window, Query(), connection, number, can_come_twice=True)
            try:
                return rows, NewestFirst(rows, sort).read_down()
            except BaseException as failure:
                rows.close()
                if not isinstance(failure, Incomplete) or number == self.run.reading.tries:
                    raise
