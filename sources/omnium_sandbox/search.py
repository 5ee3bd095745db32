"""What a search answers: filters, order, pages and scrolls."""

import random
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy
import orjson

from omnium_sandbox.endpoints import Bound, Resource, request_fields, schemas
from omnium_sandbox.rows import NEVER, Row, at, microseconds
from omnium_sandbox.shown import product_steps, with_extra_fields, with_nulls
from omnium_sandbox.tenant import Generated, Positions, Rows

SORT_ORDERS = {
    "CreatedAscending",
    "CreatedDescending",
    "ModifiedAscending",
    "ModifiedDescending",
    "DocumentId",
}
TAKE_LIMIT = 100
WINDOW = 10_000
"""Neither `take * page` nor an answer without pages goes beyond this many hits."""


@dataclass
class Behaviour:
    """What a tenant may do one way or another; a test changes it at any time.

    One record, as it is a panel of switches.
    """

    page_base: dict[str, int] = field(default_factory=dict)
    """Resource -> 0 or 1 where it is not what the description says."""
    nulls: Literal["omit", "include"] = "omit"
    gzip: bool = False
    clock_offset_seconds: float = 0.0
    """The server's clock (Date header, modified stamps) runs ahead by this much."""
    date_offset_seconds: float = 0.0
    """The Date header alone is ahead by this much: a proxy's clock."""
    token_date_offset_seconds: float = 0.0
    """That of the token's answers is ahead by this much more."""
    date_header: Literal["right", "missing", "garbage"] = "right"
    count_limit: int | None = None
    """Counts (totalHits) stop here, as those of an index at 10,000; all rows are shown nevertheless."""
    is_sorted: bool = True
    """False: every search is answered in the usual order, whichever one it asks for."""
    scroll_seconds: float = 300.0
    scroll_ids: Literal["keep", "change", "sometimes"] = "sometimes"
    scroll_end: Literal["empty", "no_id"] = "empty"
    """empty: the last batch still carries an id and the next answer is empty; no_id: it carries none."""
    batch: int = 1_000
    """Items that come at once where a search has no pages (inventory, prices)."""
    supplier_version: Literal["wrapped", "bare"] = "wrapped"
    facet_seconds: float = 0.03
    """What facets cost where they can be disabled and are not."""
    facet_count: int = 400
    missing_roles: set[str] = field(default_factory=set)
    visible_stores: set[str] | None = None
    """The API user is limited to these stores: it silently sees no row of another."""
    concurrency: int = 20
    read_concurrency: int = 150
    """Of product and inventory reads."""
    tenant_concurrency: int = 40
    """Of everything that is no product or inventory read."""
    bucket: int = 12_000
    refill: int = 1_000
    refill_seconds: float = 10.0
    scroll_starts_at_once: int = 1
    unstable_ties: bool = False
    """Rows with the same sort value come in another order each time, as they do on replicas."""
    extra_fields: bool = False
    """Every row carries fields that the description does not know."""
    token_seconds: int = 864_000
    latency_seconds: float = 0.0
    page_window: int = WINDOW


class BadRequest(Exception):
    """The request cannot be answered: status 400 with this text."""


class NotFound(Exception):
    """There is no such thing: status 404."""


@dataclass
class Scroll:
    """A snapshot and how far it was read."""

    resource: Resource
    bodies: Sequence[int] | Sequence[bytes]
    body: Callable[[Any], bytes]
    total: int
    batch: int
    show: Callable[[bytes], bytes]
    used: float
    position: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> list[bytes]:
        """The next batch; moves on."""
        chunk = self.bodies[self.position : self.position + self.batch]
        self.position += len(chunk)
        return [self.show(self.body(item)) for item in chunk]

    @property
    def is_at_end(self) -> bool:
        """Whether everything was handed out."""
        return self.position >= len(self.bodies)


@dataclass
class Answer:
    """The rows of an answer and what stands around them."""

    rows: list[bytes]
    total: int
    scroll_id: str | None = None
    facets: bytes | None = None


class Searches:
    """Answers searches and scrolls over the tenant's collections. Thread-safe.

    One class, as searches and scrolls find, sort and show rows the same way.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._scrolls: dict[str, Scroll] = {}
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, int, int, bytes], Positions] = OrderedDict()
        self._facets: dict[str, bytes] = {}

    # Searches

    def search(self, rows: Rows, request: Row, *, is_list: bool = True) -> Answer:
        """One page, and a scroll for the rest where the endpoint starts one by itself."""
        resource, behaviour = rows.resource, self.behaviour
        rows.settle()
        with rows.lock:
            found = self._find(rows, request)
            show = self._show(resource, request, is_list=is_list)
            if resource.take == "all":
                chosen = found[: behaviour.page_window]
                return Answer([show(rows.body(position)) for position in chosen], len(found))
            if resource.take == "batch":
                batch = _whole(request, "scrollSize", behaviour.batch, behaviour.batch)
                return self._start(rows, found, batch, show, always=False)
            page, take = _page(request), _whole(request, "take", resource.take_default, TAKE_LIMIT)
            if take * page > behaviour.page_window:
                raise BadRequest(f"Result window is too large: take * page must not exceed {WINDOW}.")
            base = behaviour.page_base.get(resource.name, resource.page_base)
            start = max(0, page - base) * take
            if resource.more and not resource.scroll and start == 0:
                return self._start(rows, found, take, show, always=False)
            chosen = found[start : start + take]
            answer = Answer([show(rows.body(position)) for position in chosen], len(found))
        answer.facets = self._facets_of(resource, request)
        return answer

    def start_scroll(self, rows: Rows, request: Row) -> Answer:
        """A snapshot's first batch."""
        resource = rows.resource
        rows.settle()
        with rows.lock:
            found = self._find(rows, request)
            limit = resource.scroll_take_limit
            take = _whole(request, "scrollSize", 0, limit) or _whole(
                request, "take", resource.take_default, limit
            )
            show = self._show(resource, request, is_list=False)
            answer = self._start(rows, found, take, show, always=True)
        answer.facets = self._facets_of(resource, request)
        return answer

    def continue_scroll(self, scroll_id: str, *, again: bool = False) -> Answer:
        """The next batch (or, as a fault, the same `again`)."""
        with self._lock:
            self._drop_expired()
            scroll = self._scrolls.get(scroll_id)
        if scroll is None:
            raise NotFound("The scroll does not exist or has expired.")
        with scroll.lock:
            if again:
                scroll.position = max(0, scroll.position - scroll.batch)
            scroll.used = time.monotonic()
            rows = scroll.next()
            finished = not rows or (scroll.is_at_end and self.behaviour.scroll_end == "no_id")
            next_id: str | None = scroll_id
            changes = self.behaviour.scroll_ids == "change" or (
                self.behaviour.scroll_ids == "sometimes" and scroll.position // scroll.batch % 3 == 0
            )
            with self._lock:
                if finished:
                    self._scrolls.pop(scroll_id, None)
                    next_id = None if rows else scroll_id
                elif changes:
                    next_id = self._keep(scroll)
                    self._scrolls.pop(scroll_id, None)
            return Answer(rows, scroll.total, next_id)

    def expire_scrolls(self) -> None:
        """Forgets every open scroll."""
        with self._lock:
            self._scrolls.clear()

    @property
    def open_scrolls(self) -> int:
        """How many scrolls were started and not read to their end."""
        with self._lock:
            self._drop_expired()
            return len(self._scrolls)

    def _start(
        self, rows: Rows, found: Positions, batch: int, show: Callable[[bytes], bytes], *, always: bool
    ) -> Answer:
        resource = rows.resource
        positions = found.tolist()
        if not always and len(positions) <= batch:
            return Answer([show(rows.body(position)) for position in positions], len(positions))
        if isinstance(rows, Generated):
            # Generated rows never change: their numbers are snapshot enough.
            scroll = Scroll(resource, positions, rows.body, len(positions), batch, show, time.monotonic())
        else:
            bodies = [rows.body(position) for position in positions]
            scroll = Scroll(resource, bodies, bytes, len(bodies), batch, show, time.monotonic())
        first = scroll.next()
        if scroll.is_at_end and self.behaviour.scroll_end == "no_id":
            return Answer(first, scroll.total)
        with self._lock:
            self._drop_expired()
            return Answer(first, scroll.total, self._keep(scroll))

    def _keep(self, scroll: Scroll) -> str:
        scroll_id = "DnF1ZXJ5VGhlbkZldGNo" + secrets.token_urlsafe(48) + "=="
        self._scrolls[scroll_id] = scroll
        return scroll_id

    def _drop_expired(self) -> None:
        oldest = time.monotonic() - self.behaviour.scroll_seconds
        for scroll_id in [one for one, scroll in self._scrolls.items() if scroll.used < oldest]:
            del self._scrolls[scroll_id]

    # Filters and order

    def _find(self, rows: Rows, request: Row) -> Positions:
        """Positions of all hits, in order. Kept for the next page of the same search."""
        resource = rows.resource
        asked = {name: value for name, value in request.items() if name not in ("take", "page", "scrollSize")}
        asked["visible stores"] = sorted(self.behaviour.visible_stores or ())
        cache_key = (
            resource.name,
            id(rows),
            rows.version,
            orjson.dumps(asked, option=orjson.OPT_SORT_KEYS),
        )
        with self._lock:
            known = self._found.get(cache_key)
        if known is None:
            known = self._filter(rows, request)
            with self._lock:
                self._found[cache_key] = known
                while len(self._found) > 64:
                    self._found.popitem(last=False)
        if self.behaviour.unstable_ties:
            known = self._sort(rows, known, request)
        return known

    def _filter(self, rows: Rows, request: Row) -> Positions:
        resource, fields = rows.resource, request_fields(rows.resource.request)
        for name, value in request.items():
            _check(name, value, fields.get(name))
        chosen = rows.alive()
        late_bounds: list[tuple[str, Bound, int]] = []
        for name, (path, bound) in resource.times().items():
            if request.get(name) is None:
                continue
            limit = microseconds(request[name])
            if limit == NEVER:
                raise BadRequest(f"The value '{request[name]}' is not valid for {name}.")
            known = "created" if path == resource.created else "modified"
            if path not in (resource.created, resource.modified):
                late_bounds.append((path, bound, limit))
                continue
            times = rows.times(known)
            chosen = chosen & _within(times, bound, limit) & (times != NEVER)
        if resource.name == "products" and not request.get("isDeleted"):
            chosen = chosen & ~rows.hidden()
        if resource.name == "products" and request.get("isDeleted"):
            chosen = chosen & rows.hidden()
        if resource.name == "stores" and not (request.get("includeInactive") or request.get("isInactive")):
            chosen = chosen & ~rows.hidden()
        found: Positions = numpy.flatnonzero(chosen)
        tests = self._tests(resource, request)
        for path, bound, limit in late_bounds:
            tests.append(_time_test(path, bound, limit))
        if tests:
            kept = []
            for position in found.tolist():
                row = orjson.loads(rows.body(position))
                if all(test(row) for test in tests):
                    kept.append(position)
            found = numpy.array(kept, dtype=numpy.int64)
        return self._sort(rows, found, request)

    def _tests(self, resource: Resource, request: Row) -> list[Callable[[Row], bool]]:
        """Filters that have to look into the row."""
        tests: list[Callable[[Row], bool]] = []
        for name, path in resource.filtered().items():
            asked = request.get(name)
            if asked is not None and asked != []:
                tests.append(_value_test(path, asked))
        if resource.name == "products" and request.get("isActive"):
            tests.append(_value_test("isActive", True))
        if resource.name == "inventory" and request.get("isInStock"):
            tests.append(lambda row: (row.get("inventory") or 0) > 0)
        stores = self.behaviour.visible_stores
        if stores is not None:
            tests.append(lambda row: (row.get("storeId") or row.get("warehouseCode") or "") in {"", *stores})
        if request.get("excludedTags"):
            excluded = set(request["excludedTags"])
            tests.append(lambda row: not excluded & set(row.get("tags") or []))
        if request.get("excludedStatuses"):
            unwanted = set(request["excludedStatuses"])
            tests.append(lambda row: row.get("status") not in unwanted)
        return tests

    def _sort(self, rows: Rows, found: Positions, request: Row) -> Positions:
        order = request.get("sortOrder") or "CreatedDescending"
        if order not in SORT_ORDERS:
            raise BadRequest(f"The value '{order}' is not valid for sortOrder.")
        if not self.behaviour.is_sorted or "sortOrder" not in request_fields(rows.resource.request):
            order = "CreatedDescending"
        if order == "DocumentId":
            return found[numpy.argsort(rows.document_order()[found], kind="stable")]
        times = rows.times("modified" if order.startswith("Modified") else "created")[found]
        values = times if order.endswith("Ascending") else -times
        if self.behaviour.unstable_ties:
            noise = numpy.array([random.random() for _ in range(len(found))])
            return found[numpy.lexsort((noise, values))]
        return found[numpy.argsort(values, kind="stable")]

    # What is shown of a row

    def _show(self, resource: Resource, request: Row, *, is_list: bool) -> Callable[[bytes], bytes]:
        """How a stored row becomes one of this answer: mostly as it is."""
        steps: list[Callable[[Row], Row]] = []
        if resource.name == "products":
            steps += product_steps(request)
            if is_list and resource.list_schema:
                kept = set(schemas()[resource.list_schema])
                steps.append(lambda row: {name: value for name, value in row.items() if name in kept})
        if resource.name == "inventory" and request.get("isBatchesExcluded"):
            steps.append(lambda row: {name: value for name, value in row.items() if name != "batches"})
        if self.behaviour.extra_fields:
            steps.append(with_extra_fields)
        if self.behaviour.nulls == "include":
            steps.append(lambda row: with_nulls(row, resource.schema))
        if not steps:
            return _as_it_is
        only_batches = len(steps) == 1 and resource.name == "inventory"

        def show(body: bytes) -> bytes:
            if only_batches and b'"batches"' not in body:
                return body
            row = orjson.loads(body)
            for step in steps:
                row = step(row)
            return orjson.dumps(row)

        return show

    def _facets_of(self, resource: Resource, request: Row) -> bytes:
        if not resource.facets_flag or request.get(resource.facets_flag):
            return b"[]"
        time.sleep(self.behaviour.facet_seconds)
        if resource.name not in self._facets:
            facet = [
                {
                    "facetType": kind,
                    "facets": [
                        {"name": f"{kind} {number}", "value": str(number), "count": number * 7 % 901}
                        for number in range(self.behaviour.facet_count // 4)
                    ],
                }
                for kind in ("status", "store", "brand", "category")
            ]
            self._facets[resource.name] = orjson.dumps(facet)
        return self._facets[resource.name]


def _as_it_is(body: bytes) -> bytes:
    return body


def _within(times: Positions, bound: Bound, limit: int) -> Any:
    if bound == "from":
        return times >= limit
    return times > limit if bound == "after" else times <= limit


def _time_test(path: str, bound: Bound, limit: int) -> Callable[[Row], bool]:
    def test(row: Row) -> bool:
        moment = microseconds(at(row, path))
        return moment != NEVER and bool(_within(numpy.array(moment), bound, limit))

    return test


def _value_test(path: str, asked: object) -> Callable[[Row], bool]:
    wanted = {str(item).lower() for item in (asked if isinstance(asked, list) else [asked])}

    def test(row: Row) -> bool:
        value = at(row, path)
        if isinstance(asked, bool):
            return bool(value) is asked
        values = value if isinstance(value, list) else [value]
        return any(str(item).lower() in wanted for item in values if item is not None)

    return test


def _check(name: str, value: object, kind: str | None) -> None:
    """Refuses a value of the wrong type, as the vendor's model binding does."""
    if value is None or kind is None:
        return
    right = {
        "s": isinstance(value, str),
        "t": isinstance(value, str | datetime),
        "b": isinstance(value, bool),
        "i": isinstance(value, int) and not isinstance(value, bool),
        "n": isinstance(value, int | float) and not isinstance(value, bool),
    }.get(kind, isinstance(value, list) if kind.startswith("[") else isinstance(value, dict))
    if not right:
        raise BadRequest(f"The JSON value could not be converted. Path: $.{name}")


def _whole(request: Row, name: str, default: int, limit: int) -> int:
    value = request.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadRequest(f"The value '{value}' is not valid for {name}.")
    if value > limit:
        raise BadRequest(f"{name} must not exceed {limit}.")
    return value


def _page(request: Row) -> int:
    page = request.get("page")
    if page is None:
        return 0
    if not isinstance(page, int) or isinstance(page, bool) or page < 0:
        raise BadRequest(f"The value '{page}' is not valid for page.")
    return page
