"""Which time windows to read next, resource by resource.

A window is complete when the distinct keys read from it equal the server's own count for it (`reader.py`).
It ends at the server's time, not ours, and the next one starts a settling lag before that end, because the
index behind the search shows some changes late.

    Reader        walks one resource: state in, verified windows out, oldest first
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson

from omnium_source.errors import BadRequest, ConfigurationError, Incomplete, NotFound
from omnium_source.http.client import Answer, Budget, Traffic
from omnium_source.http.paginators import Page, PageBase
from omnium_source.normalize.drift import Drift
from omnium_source.resources import RESOURCES
from omnium_source.windows.course import Course
from omnium_source.windows.newest_first import NewestFirst, Order
from omnium_source.windows.reader import State, Verified, Wish
from omnium_source.windows.scheduler import Pieces
from omnium_source.windows.window import Row, Window, iso, moment_of

log = logging.getLogger("omnium")

CLOCK_MARGIN = dt.timedelta(seconds=5)
"""The server's time is known to the second, and old when it arrives. What changed a moment ago belongs to a window
that is asked for now, so its upper bound lies this much after the later of the two clocks."""
JITTER = 5.0
"""Seconds by which the measured difference of the clocks changes though no clock was set."""
AHEAD = dt.timedelta(seconds=60)
"""A kept moment that lies further ahead of now was noted by a clock that was wrong."""
SORTS, HONOURED, IGNORED = "newest_first", "honoured", "ignored"
"""In a resource's state: whether the server is seen to sort by modified where it is asked to."""
IDS_A_REQUEST = 100
SUPPLIERS_AT_ONCE = 200


class Reader:
    """Reads one resource, window by window."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._client, self._resource, self._executor = course.client, course.resource, course.executor
        self._reading, self.traffic = course.reading, course.traffic
        self._pieces = Pieces(course)
        self._connection = course.connection()
        self._sorts = ""

    # -- which windows -----------------------------------------------------------------------------

    def windows(self, state: State) -> Iterator[Verified]:
        """Read what is new since `state`, oldest first. Each window carries the state to keep after it.

        Raises what the client raises, and Incomplete where a window could not be verified; windows that were
        handed out before stay valid.
        """
        kept_offset = state.get("clock_offset")
        self._moment = self._client.moment(kept_offset)
        now = self._moment.earliest
        if "page_base" in state:
            self._course.base = PageBase(int(state["page_base"]), True)
        if self._reading.since and self._reading.since > self._moment.latest:
            raise ConfigurationError(
                f"since={iso(self._reading.since)} lies in the future: give a day that is over"
            )
        healed = self._healed(state, now)
        if self._resource.newest_first:
            yield from self._by_newest(healed, now)
        else:
            yield from self._by_rule(healed, now)

    def _by_rule(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        rule: Callable[[State, dt.datetime], Iterator[Verified]] = getattr(self, f"_by_{self._resource.rule}")
        yield from rule(state, now)

    @property
    def _latest(self) -> dt.datetime:
        """An upper bound above all that has changed until now."""
        return self._moment.latest + CLOCK_MARGIN

    def _healed(self, state: State, now: dt.datetime) -> State:
        """`state`, with moments that cannot be right moved back, and what the clocks say kept in it.

        Where the server's clock has moved back against ours since the cursor was kept, changes may carry stamps from
        before the cursor. Where the cursor lies ahead of now all the same, nobody knows when it was kept.
        """
        healed, cursor = dict(state), moment_of(state.get("cursor"))
        kept = float(state.get("clock_offset") or 0.0)
        offset = kept if self._moment.offset is None else self._moment.offset
        if abs(offset - kept) > JITTER or "clock_offset" not in state:
            healed["clock_offset"] = round(offset)
        moved_back = kept - offset + JITTER if kept - offset > JITTER else 0.0
        if cursor and moved_back:
            cursor -= dt.timedelta(seconds=moved_back)
            healed["cursor"] = iso(cursor)
            if moved_back > AHEAD.total_seconds():
                self._course.remark(
                    f"the server's clock moved back by {moved_back:,.0f} s against this machine's since the last run, "
                    f"so it is read from {iso(cursor)} on"
                )
        if cursor and cursor > now + AHEAD:
            del healed["cursor"]
            self._course.remark(
                f"its cursor {iso(cursor)} lies ahead of now, {iso(now)}: a clock was wrong when it was kept, so "
                "everything is read again"
            )
        full_pass = moment_of(healed.get("full_pass"))
        if full_pass and ("cursor" not in healed or full_pass > now + AHEAD):
            del healed["full_pass"]
        return healed

    def _kept(self, state: State, **changes: Any) -> State:
        """`state` with `changes`, and with what was found out about the server."""
        base, is_declared = self._course.base, self._resource.page_base_is_clear
        found = {"page_base": base.number} if base.is_clear and not is_declared else {}
        return {**state, **found, **changes}

    def _since(self, state: State) -> dt.datetime | None:
        cursor = moment_of(state.get("cursor"))
        if cursor is None:
            return self._reading.since
        return min(cursor, self._moment.earliest) - dt.timedelta(seconds=self._reading.settling_lag)

    def _by_window(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        # The first read has no upper bound: a row without the stamp, or with one in the future, is a row too. It
        # lasts until its last window is loaded, however many runs that takes.
        is_first = not state.get("cursor") or state.get("is_first_read", False)
        window = Window(self._since(state), None if is_first else self._latest, end=now)
        late_before = None if is_first else moment_of(state.get("cursor"))
        if self._resource.deleted and not is_first:
            # Before what lives: one that comes back meanwhile is met there, and keeps no mark.
            yield from self._deleted(window, state)
        for verified in self._read(window, Wish(late_before=late_before)):
            if verified.window.end:
                state = {**state, "cursor": iso(verified.window.end)}
                state.pop("is_first_read", None)
                if is_first and verified.window.end != now:
                    state["is_first_read"] = True
            verified.state = self._kept(state)
            yield verified

    def _deleted(self, window: Window, state: State) -> Iterator[Verified]:
        """What was deleted since the cursor, marked, where the server tells of it."""
        wish = Wish(self._resource.deleted, deleted_at=window.end)
        try:
            for verified in self._read(replace(window, end=None), wish):
                verified.state = self._kept(state)
                yield verified
        except BadRequest as refusal:
            self._course.remark(f"deleted rows cannot be asked for, a sweep finds them: {refusal}")

    _by_event = _by_window

    def _by_from(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        windows = self._read(
            Window(self._since(state), end=now), Wish(late_before=moment_of(state.get("cursor")))
        )
        yield from self._with_final_state(windows, state, cursor=iso(now))

    def _by_full(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        yield from self._with_final_state(self._read(Window(end=now)), state, cursor=iso(now))

    def _is_full_pass_due(self, state: State, now: dt.datetime) -> bool:
        last = moment_of(state.get("full_pass"))
        return last is None or now - last > dt.timedelta(days=self._reading.full_pass_days)

    def _trailing_since(self, state: State, now: dt.datetime) -> dt.datetime:
        """Where a read by creation starts: what is new, and what was new not long ago."""
        trailing = now - dt.timedelta(days=self._reading.trailing_days)
        return min(self._since(state) or trailing, trailing)

    def _by_trailing(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        if self._is_full_pass_due(state, now):
            window, changes = Window(self._reading.since, end=now), {"full_pass": iso(now)}
        else:
            window, changes = Window(self._trailing_since(state, now), self._latest, end=now), {}
        # The cursor moves with the last piece alone: a full pass cut short has to start again.
        yield from self._with_final_state(self._read(window), state, cursor=iso(now), **changes)

    def _with_final_state(
        self, windows: Iterator[Verified], state: State, **changes: Any
    ) -> Iterator[Verified]:
        """Hand the windows on with `state`, the last one with `changes`."""
        previous: Verified | None = None
        for verified in windows:
            if previous:
                previous.state = self._kept(state)
                yield previous
            previous = verified
        if previous:
            previous.state = self._kept(state, **changes)
            yield previous

    def _by_open(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        """Those of a trailing period by creation, and older ones that may still change: not in a final
        status, or named by a purchase order that changed."""
        is_full = self._is_full_pass_due(state, now)
        open_ids: set[str] = set() if is_full else set(state.get("open", ()))
        asked = sorted(open_ids)
        changes: State = {"cursor": iso(now)}
        if is_full:
            changes["full_pass"] = iso(now)
            window = Window(self._reading.since, end=now)
        else:
            window = Window(self._trailing_since(state, now), self._latest, end=now)
            asked = sorted(open_ids | self._named_by_changed_parents(state, now))

        def note(rows: Sequence[Row]) -> None:
            for row in rows:
                is_final = row.get(self._resource.status) in self._resource.final_statuses
                (open_ids.discard if is_final else open_ids.add)(str(row.get("id")))

        def read() -> Iterator[Verified]:
            yield from self._read(window, Wish(note=note))
            for start in range(0, len(asked), IDS_A_REQUEST):
                ids = asked[start : start + IDS_A_REQUEST]
                found: set[str] = set()

                def note_found(rows: Sequence[Row], found: set[str] = found) -> None:
                    found.update(str(row.get("id")) for row in rows)
                    note(rows)

                yield from self._read(Window(end=now), Wish({"selectedDeliveries": ids}, note=note_found))
                open_ids.difference_update(set(ids) - found)

        for verified in self._with_final_state(read(), state, **changes):
            if "cursor" in verified.state and verified.state["cursor"] == changes["cursor"]:
                verified.state["open"] = sorted(open_ids)
            yield verified

    def _by_newest(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        """Changes newest first, where the server is seen to sort by them; else by the resource's own rule.

        Every few days all of it is read: rows that carry no stamp stand at the end of such an order.
        """
        seen = state.get(SORTS)
        is_due = not state.get("cursor") or self._is_full_pass_due(state, now)
        if not is_due and seen != IGNORED:
            try:
                found = self._newest(state, now, is_proved=seen == HONOURED)
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
                    self._course.remark("the server no longer sorts by modified, so everything is read again")
                    state = {name: value for name, value in state.items() if name != "full_pass"}
                    is_due = True
        changes: State = {"full_pass": iso(now)} if is_due and self._resource.rule == "full" else {}
        for verified in self._by_rule(state, now):
            if verified.state.get("cursor") == iso(now):
                verified.state = {**verified.state, **changes}
                # After a full pass it is looked at anew.
                verified.state.pop(SORTS, None)
                if not is_due and self._sorts:
                    verified.state[SORTS] = self._sorts
            yield verified

    def _newest(self, state: State, now: dt.datetime, *, is_proved: bool) -> list[Verified] | None:
        """What changed and what is new, each by one request or a few; None where the order is not to be relied on."""
        lower = self._since(state)
        assert lower is not None
        pieces: list[NewestFirst] = []
        try:
            order = self._read_down(pieces, "ModifiedDescending", lower, now)
            if order is Order.IGNORED:
                self._sorts = IGNORED
            is_reliable = order in (Order.WHOLE, Order.PROVED) or (order is Order.FITTING and is_proved)
            if is_reliable and order is not Order.WHOLE and self._resource.rule == "full":
                # What was never changed may carry no such stamp.
                is_reliable = self._read_down(pieces, "CreatedDescending", lower, now) is not Order.IGNORED
        except BaseException:
            for piece in pieces:
                piece.close()
            raise
        if not is_reliable:
            for piece in pieces:
                piece.close()
            return None
        windows = [piece.verified() for piece in pieces]
        if order is not Order.WHOLE and self._resource.rule != "full":
            windows += self._read(Window(lower, self._latest, end=now))
        kept = {} if order is Order.WHOLE and not is_proved else {SORTS: HONOURED}
        state = {name: value for name, value in state.items() if name != "open"}
        for window in windows[:-1]:
            window.state = self._kept(state)
        windows[-1].state = self._kept(state, cursor=iso(now), **kept)
        return windows

    def _read_down(self, pieces: list[NewestFirst], sort: str, lower: dt.datetime, now: dt.datetime) -> Order:
        """Read the newest rows of an order; what was read is added to `pieces`. Raises Incomplete."""
        problem: Incomplete | None = None
        for attempt in range(1, self._reading.tries + 1):
            connection = self._course.connection()
            piece = NewestFirst(
                self._course, self._pieces.splitter, connection, Window(lower, end=now), attempt, sort
            )
            pieces.append(piece)
            try:
                return piece.read_down(lower)
            except Incomplete as failure:
                problem = failure
                pieces.remove(piece)
                piece.close()
        assert problem is not None
        raise problem

    def _named_by_changed_parents(self, state: State, now: dt.datetime) -> set[str]:
        """Ids of the deliveries that purchase orders changed since the cursor name."""
        named: set[str] = set()
        for row in self._pieces.rows_of(
            RESOURCES["purchase_orders"], Window(self._since(state), self._latest, end=now)
        ):
            named.add(str(row.get("deliveryId") or ""))
            for line in (row.get("purchaseOrderForm") or {}).get("lineItems") or ():
                named.add(str(line.get("deliveryId") or ""))
        return named - {""}

    def _by_versions(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        """Every version of each changed supplier, once."""
        started, before = time.monotonic(), self.traffic.requests
        window = Window(self._since(state), self._latest if state.get("cursor") else None, end=now)
        suppliers = self._pieces.rows_of(RESOURCES["suppliers"], window)
        seen: dict[str, str] = dict(state.get("versions", {}))
        assembly, keys, drift = self._course.assembly(0), set[str](), list[Drift]()
        for start in range(0, len(suppliers), SUPPLIERS_AT_ONCE):
            some = suppliers[start : start + SUPPLIERS_AT_ONCE]
            self._connection.budget = Budget(self._reading.budget)
            chains = self._executor.map(
                lambda row: self._versions_of(row, seen.get(str(row.get("id")))), some
            )
            pages = [page for chain in chains for page in chain]
            if pages:
                added = assembly.add(pages).result()
                assembly.keep(None)
                keys.update(added.keys)
                drift += added.drift
                self._course.on_rows(len(added.keys), None)
            seen.update((str(row["id"]), str(row["versionId"])) for row in some if row.get("versionId"))
        yield Verified(
            self._resource,
            window,
            None,
            len(keys),
            len(keys),
            len(keys),
            assembly,
            self._kept(state, cursor=iso(now), versions=seen),
            Traffic(requests=self.traffic.requests - before),
            1,
            time.monotonic() - started,
            drift=drift,
            keys=keys,
        )

    def _versions_of(self, supplier: Row, last_seen: str | None) -> list[Page]:
        """The chain of versions from the newest back to the last one seen."""
        supplier_id, version = str(supplier.get("id")), supplier.get("versionId")
        visited: set[str] = set()
        pages: list[Page] = []
        while version and version != last_seen and version not in visited:
            visited.add(version)
            try:
                path = f"Suppliers/{quote(supplier_id, safe='')}/{quote(str(version), safe='')}"
                answer = self._connection.get(path)
            except NotFound:
                if version != supplier.get("versionId"):
                    break  # older versions are no longer kept
                # The newest one stands in the supplier itself.
                answer = Answer(orjson.dumps(supplier), dict(supplier))
            page = _version_page(answer, supplier_id, str(version))
            pages.append(page)
            (row,) = page.rows
            version = row["value"].get("previousVersionId")
        return pages

    def sweep(self, since: dt.datetime | None = None) -> Iterator[set[str]]:
        """The keys of all rows there are, from `since` on, by the cheapest request; complete, or it raises."""
        now = self._client.server_time()
        for piece in self._pieces.of(Window(since, end=now), Wish(self._resource.key_only or None)):
            piece.close()
            yield piece.keys

    def _read(self, window: Window, wish: Wish | None = None) -> Iterator[Verified]:
        """Read a window whole: as one, or, where it is too large or does not add up, in pieces."""
        for piece in self._pieces.of(window, wish):
            yield piece.verified()


def _version_page(answer: Answer, supplier_id: str, version: str) -> Page:
    """A page of one supplier version, in the form in which versions really come.

    The schema says that the bare supplier comes back, the text a version around it: both are taken. Put together
    as text, for numbers have to stay as they were written.
    """
    row, text = answer.json, answer.body.strip()
    named = {"id": row.get("id") or supplier_id, "versionId": row.get("versionId") or version}
    if not isinstance(row.get("value"), dict):
        named["created"] = row.get("modified") or row.get("created")
        text = b'{"value": ' + text + b"}"
    # The last of two fields with one name counts.
    text = text[:-1] + b", " + orjson.dumps(named)[1:]
    return Page(b'{"result": [' + text + b"]}", 1, 1)
