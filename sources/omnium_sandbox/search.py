"""Searches: filters, order and pages, and a scroll for the rows beyond them."""

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy
import orjson

from omnium_sandbox.answers import Answer, BadRequest
from omnium_sandbox.behaviour import WINDOW, Behaviour
from omnium_sandbox.endpoints import Bound, Resource, request_fields, schemas
from omnium_sandbox.rows import NEVER, Row, at, microseconds
from omnium_sandbox.scrolls import Scroll, Scrolls
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


class Searches:
    """Answers searches over the tenant's collections, and starts scrolls. Thread-safe."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.scrolls = Scrolls(behaviour)
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, int, int, bytes], Positions] = OrderedDict()
        self._facets: dict[str, bytes] = {}

    @property
    def open_scrolls(self) -> int:
        """The number of scrolls that were started and not read to their end."""
        return len(self.scrolls)

    # Searches

    def search(self, rows: Rows, request: Row, *, is_list: bool = True) -> Answer:
        """One page, and the start of a scroll if the search of the endpoint starts one."""
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
        """The first batch of a new scroll."""
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

    def _start(
        self, rows: Rows, found: Positions, batch: int, show: Callable[[bytes], bytes], *, always: bool
    ) -> Answer:
        positions = found.tolist()
        if not always and len(positions) <= batch:
            return Answer([show(rows.body(position)) for position in positions], len(positions))
        if isinstance(rows, Generated):
            # Generated rows never change, so their numbers suffice as a snapshot.
            return self.scrolls.start(Scroll(positions, lambda position: show(rows.body(position)), batch))
        return self.scrolls.start(Scroll([rows.body(position) for position in positions], show, batch))

    # Filters and order

    def _find(self, rows: Rows, request: Row) -> Positions:
        """The positions of all hits, in order; cached for the next page of the same search."""
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
        """The filters that need the row itself."""
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
        """A function from a stored row to the row in the answer; mostly the row is unchanged."""
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
    """Raise BadRequest for a value of the wrong type, as the vendor's model binding does."""
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
