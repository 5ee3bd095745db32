"""How each kind of resource stays current: a strategy for each rule.

STRATEGIES    the strategy of each rule
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from omnium_source.errors import BadRequest, Incomplete, Unstamped
from omnium_source.resources import RESOURCES
from omnium_source.windows.empty_parts import check_share
from omnium_source.windows.gathered import Query, Verified
from omnium_source.windows.stamps import StampCheck
from omnium_source.windows.state import OpenState, State, WindowState
from omnium_source.windows.strategy import Strategy
from omnium_source.windows.versions import Versions
from omnium_source.windows.window import Row, Window, iso, texts_at

LEFT_UNSTAMPED = ("missing", "of", "among", "limit")
"""The fields that describe rows without a stamp which a read could not show or could not count."""
IDS_A_REQUEST = 100
"""Deliveries that one request asks for by id."""


def _left_unstamped(known: WindowState | Query | Unstamped) -> dict[str, Any]:
    return {name: getattr(known, name) for name in LEFT_UNSTAMPED}


class ByWindow(Strategy[WindowState]):
    """Both ends of the cursor can be bounded: reads what changed or happened since the last complete window."""

    state_type = WindowState

    def windows(self, state: WindowState) -> Iterator[Verified]:
        """See `Strategy.windows`."""
        # The first read has no upper bound, because a row without the stamp, or with one in the future, is a
        # row too. It lasts until its last window is loaded, however many runs that takes.
        is_first = state.cursor is None or bool(state.is_first_read)
        window = Window(self.since(state), None if is_first else self.latest, end=self.now)
        if share := self.run.reading.shares.get(self.run.resource.name):
            window = replace(share, lower=share.lower if state.cursor is None else self.since(state))
        if self.run.resource.deleted and not is_first:
            # Deleted rows come before living ones: a row that is restored meanwhile is read again and keeps no
            # mark.
            yield from self._deleted(window, state)
        if is_first:
            goes_on = bool(state.cursor) and not share and self.run.reading.since is None
            query = Query(goes_on=goes_on)
        else:
            query = Query(late_before=state.cursor_second, **_left_unstamped(state))
        last: Verified | None = None
        rows = 0
        try:
            for verified in self.read(window, query):
                rows += verified.rows
                if verified.window.end == window.end:
                    last = verified
                    continue  # handed on once it is known whether rows without a stamp are missing
                if verified.window.end:
                    state = replace(state, cursor=verified.window.end, is_first_read=is_first or None)
                verified.state = self.kept(state)
                yield verified
        except Incomplete as failure:
            if last:
                known = failure if isinstance(failure, Unstamped) else query
                yield self._final(last, replace(state, **_left_unstamped(known)))
            raise
        if share and not rows:
            check_share(self.run, window)
        if last:
            yield self._final(last, replace(state, **dict.fromkeys(LEFT_UNSTAMPED)))
        if share and share.upper is None:
            left, _ = StampCheck(self.scheduler.splitter).count_outside()
            if left:
                text = f"{self.run.resource.name}: {left:,} rows carry no {self.run.resource.cursor}"
                raise Unstamped(text, missing=left)

    def _final(self, last: Verified, state: WindowState) -> Verified:
        """The last window, with the state that follows a finished read."""
        last.state = self.kept(replace(state, cursor=last.window.end, is_first_read=None))
        return last

    def _deleted(self, window: Window, state: WindowState) -> Iterator[Verified]:
        """The rows deleted since the cursor, marked, if the server can be asked for them."""
        query = Query(self.run.resource.deleted, deleted_at=window.end)
        try:
            for verified in self.read(replace(window, end=None), query):
                verified.state = self.kept(state)
                yield verified
        except BadRequest as refusal:
            self.run.remark(f"deleted rows cannot be asked for, a sweep finds them: {refusal}")


class ByLowerBound(Strategy[State]):
    """Only the lower end can be bounded: reads everything that changed since then."""

    def windows(self, state: State) -> Iterator[Verified]:
        """See `Strategy.windows`."""
        query = Query(late_before=state.cursor_second)
        window = Window(self.since(state), end=self.now)
        yield from self.with_final_state(self.read(window, query), state)


class Everything(Strategy[State]):
    """There is no filter: reads everything in each run."""

    def windows(self, state: State) -> Iterator[Verified]:
        """See `Strategy.windows`."""
        yield from self.with_final_state(self.read(Window(end=self.now)), state)


class Trailing(Strategy[State]):
    """Only creation can be bounded: reads a trailing period again, and everything every few days."""

    def windows(self, state: State) -> Iterator[Verified]:
        """See `Strategy.windows`."""
        window, changes = _trailing(self, state, is_full=self.is_full_pass_due(state))
        yield from self.with_final_state(self.read(window), state, **changes)


class Open(Strategy[OpenState]):
    """Reads a trailing period by creation, and older rows that may still change.

    An older row may still change if its status is not final, or if a purchase order that changed names it.
    """

    state_type = OpenState

    def windows(self, state: OpenState) -> Iterator[Verified]:
        """See `Strategy.windows`."""
        is_full = self.is_full_pass_due(state)
        window, changes = _trailing(self, state, is_full=is_full)
        open_ids: set[str] = set() if is_full else set(state.open or ())
        asked = [] if is_full else sorted(open_ids | self._named_by_changed_parents(state))
        found: set[str] = set()

        def note(rows: Sequence[Row]) -> None:
            for row in rows:
                found.add(str(row.get("id")))
                is_final = row.get(self.run.resource.status) in self.run.resource.final_statuses
                (open_ids.discard if is_final else open_ids.add)(str(row.get("id")))

        def read() -> Iterator[Verified]:
            yield from self.read(window, Query(note=note))
            for start in range(0, len(asked), IDS_A_REQUEST):
                ids = asked[start : start + IDS_A_REQUEST]
                found.clear()
                yield from self.read(Window(end=self.now), Query({"selectedDeliveries": ids}, note=note))
                open_ids.difference_update(set(ids) - found)

        for verified in self.with_final_state(read(), state, **changes):
            if verified.state.get("cursor") == iso(self.now):
                verified.state["open"] = sorted(open_ids)
            yield verified

    def _named_by_changed_parents(self, state: State) -> set[str]:
        """Ids of the deliveries that are named by purchase orders changed since the cursor."""
        window = Window(self.since(state), self.latest, end=self.now)
        orders = self.scheduler.rows_of(RESOURCES["purchase_orders"], window)
        return texts_at(orders, "deliveryId") | texts_at(orders, "purchaseOrderForm.lineItems.deliveryId")


def _trailing(strategy: Strategy[Any], state: State, *, is_full: bool) -> tuple[Window, dict[str, Any]]:
    """The window of a read by creation, and what it changes in the state.

    It begins at the earlier of the cursor and the start of the trailing period; with `is_full` it holds everything.
    """
    if is_full:
        return Window(strategy.run.reading.since, end=strategy.now), {"full_pass": strategy.now}
    trailing = strategy.now - dt.timedelta(days=strategy.run.reading.trailing_days)
    return Window(min(strategy.since(state) or trailing, trailing), strategy.latest, end=strategy.now), {}


STRATEGIES: Mapping[str, type[Strategy[Any]]] = {
    "window": ByWindow,
    "event": ByWindow,
    "from": ByLowerBound,
    "full": Everything,
    "trailing": Trailing,
    "open": Open,
    "versions": Versions,
}
