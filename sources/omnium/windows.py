"""Which time windows to read next, and when a window is complete.

A window is complete when the distinct keys read from it equal the server's own count for that same window.
It ends at the server's time, not ours, and the next one starts a settling lag before that end, because the
index behind the search shows some changes late. What does not add up is read again in smaller pieces: a
single page is one consistent answer, so that comes to an end. Where no time makes a scroll smaller, the values of
a filter do: see `Reader._in_parts`.

    Window        the bounds of one read
    Reading       how to read: lag, sizes, budgets
    Verified      a complete window, its tables, and the state to keep once they are loaded
    Reader        walks one resource: state in, verified windows out, oldest first
"""

import datetime as dt
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from sources.omnium.assembly import Added, Assembly, Here, RowParser
from sources.omnium.client import Answer, Budget, OmniumClient, Traffic
from sources.omnium.errors import Incomplete, NotFound, Refused, ScrollLost, Stopped
from sources.omnium.paging import REACH, Connection, Page, PageBase, Scroll, SearchPages, one_ahead
from sources.omnium.resources import RESOURCES, Resource, ValueFilter
from sources.omnium.spool import Spool
from sources.omnium.tables import Batch, Drift, Found, column_name
from sources.omnium.tables import Page as HasRows
from sources.omnium.values import microseconds
from sources.omnium.workshop import Bench, Workshop

log = logging.getLogger("omnium")

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Where halving starts when nothing tells how old the oldest row is; older rows are read all the same."""
OVERLAPS = tuple(dt.timedelta(milliseconds=step) for step in (1, 1_000, 60_000))
"""Neighbouring windows share one of these: nobody says whether the bounds belong to a window or not, nor whether
the server compares them by the millisecond. The smallest that the server is found to see counts."""
NARROWEST = 4
"""Overlaps: a window as short as this is not split."""
SCROLL_FROM = 1_000
"""Rows from which a scroll is used where there is one; fewer are a few pages, side by side."""
PARSE_BYTES = 8 * 1024 * 1024
"""Pages are turned into Arrow together until they are this large: a table's fixed cost is paid once."""
LARGE_BYTES = 24 * 1024 * 1024
"""A window from this size on is worth processes of its own."""
SMALL_BYTES = 2 * 1024 * 1024
"""And from this size on, where they are there already."""
CLOCK_MARGIN = dt.timedelta(seconds=2)
"""The server's time is known to the second, and never too late. What changed a moment ago belongs to a window
that is asked for now, so its upper bound lies this much later than the time up to which it counts as read."""
LONG_SCROLL = 10
"""Batches. A scroll of no more has a fair chance the next time; a longer one is read in parts once it was lost."""
BATCHES_A_PART = 3
"""Of a scroll that is read in parts, about."""
VALUES_A_PART = 300
IDS_A_REQUEST = 100
SUPPLIERS_AT_ONCE = 200

State = dict[str, Any]
Row = Mapping[str, Any]
Known = Callable[[str, Sequence[str]], Mapping[str, Any]]
"""Asked with a resource and its rows' ids, answers the content hashes that the destination holds for them."""


def iso(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as the API writes it."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(value: Any) -> dt.datetime | None:
    """The moment in an API's or a state's text, None where it is none; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    text, _, fraction = value.strip().removesuffix("Z").partition(".")
    try:
        # .NET writes seven digits after the second; only a window's bounds come here, so a second is enough.
        moment = dt.datetime.fromisoformat(text if fraction.isdigit() or not fraction else value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Window:
    """The bounds of one read, on the resource's cursor and, where that cannot split it, on creation.

    None is an open end. `end` is the server's time up to which everything is read once this window is loaded;
    None where more windows are needed for that.
    """

    lower: dt.datetime | None = None
    upper: dt.datetime | None = None
    created_lower: dt.datetime | None = None
    created_upper: dt.datetime | None = None
    end: dt.datetime | None = None

    @property
    def is_unbounded(self) -> bool:
        """Whether no row at all is left out."""
        return not (self.lower or self.upper or self.created_lower or self.created_upper)

    def body(self, resource: Resource) -> dict[str, str]:
        """The request's fields for these bounds."""
        bounds = {
            resource.lower: self.lower,
            resource.upper: self.upper,
            resource.created_lower: self.created_lower,
            resource.created_upper: self.created_upper,
        }
        return {name: iso(value) for name, value in bounds.items() if name and value}


@dataclass(frozen=True)
class Reading:
    """How to read. Times in seconds or days, sizes in rows or bytes."""

    settling_lag: float = 120.0
    trailing_days: float = 30.0
    full_pass_days: float = 30.0
    window_rows: int = 250_000
    window_bytes: int = 128 * 1024 * 1024
    budget: float = 300.0
    tries: int = 5
    """Of one window."""
    failures: int = 12
    """In a row, over all windows of a resource, however small they were made."""
    since: dt.datetime | None = None
    spool: Path | None = None


@dataclass
class Verified:
    """A complete window: its tables, what it took, and the state to keep once they are loaded."""

    resource: Resource
    window: Window
    total_hits: int | None
    rows: int
    distinct_keys: int
    written: int
    assembly: Assembly
    state: State
    traffic: Traffic
    tries: int
    seconds: float
    bytes: int = 0
    """Of the pages as they came."""
    drift: list[Drift] = field(default_factory=list)
    late_seconds: float | None = None
    keys: set[str] = field(default_factory=set, repr=False)


class _KeysOnly:
    """For rows that are looked at and not kept."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def parse(self, pages: Sequence[HasRows]) -> Batch:
        return Batch(
            self._resource.name, {}, [_key(self._resource, row) for page in pages for row in page.rows]
        )

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        return {}

    def found(self) -> Found:
        return {}

    def learn(self, found: Found) -> None:
        """It makes no columns."""


class Reader:
    """Reads one resource, window by window.

    `known` lets rows fall away that the destination already holds; without it every row read is handed on.
    `workshop` takes the work of large windows.
    """

    def __init__(
        self,
        client: OmniumClient,
        resource: Resource,
        parser: RowParser,
        executor: Executor,
        *,
        reading: Reading | None = None,
        known: Known | None = None,
        traffic: Traffic | None = None,
        on_rows: Callable[[int, int | None], None] | None = None,
        workshop: Workshop | None = None,
    ) -> None:
        self._workshop = workshop
        self._bench: Bench | None = None
        self._client, self._resource, self._parser, self._executor = client, resource, parser, executor
        self._reading = reading or Reading()
        self._known = known
        self.traffic = traffic or Traffic()
        self._on_rows = on_rows or (lambda rows, total: None)
        self._base = PageBase(resource.page_base, resource.page_base_is_clear)
        self._connection = Connection(client, resource, self.traffic, Budget(self._reading.budget))
        self._row_bytes = 0.0
        self._has_checked_base = not resource.paged
        self._failures = 0
        self._overlaps: dict[str, dt.timedelta] = {}
        self._notes_values = False
        self._seen: dict[str, set[str]] = {by.field: set() for by in resource.value_filters}
        self._listed: dict[str, set[str]] = {}

    # -- which windows -----------------------------------------------------------------------------

    def windows(self, state: State) -> Iterator[Verified]:
        """Read what is new since `state`, oldest first. Each window carries the state to keep after it.

        Raises what the client raises, and Incomplete where a window could not be verified; windows that were
        handed out before stay valid.
        """
        now = self._client.server_time()
        if "page_base" in state:
            self._base = PageBase(int(state["page_base"]), True)
        rule = getattr(self, f"_by_{self._resource.rule}")
        yield from rule(dict(state), now)

    def _kept(self, state: State, **changes: Any) -> State:
        """`state` with `changes`, and with what was found out about the server."""
        found = (
            {}
            if self._resource.page_base_is_clear or not self._base.is_clear
            else {"page_base": self._base.number}
        )
        return {**state, **found, **changes}

    def _since(self, state: State) -> dt.datetime | None:
        cursor = moment_of(state.get("cursor"))
        return cursor - dt.timedelta(seconds=self._reading.settling_lag) if cursor else self._reading.since

    def _by_window(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        # The first read has no upper bound: a row without the stamp, or with one in the future, is a row too. It
        # lasts until its last window is loaded, however many runs that takes.
        is_first = not state.get("cursor") or state.get("is_first_read", False)
        window = Window(self._since(state), None if is_first else now + CLOCK_MARGIN, end=now)
        late_before = None if is_first else moment_of(state.get("cursor"))
        for verified in self._read(window, late_before):
            if verified.window.end:
                state = {**state, "cursor": iso(verified.window.end)}
                state.pop("is_first_read", None)
                if is_first and verified.window.end != now:
                    state["is_first_read"] = True
            verified.state = self._kept(state)
            yield verified

    _by_event = _by_window

    def _by_from(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        windows = self._read(Window(self._since(state), end=now), moment_of(state.get("cursor")))
        yield from self._with_final_state(windows, state, cursor=iso(now))

    def _by_full(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        yield from self._with_final_state(self._read(Window(end=now), None), state, cursor=iso(now))

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
            window, changes = Window(self._trailing_since(state, now), now + CLOCK_MARGIN, end=now), {}
        # The cursor moves with the last piece alone: a full pass cut short has to start again.
        yield from self._with_final_state(self._read(window, None), state, cursor=iso(now), **changes)

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
            window = Window(self._trailing_since(state, now), now + CLOCK_MARGIN, end=now)
            asked = sorted(open_ids | self._named_by_changed_parents(state, now))

        def note(rows: Sequence[Row]) -> None:
            for row in rows:
                is_final = row.get(self._resource.status) in self._resource.final_statuses
                (open_ids.discard if is_final else open_ids.add)(str(row.get("id")))

        def read() -> Iterator[Verified]:
            yield from self._read(window, None, note=note)
            for start in range(0, len(asked), IDS_A_REQUEST):
                ids = asked[start : start + IDS_A_REQUEST]
                found: set[str] = set()

                def note_found(rows: Sequence[Row], found: set[str] = found) -> None:
                    found.update(str(row.get("id")) for row in rows)
                    note(rows)

                yield from self._read(
                    Window(end=now), None, body={"selectedDeliveries": ids}, note=note_found
                )
                open_ids.difference_update(set(ids) - found)

        for verified in self._with_final_state(read(), state, **changes):
            if "cursor" in verified.state and verified.state["cursor"] == changes["cursor"]:
                verified.state["open"] = sorted(open_ids)
            yield verified

    def _named_by_changed_parents(self, state: State, now: dt.datetime) -> set[str]:
        """Ids of the deliveries that purchase orders changed since the cursor name."""
        named: set[str] = set()
        for row in self._rows_of(
            RESOURCES["purchase_orders"], Window(self._since(state), now + CLOCK_MARGIN, end=now)
        ):
            named.add(str(row.get("deliveryId") or ""))
            for line in (row.get("purchaseOrderForm") or {}).get("lineItems") or ():
                named.add(str(line.get("deliveryId") or ""))
        return named - {""}

    def _rows_of(
        self, resource: Resource, window: Window, body: Mapping[str, Any] | None = None
    ) -> list[Row]:
        """The rows of another resource as they came, each once: what this one has to follow."""
        rows: dict[str, Row] = {}
        reader = Reader(
            self._client,
            resource,
            _KeysOnly(resource),
            self._executor,
            reading=self._reading,
            traffic=self.traffic,
        )
        for piece in reader._pieces(
            window, body, note=lambda some: rows.update((_key(resource, row), row) for row in some)
        ):
            piece.close()
        return list(rows.values())

    def _by_versions(self, state: State, now: dt.datetime) -> Iterator[Verified]:
        """Every version of each changed supplier, once."""
        started, before = time.monotonic(), self.traffic.requests
        window = Window(self._since(state), now + CLOCK_MARGIN if state.get("cursor") else None, end=now)
        suppliers = self._rows_of(RESOURCES["suppliers"], window)
        seen: dict[str, str] = dict(state.get("versions", {}))
        assembly, keys, drift = self._assembly(0), set[str](), list[Drift]()
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
                self._on_rows(len(added.keys), None)
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

    def sweep(self) -> Iterator[set[str]]:
        """The keys of all rows there are, by the cheapest request; complete, or it raises."""
        now = self._client.server_time()
        for piece in self._pieces(Window(end=now), self._resource.key_only or None):
            piece.close()
            yield piece.keys

    # -- one window --------------------------------------------------------------------------------

    def _assembly(self, size: float) -> Assembly:
        """Where a window of about `size` bytes becomes tables."""
        if (
            self._bench is None
            and self._workshop is not None
            and size > (SMALL_BYTES if self._workshop.has_workers else LARGE_BYTES)
        ):
            # From now on for all windows: a parser remembers the fields that it has met.
            self._bench = self._workshop.bench(self._resource.name, self._parser)
        cursor, folder = column_name_of(self._resource.cursor), self._reading.spool
        if self._bench is not None:
            return self._bench.assembly(cursor, folder)
        return Here(self._parser, cursor, Spool(folder))

    def _body(
        self, window: Window, extra: Mapping[str, Any] | None = None, *, scroll: bool = False
    ) -> dict[str, Any]:
        sort = {}
        if self._resource.sort:
            # A changed row moves to the end of this order, or out of the window: pages before it stay.
            sort = {"sortOrder": "DocumentId" if scroll else f"{self._resource.sort}Ascending"}
        return {**self._resource.body, **sort, **window.body(self._resource), **(extra or {})}

    def _read(
        self,
        window: Window,
        late_before: dt.datetime | None,
        *,
        body: Mapping[str, Any] | None = None,
        note: Callable[[Sequence[Row]], None] | None = None,
    ) -> Iterator[Verified]:
        """Read a window whole: as one, or, where it is too large or does not add up, in pieces."""
        for piece in self._pieces(window, body, late_before, note):
            yield piece.verified()

    def _pieces(
        self,
        window: Window,
        body: Mapping[str, Any] | None = None,
        late_before: dt.datetime | None = None,
        note: Callable[[Sequence[Row]], None] | None = None,
        filters: Sequence[ValueFilter] | None = None,
    ) -> Iterator["_Piece"]:
        """`filters` are those by whose values the window may be split, all of the resource's if None."""
        filters = self._resource.value_filters if filters is None else filters
        problem: Exception | None = None
        for attempt in range(1, self._reading.tries + 1):
            if self._client.stop.is_set():
                raise Stopped("stopped on request")
            self._connection.budget = Budget(self._reading.budget)
            piece = _Piece(self, window, body, late_before, note, attempt)
            try:
                if not piece.read():
                    self._failures = 0 if piece.total else self._failures
                    yield piece
                    return
                is_hopeless = True
            except (ScrollLost, Incomplete) as failure:
                problem = failure
                log.info("%s; reading it again", failure)
                self._failures += 1
                self._notes_values = bool(self._resource.value_filters)
                if self._failures > self._reading.failures:
                    piece.close()
                    raise Incomplete(
                        f"{failure}; read again {self._failures} times, the cursor stays"
                    ) from None
                # A small window is often right the second time; a large one is better read in parts. A single
                # page is one consistent answer already.
                is_hopeless = (piece.total or 0) > (SCROLL_FROM * 3 if attempt == 1 else self._resource.take)
            except BaseException:
                piece.close()
                raise
            piece.close()
            parts = piece.parts
            if not parts and is_hopeless and not piece.found_base:
                parts = self._split(window, piece)
            if parts:
                counted = 0
                for part in parts:
                    for smaller in self._pieces(part, body, late_before, note):
                        counted += smaller.total or 0
                        yield smaller
                if window.is_unbounded and counted < (piece.total or 0) and body is None:
                    self._check_nothing_is_outside()
                return
            if problem is None:
                raise Incomplete(
                    f"{self._resource.name}: {piece.total:,} rows stand in one window that no filter of the "
                    f"endpoint can make smaller, and it shows {REACH:,} at most"
                )
            if filters and piece.is_for_parts:
                try:
                    whole = self._in_parts(piece, filters)
                except (ScrollLost, Incomplete) as failure:
                    problem = failure
                    log.info("%s; reading it again", failure)
                else:
                    yield whole
                    return
        raise Incomplete(f"{problem}; tried {self._reading.tries} times, the cursor stays where it was")

    # -- by values ---------------------------------------------------------------------------------

    def _in_parts(self, lost: "_Piece", filters: Sequence[ValueFilter]) -> "_Piece":
        """A window whose scroll was lost, put together of many small ones: by the values of `filters`.

        An inventory of 200 batches of which one in twenty is lost never arrives as one scroll. By warehouse and, where
        a warehouse is large too, by some hundred products at a time, each part is an answer or two. Each is complete
        by its own count; all of them are the window if they hold as many keys as the server counts in it afterwards.
        Rows that a filter cannot show, such as those without a warehouse, are found by the next filter. Raises
        Incomplete if rows are still missing when all known values were asked for.
        """
        window, body, note = lost.window, lost.extra, lost.note
        whole, wanted = _Whole(self, lost), lost.total or 0
        try:
            for values, others in self._parts(lost, filters):
                asked = {**(body or {}), **values}
                for part in self._pieces(window, asked, lost.late_before, note, others):
                    whole.take_over(part)
                if whole.count < wanted:
                    continue
                for part in self._changed_since(whole):
                    whole.take_over(part)
                wanted = whole.total = self._count_of(window, body)
                # Fewer than before: what was deleted meanwhile may stand for what no part has shown.
                if whole.count == wanted and wanted >= (lost.total or 0):
                    return whole
            raise Incomplete(whole.says(f"{whole.count:,} rows came in parts, the server counts {wanted:,}"))
        except BaseException:
            whole.close()
            raise

    def _parts(
        self, lost: "_Piece", filters: Sequence[ValueFilter]
    ) -> Iterator[tuple[dict[str, list[str]], Sequence[ValueFilter]]]:
        """What to ask for, and by what each of it may be split further.

        Values that rows have shown come first, then those that another resource lists, then those of the next filter;
        its rows may show new values of the filters before.
        """
        self._see(lost.first_rows)
        asked: dict[str, set[str]] = {by.field: set() for by in filters}
        goes_on = True
        while goes_on:
            goes_on = False
            for number, by in enumerate(filters):
                while values := sorted(
                    self._seen[by.field] - asked[by.field] or self._list(by) - asked[by.field]
                ):
                    asked[by.field].update(values)
                    fitting = BATCHES_A_PART * len(lost.first_rows) * len(values) // max(1, lost.total or 0)
                    size = max(1, min(VALUES_A_PART, fitting))
                    for start in range(0, len(values), size):
                        yield {by.field: values[start : start + size]}, filters[number + 1 :]
                    goes_on = number > 0

    def _see(self, rows: Sequence[Row]) -> None:
        """Note the values by which parts can be asked for."""
        for by in self._resource.value_filters:
            self._seen[by.field].update(_texts(rows, by.path))

    def _list(self, by: ValueFilter) -> set[str]:
        """The values that another resource knows, none where it cannot be read."""
        if by.field not in self._listed:
            self._listed[by.field] = set()
            if by.listed_in:
                listing = RESOURCES[by.listed_in]
                only = {**listing.key_only, "includedFields": {"specificFields": ["id", *by.listed_at]}}
                window = Window(end=self._client.server_time())
                try:
                    rows = self._rows_of(listing, window, only if listing.key_only else None)
                except (Refused, ScrollLost, Incomplete) as failure:
                    log.info("%s: no more values of %s: %s", self._resource.name, by.field, failure)
                else:
                    for path in by.listed_at:
                        self._listed[by.field].update(_texts(rows, path))
        return self._listed[by.field]

    def _changed_since(self, whole: "_Piece") -> Iterator["_Piece"]:
        """The rows that came while the parts were read, where they can be asked for."""
        if self._resource.rule != "from" or not self._resource.has_own_id:
            return
        began = whole.began - dt.timedelta(seconds=self._reading.settling_lag)
        lower = max(whole.window.lower or began, began)
        yield from self._pieces(
            replace(whole.window, lower=lower), whole.extra, whole.late_before, whole.note, ()
        )

    def _count_of(self, window: Window, body: Mapping[str, Any] | None) -> int:
        """The server's own count of a window, now."""
        if self._resource.search:
            first = SearchPages(
                self._connection, self._body(window, body), self._base, self._executor
            ).first()
        else:
            first = Scroll(self._connection, self._body(window, body, scroll=True)).first()
        return first.total or 0

    # -- by time -----------------------------------------------------------------------------------

    def _check_nothing_is_outside(self) -> None:
        """Rows without the stamp are in no window: say so, rather than leave them out silently."""
        everything = self._count({})
        stamped = self._count(Window(lower=dt.datetime(1, 1, 1, tzinfo=dt.UTC)).body(self._resource))
        if stamped < everything:
            raise Incomplete(
                f"{self._resource.name}: {everything - stamped:,} of {everything:,} rows carry no "
                f"{self._resource.cursor}, and are too many to be read without it"
            )

    def _count(self, bounds: Mapping[str, Any]) -> int:
        """The server's own count, by a search or, where there is none, by a scroll."""
        resource = self._resource
        body = {**resource.body, **bounds}
        if resource.search:
            page = {"take": 1, "page": self._base.number} if resource.paged else {}
            return self._connection.post(resource.search, {**body, **page}).total or 0
        return self._connection.post(resource.scroll, {**body, "take": 1}, starts_scroll=True).total or 0

    def _target(self) -> int:
        """Rows that a window should hold at most."""
        if not (self._resource.scroll or self._resource.scroll_next):
            return REACH
        by_bytes = (
            self._reading.window_bytes / self._row_bytes if self._row_bytes else self._reading.window_rows
        )
        return int(max(SCROLL_FROM, min(self._reading.window_rows, by_bytes)))

    def _split(self, window: Window, piece: "_Piece") -> list[Window]:
        """Smaller windows that cover this one, oldest first; empty where no filter can split it."""
        at_rank = self._cut_by_rank(window, piece)
        if at_rank:
            return at_rank
        resource = self._resource
        count = min(64, max(2, -(-3 * (piece.total or 0) // (2 * self._target()))))
        stamps_differ = piece.lowest_cursor is None or piece.lowest_cursor != piece.highest_cursor
        by_cursor = self._cut_evenly(window, count, piece, "lower", "upper", resource.is_bounded)
        by_creation = self._cut_evenly(
            window, count, piece, "created_lower", "created_upper", bool(resource.created_lower)
        )
        return (by_cursor or by_creation) if stamps_differ else (by_creation or by_cursor)

    def _cut_evenly(
        self, window: Window, count: int, piece: "_Piece", low: str, high: str, is_possible: bool
    ) -> list[Window]:
        lowest = piece.lowest_cursor if low == "lower" else None
        lower = getattr(window, low) or lowest or BEGINNING
        upper = max(getattr(window, high) or self._client.server_time(), lower)
        if not is_possible or upper - lower <= NARROWEST * OVERLAPS[0]:
            return []
        overlap = self._overlap(piece, low, high)
        # Narrower pieces than what they share would be read over and over.
        count = min(count, int((upper - lower) / (2 * overlap)))
        if upper - lower <= NARROWEST * overlap:
            return []
        marks = [lower + (upper - lower) * number / count for number in range(1, count)]
        return _cut(window, marks, low, high, overlap)

    def _overlap(self, piece: "_Piece", low: str, high: str) -> dt.timedelta:
        """How much neighbouring windows must share so that no row falls between them.

        A server that leaves the bounds out and compares whole seconds shows nothing between two milliseconds
        before a row and two behind it. So ask for a row that is there.
        """
        path = self._resource.cursor if low == "lower" else "created"
        stamps = [stamp for row in piece.first_rows if (stamp := microseconds(_at(row, path))) is not None]
        for stamp in stamps[:1] if low not in self._overlaps else ():
            moment = EPOCH + dt.timedelta(milliseconds=stamp // 1_000)
            for overlap in OVERLAPS:
                around = Window(**{low: moment - overlap, high: moment + overlap})
                if self._count(around.body(self._resource)):
                    self._overlaps[low] = overlap
                    break
        return self._overlaps.get(low, OVERLAPS[0])

    def _cut_by_rank(self, window: Window, piece: "_Piece") -> list[Window]:
        """Two windows, one of which holds just as many rows as a search shows.

        The last page that can be seen tells the stamp to cut at, whichever stamp the server sorts by.
        """
        resource = self._resource
        if self._target() < REACH or not (resource.search and resource.paged) or (piece.total or 0) <= REACH:
            return []
        pages = SearchPages(self._connection, self._body(window), self._base, self._executor)
        last = pages.page(REACH // resource.take - 1 + self._base.number)
        paths = [(resource.cursor, "lower", "upper", resource.is_bounded)]
        paths += [("created", "created_lower", "created_upper", bool(resource.created_lower))]
        for path, low, high, is_possible in paths:
            stamps = _stamps(piece.first_rows, path) + _stamps(last.rows, path)
            if not is_possible or not stamps or stamps[0] == stamps[-1]:
                continue
            # The last page in the server's order: its end that lies nearer to the first page.
            shown = stamps[-len(last.rows) :]
            if stamps in (sorted(stamps), sorted(stamps, reverse=True)):
                mark = min(shown) if stamps[0] < stamps[-1] else max(shown)
                low_end, high_end = getattr(window, low), getattr(window, high)
                overlap = self._overlap(piece, low, high)
                if (not low_end or mark > low_end) and (not high_end or mark + 2 * overlap < high_end):
                    return _cut(window, [mark], low, high, overlap)
        return []


def _cut(
    window: Window, marks: Sequence[dt.datetime], low: str, high: str, overlap: dt.timedelta
) -> list[Window]:
    """The windows between `marks`; the outer ends stay as open as they were."""
    # Behind the mark, so that rows that share its very stamp stand on one side of it.
    starts = [getattr(window, low), *(mark + overlap for mark in marks)]
    stops = [*(mark + 2 * overlap for mark in marks), getattr(window, high)]
    # Only windows that follow each other in the cursor's own order say that all before their end is read.
    ends = [mark if low == "lower" and window.end else None for mark in marks] + [window.end]
    return [
        replace(window, **{low: start, high: stop}, end=end)
        for start, stop, end in zip(starts, stops, ends, strict=True)
    ]


def _stamps(rows: Sequence[Row], path: str) -> list[dt.datetime]:
    return [stamp for row in rows if (stamp := moment_of(_at(row, path)))]


class _Piece:
    """One attempt at one window."""

    def __init__(
        self,
        reader: Reader,
        window: Window,
        body: Mapping[str, Any] | None,
        late_before: dt.datetime | None,
        note: Callable[[Sequence[Row]], None] | None,
        attempt: int,
    ) -> None:
        self._reader, self.window, self.extra, self.attempt = reader, window, body, attempt
        self.late_before, self.note = late_before, note
        self._assembly: Assembly | None = None
        self._coming: deque[Future[Added]] = deque()
        self.bytes = 0
        self.total: int | None = None
        self.keys: set[str] = set()
        self.read_rows = self.written = 0
        self.found_base = False
        self.first_rows: Sequence[Row] = ()
        self.drift: list[Drift] = []
        self.late_seconds: float | None = None
        self.parts: list[Window] = []
        self.lowest_cursor: dt.datetime | None = None
        self.highest_cursor: dt.datetime | None = None
        self._started, self.began = time.monotonic(), reader._client.server_time()
        self._requests = reader.traffic.requests
        self._waiting: list[Page] = []
        self._waiting_bytes = 0

    # -- reading -----------------------------------------------------------------------------------

    def read(self) -> bool:
        """Read and verify. True: too large for one window. Raises ScrollLost or Incomplete."""
        reader, resource = self._reader, self._reader._resource
        body = reader._body(self.window, self.extra)
        if not resource.search:
            return self._scroll(
                Scroll(reader._connection, reader._body(self.window, self.extra, scroll=True))
            )
        pages = SearchPages(reader._connection, body, reader._base, reader._executor)
        first = pages.first()
        self._look_at(first)
        if self._is_too_large():
            return True
        # Pages can be asked for again, a batch cannot: after a scroll has failed pages are better.
        has_failed = self.attempt > 1 and resource.paged and (self.total or 0) <= REACH
        goes_on = bool(first.scroll_id and resource.scroll_next) and not has_failed
        if goes_on and (self.total is None or first.count < self.total):
            return self._scroll(Scroll(reader._connection, body), first)
        if resource.scroll and (self.total or 0) > SCROLL_FROM and not has_failed:
            scroll = Scroll(reader._connection, reader._body(self.window, self.extra, scroll=True))
            return self._scroll(scroll)
        if not resource.paged:
            if first.count < (self.total or 0) and not first.scroll_id:
                return True
            self._take(first)
            self._verify()
            return False
        if (self.total or 0) > REACH:
            return True
        try:
            self._take(first)
            for page in pages.rest(first):
                if page.total is not None and page.total != self.total:
                    text = f"its count went from {self.total} to {page.total} while it was read"
                    raise Incomplete(self.says(text))
                self._take(page)
            self._verify()
        except Incomplete:
            self.found_base = self._corrects_base(pages)
            raise
        if self.read_rows > first.count:
            self._check_nothing_left()
        return False

    def _corrects_base(self, pages: SearchPages) -> bool:
        """Whether the mismatch comes from counting pages from the wrong number; then the right one is set."""
        base = self._reader._base
        if not self.total or self._reader._has_checked_base:
            return False
        self._reader._has_checked_base = True
        was = base.number
        base.number = pages.find_base()
        if base.number != was:
            log.warning("%s: the server counts pages from %s", self._reader._resource.name, base.number)
        return base.number != was

    def _scroll(self, scroll: Scroll, first: Page | None = None) -> bool:
        first = first or scroll.first()
        self._look_at(first)
        if self._is_too_large():
            # A scroll holds the server's resources until it is read to its end or expires.
            return True
        self._take(first)
        for page in one_ahead(scroll.rest(first), self._reader._executor):
            self._take(page)
        self._verify()
        return False

    def _is_too_large(self) -> bool:
        reader = self._reader
        if (self.total or 0) <= reader._target():
            return False
        self.parts = reader._split(self.window, self)
        return bool(self.parts)

    def _look_at(self, page: Page) -> None:
        """Learn from the first page: the count, how large a row is, and the stamps."""
        self.total = page.total
        if page.count:
            self._reader._row_bytes = len(page.body) / page.count
            self.first_rows = page.rows
            stamps = _stamps(page.rows, self._reader._resource.cursor)
            if stamps:
                self.lowest_cursor, self.highest_cursor = min(stamps), max(stamps)
        self._reader._on_rows(0, self.total)

    def _take(self, page: Page) -> None:
        if self._reader._client.stop.is_set() and (self.total or 0) - self.read_rows > 5_000:
            raise Stopped("stopped on request")
        self._waiting.append(page)
        self._waiting_bytes += len(page.body)
        self.read_rows += page.count
        self.bytes += len(page.body)
        if self.note:
            self.note(page.rows)
        if self._reader._notes_values:
            self._reader._see(page.rows)
        if self._waiting_bytes > PARSE_BYTES:
            self._parse()
        self._reader._on_rows(page.count, self.total)

    def _parse(self) -> None:
        waiting, self._waiting, self._waiting_bytes = [page for page in self._waiting if page.count], [], 0
        if waiting:
            self._coming.append(self.assembly.add(waiting))
        # Elsewhere the next batches are under way while the first of them is looked at.
        while self._coming and (len(self._coming) > self.assembly.at_once or self._coming[0].done()):
            self._keep(self._coming.popleft().result())

    @property
    def assembly(self) -> Assembly:
        """Where the pages become tables."""
        if self._assembly is None:
            self._assembly = self._reader._assembly((self.total or 0) * self._reader._row_bytes)
        return self._assembly

    def _keep(self, added: Added) -> None:
        """Say which rows of a batch are kept: none twice, and none that the destination holds already."""
        resource = self._reader._resource
        doubled = self.keys.intersection(added.keys)
        if doubled and resource.has_own_id:
            raise Incomplete(self.says(f"{len(doubled):,} rows came twice"))
        mask = self._wanted(added, doubled)
        self.keys.update(added.keys)
        self.drift += added.drift
        self.assembly.keep(mask)
        if added.hashes:
            self.written += len(added.keys) if mask is None else sum(mask)
            self._note_lateness(added, mask)

    def _wanted(self, added: Added, doubled: set[str]) -> list[bool] | None:
        """Which rows of a batch are new; None for all of them."""
        known = self._reader._known
        held = known(self._reader._resource.name, added.keys) if known and added.hashes else {}
        if not doubled and not held:
            return None
        hashes = added.hashes or [""] * len(added.keys)
        return [
            key not in doubled and held.get(key) != content
            for key, content in zip(added.keys, hashes, strict=True)
        ]

    def _note_lateness(self, added: Added, mask: list[bool] | None) -> None:
        """How late a row appeared: it changed before the last window's end, and was not shown in it."""
        if self.late_before is None or added.stamps is None:
            return
        stamps = added.stamps if mask is None else added.stamps[np.array(mask)]
        before = self.late_before.timestamp()
        earliest = float(stamps.min()) / 1e6 if len(stamps) else before
        if earliest < before:
            self.late_seconds = max(self.late_seconds or 0.0, before - earliest)

    # -- verifying ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many different rows came."""
        # Rows without an id of their own may be alike; then the server's snapshot is as long as what came.
        return len(self.keys) if self._reader._resource.has_own_id else self.read_rows

    @property
    def is_for_parts(self) -> bool:
        """Whether to read it by values now: twice at most, a long scroll at once, a short one after some tries."""
        total, resource = self.total or 0, self._reader._resource
        has_pages = bool(resource.search) and resource.paged and total <= REACH
        if not self.first_rows or not total or has_pages:
            return False
        first_time = 1 if total > LONG_SCROLL * len(self.first_rows) else 3
        return first_time <= self.attempt < first_time + 2

    def _verify(self) -> None:
        self._parse()
        while self._coming:
            self._keep(self._coming.popleft().result())
        if self.total is not None and self.count != self.total:
            raise Incomplete(
                self.says(f"{len(self.keys):,} distinct rows came, the server counts {self.total:,}")
            )

    def _check_nothing_left(self) -> None:
        """Make sure that no row left the window while its pages were read.

        A row that changes gets a later stamp and leaves a window with an upper end; the rows behind it move
        up, and one of them may pass from a page not yet read to one already read. If at the same moment
        another row comes in, the counts agree and a row is missing. So ask what has changed since the
        reading began.
        """
        reader, resource = self._reader, self._reader._resource
        if resource.rule != "window" or self.window.upper is None:
            return
        # The index may have shown a change late, so that its stamp is older than the reading.
        began = self.began - dt.timedelta(seconds=reader._reading.settling_lag)
        after = Window(lower=max(self.window.upper, began))
        pages = SearchPages(
            reader._connection, reader._body(after, self.extra), reader._base, reader._executor
        )
        changed = pages.first()
        if not changed.total:
            return
        if changed.total > changed.count:
            raise Incomplete(self.says(f"{changed.total:,} rows changed while it was read"))
        left = self.keys.intersection(self.assembly.keys_of([changed]))
        if left:
            raise Incomplete(self.says(f"{len(left):,} of its rows changed while it was read"))

    def says(self, text: str) -> str:
        bounds = [f"{name}={value}" for name, value in self.window.body(self._reader._resource).items()]
        # Values may be customers.
        bounds += [
            f"{len(value)} {name}" for name, value in (self.extra or {}).items() if isinstance(value, list)
        ]
        where = " ".join(bounds) or "everything"
        return f"{self._reader._resource.name} ({where}): {text}"

    def verified(self) -> Verified:
        """What is handed on."""
        reader = self._reader
        self.assembly.finish()
        return Verified(
            reader._resource,
            self.window,
            self.total,
            self.read_rows,
            len(self.keys),
            self.written,
            self.assembly,
            {},
            Traffic(requests=reader.traffic.requests - self._requests),
            self.attempt,
            time.monotonic() - self._started,
            self.bytes,
            self.drift,
            self.late_seconds,
            self.keys,
        )

    def close(self) -> None:
        """Throw away what was read."""
        if self._assembly is not None:
            self._assembly.close()


class _Whole(_Piece):
    """A window put together of parts that are complete each."""

    def __init__(self, reader: Reader, lost: _Piece) -> None:
        super().__init__(reader, lost.window, lost.extra, lost.late_before, lost.note, lost.attempt + 1)
        folder = reader._reading.spool
        self._assembly = self._here = Here(
            reader._parser, column_name_of(reader._resource.cursor), Spool(folder)
        )

    def take_over(self, part: _Piece) -> None:
        """Add the rows of a part, but for those that came with another one."""
        resource = self._reader._resource
        doubled = self.keys & part.keys
        if doubled and not resource.has_own_id:
            part.close()
            raise Incomplete(self.says(f"{len(doubled):,} rows came in two parts"))
        if part.read_rows:
            self.written += self._here.take_over(part.assembly.tables(), resource.name, doubled)
        part.close()
        self.keys |= part.keys
        self.read_rows += part.read_rows
        self.bytes += part.bytes
        self.drift += part.drift
        if part.late_seconds is not None:
            self.late_seconds = max(self.late_seconds or 0.0, part.late_seconds)


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


def _key(resource: Resource, row: Row) -> str:
    return "|".join(str(_at(row, path)) for path in resource.key)


def _at(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _texts(rows: Sequence[Row], path: str) -> set[str]:
    """The texts at a path of some rows, also of a path through lists."""
    values: list[Any] = list(rows)
    for name in path.split("."):
        values = [value.get(name) for value in values if isinstance(value, Mapping)]
        values = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return {value for value in values if isinstance(value, str) and value}


def column_name_of(path: str) -> str:
    """The column that a JSON path becomes."""
    return "__".join(column_name(part) for part in path.split("."))
