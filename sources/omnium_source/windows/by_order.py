"""The strategy for searches that take an order: changes newest first, where the server is seen to sort by them."""

import datetime as dt
import logging
from collections.abc import Iterator

from omnium_source.errors import BadRequest, Incomplete, NotFound
from omnium_source.windows.newest_first import NewestFirst, Order
from omnium_source.windows.reader import Verified
from omnium_source.windows.state import State
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.window import Window, iso

log = logging.getLogger("omnium")

SORTS, HONOURED, IGNORED = "newest_first", "honoured", "ignored"
"""In a resource's state: whether the server is seen to sort by modified where it is asked to."""


class ByOrder(Strategy):
    """Changes newest first where the server sorts by them; `usual` is the resource's own strategy."""

    def __init__(self, usual: Strategy) -> None:
        super().__init__(usual.run, usual.scheduler, usual.moment)
        self._usual = usual
        self._sorts = ""

    def windows(self, state: State) -> Iterator[Verified]:
        """Changes newest first, where the server is seen to sort by them; else by the resource's own rule.

        Every few days all of it is read: rows that carry no stamp stand at the end of such an order.
        """
        seen = state.get(SORTS)
        is_due = not state.get("cursor") or self.is_full_pass_due(state)
        if not is_due and seen != IGNORED:
            try:
                found = self._newest(state, is_proved=seen == HONOURED)
            except Incomplete as failure:
                log.info("%s; reading it by its own rule", failure)
            except (BadRequest, NotFound) as refusal:
                self._sorts = IGNORED
                log.info("%s; reading it by its own rule", refusal)
            else:
                if found is not None:
                    yield from found
                    return
                if seen == HONOURED:
                    self.run.remark(
                        "the order of its changes cannot be relied on any more, so everything is read again"
                    )
                    state = {name: value for name, value in state.items() if name != "full_pass"}
                    is_due = True
        changes: State = {"full_pass": iso(self.now)} if is_due and self.run.resource.rule == "full" else {}
        for verified in self._usual.windows(state):
            if verified.state.get("cursor") == iso(self.now):
                verified.state = {**verified.state, **changes}
                # After a full pass it is looked at anew.
                verified.state.pop(SORTS, None)
                if not is_due and self._sorts:
                    verified.state[SORTS] = self._sorts
            yield verified

    def _newest(self, state: State, *, is_proved: bool) -> list[Verified] | None:
        """What changed and what is new, each by one request or a few; None where the order is not to be relied on."""
        lower = self.since(state)
        assert lower is not None
        attempts: list[NewestFirst] = []
        try:
            order = self._read_down(attempts, "ModifiedDescending", lower)
            if order is Order.IGNORED:
                self._sorts = IGNORED
            is_reliable = order in (Order.WHOLE, Order.PROVED) or (order is Order.FITTING and is_proved)
            if is_reliable and order is not Order.WHOLE and self.run.resource.rule == "full":
                # What was never changed may carry no such stamp.
                is_reliable = self._read_down(attempts, "CreatedDescending", lower) is not Order.IGNORED
        except BaseException:
            for attempt in attempts:
                attempt.close()
            raise
        if not is_reliable:
            for attempt in attempts:
                attempt.close()
            return None
        windows = [attempt.verified() for attempt in attempts]
        if order is not Order.WHOLE and self.run.resource.rule != "full":
            windows += self.read(Window(lower, self.latest, end=self.now))
        kept = {} if order is Order.WHOLE and not is_proved else {SORTS: HONOURED}
        state = {name: value for name, value in state.items() if name != "open"}
        for window in windows[:-1]:
            window.state = self.kept(state)
        windows[-1].state = self.kept(state, cursor=iso(self.now), **kept)
        return windows

    def _read_down(self, attempts: list[NewestFirst], sort: str, lower: dt.datetime) -> Order:
        """Read the newest rows of an order; what was read is added to `attempts`. Raises Incomplete."""
        problem: Incomplete | None = None
        for number in range(1, self.run.reading.tries + 1):
            connection = self.run.connection()
            attempt = NewestFirst(
                self.run, self.scheduler.splitter, connection, Window(lower, end=self.now), number, sort
            )
            attempts.append(attempt)
            try:
                return attempt.read_down(lower)
            except Incomplete as failure:
                problem = failure
                attempts.remove(attempt)
                attempt.close()
        assert problem is not None
        raise problem
