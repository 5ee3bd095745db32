"""A server of the Omnium API that was written from the public description alone.

It shares nothing with the sandbox or the program, so that it does not repeat what both of them misunderstand. Whatever
the description leaves open is a field of `Habits`. It is served by threads on loopback:

    Stranger(habits)   the tenant: rows, index, scrolls, limits, and what was wrong with requests (`complaints`)
    Writer(stranger)   changes, adds and deletes rows until it is stopped
"""

import contextlib
import email.utils
import gzip
import random
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

from tests.support.stranger_rows import (
    DESCRIPTION,
    ENDPOINTS,
    FILTERS,
    FINAL,
    ONLY_CREATION,
    Maker,
    Row,
    as_json,
    at,
    moment,
    request_of,
    version_of,
    without,
)

DAY = 86_400 * 1_000_000
IN_FLIGHT, IN_FLIGHT_OF_CATALOGUE = 20, 150
REACH = 10_000


@dataclass
class Habits:
    """How this server behaves where the description leaves it open, and what goes wrong between it and its client."""

    seed: int = 1
    rows: int = 60
    """Rows of each resource; `many` overrides it for some."""
    many: dict[str, int] = field(default_factory=dict)
    clock_hours: float = 0.0
    late_seconds: float = 0.0
    whole_seconds: bool = False
    exclusive: bool = False
    http: str = "HTTP/1.1"
    first_supplier_page: int = 0
    faults: float = 0.0
    odd: bool = True
    scroll_batch: int | None = None
    """Size of the batches of automatic scrolls if the request names none."""
    latency: float = 0.0


@dataclass
class _Refusal(Exception):
    """An answer other than 200."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Stored:
    """A row as the index stores it: its stamps in microseconds, and its bytes."""

    row: Row
    body: bytes
    modified: int | None
    created: int | None


class Stranger:
    """The tenant and its server."""

    client_id, client_secret = "a stranger", "stranger's s3cret/with+signs&="

    def __init__(self, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self.make = Maker(self.habits.seed, whole_seconds=self.habits.whole_seconds, odd=self.habits.odd)
        self.random = random.Random(self.habits.seed)
        self.lock = threading.RLock()
        self.rows: dict[str, dict[tuple[Any, ...], _Stored]] = {name: {} for name in ENDPOINTS}
        """The rows that the tenant really has."""
        self.index: dict[str, dict[tuple[Any, ...], _Stored]] = {name: {} for name in ENDPOINTS}
        """The rows that a search shows: changes reach it later."""
        self.late: list[tuple[float, str, tuple[Any, ...], _Stored | None]] = []
        self.versions: dict[str, dict[str, Row]] = {}
        """Supplier → version → the supplier at that version."""
        self.scrolls: dict[str, tuple[str, list[bytes], int, float]] = {}
        self.complaints: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.bodies: dict[str, list[Row]] = {}
        self.faults: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.flying: Counter[str] = Counter()
        self.most_flying = 0
        self.starting = 0
        for name in ENDPOINTS:
            for number in range(self.habits.many.get(name, self.habits.rows)):
                self.add(name, fullness=1.0 if number == 0 else 0.5, is_old=True)
        self.settle(everything=True)

    # -- the tenant's rows --------------------------------------------------------------------------

    def now(self) -> int:
        """The server's clock in microseconds since 1970."""
        return int((time.time() + self.habits.clock_hours * 3600) * 1_000_000)

    def add(self, name: str, *, fullness: float = 0.5, is_old: bool = False) -> None:
        """Add a row; an old one was made at some time in the last 400 days."""
        endpoint, now = ENDPOINTS[name], self.now()
        created = now
        if is_old:
            created -= self.random.choice((1, 25, 400)) * self.random.randrange(60 * 1_000_000, DAY)
        modified = self.random.randint(created, now - 1_000_000) if is_old else now
        row = self.make.object(endpoint.schema, fullness=fullness)
        for path in endpoint.key if len(endpoint.key) < 3 else ("productId", "skuId"):
            _put(row, path, self.make.identity())
        if endpoint.created:
            _put(row, endpoint.created, self.make.time(created))
        self.save(name, row, modified)

    def change(self, name: str, key: tuple[Any, ...]) -> None:
        """Write all fields of a row anew, except those that identify it and the time of its creation."""
        endpoint, old = ENDPOINTS[name], self.rows[name][key].row
        row = self.make.object(endpoint.schema)
        for path in (*endpoint.key, *((endpoint.created,) if endpoint.created else ())):
            _put(row, path, at(old, path))
            if at(old, path) is None:
                row.pop(path, None)
        self.save(name, row, self.now())

    def save(self, name: str, row: Row, modified: int) -> None:
        """Put a row into the tenant; the index shows it a little later."""
        endpoint = ENDPOINTS[name]
        if endpoint.modified:
            _put(row, endpoint.modified, self.make.time(modified))
        if name == "suppliers":
            versions = self.versions.setdefault(row["id"], {})
            row["previousVersionId"] = list(versions)[-1] if versions else None
            row["versionId"] = self.make.identity()
            versions[row["versionId"]] = row
        if name == "purchase_orders":
            self._name_deliveries(row)
        if name == "stores":
            row["isInactive"] = self.random.random() < 0.2
        stored = _Stored(
            row, as_json(row), moment(at(row, endpoint.modified)), moment(at(row, endpoint.created))
        )
        self._put(name, tuple(at(row, path) for path in endpoint.key), stored)

    def delete(self, name: str, key: tuple[Any, ...]) -> None:
        """Remove a row without any sign of it."""
        self._put(name, key, None)

    def _put(self, name: str, key: tuple[Any, ...], stored: _Stored | None) -> None:
        with self.lock:
            if stored is None:
                self.rows[name].pop(key)
            else:
                self.rows[name][key] = stored
            due = time.monotonic() + self.random.uniform(0, self.habits.late_seconds)
            # Changes of a row reach the index in order; otherwise it could end with an older version.
            due = max([due, *(late[0] for late in self.late if late[1:3] == (name, key))])
            self.late.append((due, name, key, stored))

    def settle(self, *, everything: bool = False) -> None:
        """Apply the changes that are due to the index."""
        with self.lock:
            now, waiting = time.monotonic(), []
            for late in self.late:
                if not everything and late[0] > now:
                    waiting.append(late)
                elif late[3] is None:
                    self.index[late[1]].pop(late[2], None)
                else:
                    self.index[late[1]][late[2]] = late[3]
            self.late = waiting

    def _name_deliveries(self, order: Row) -> None:
        form = order.get("purchaseOrderForm") or {}
        for line in form.get("lineItems") or ():
            if "deliveryId" in line and self.rows["deliveries"]:
                line["deliveryId"] = self.random.choice(list(self.rows["deliveries"]))[0]

    # -- answers ------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, token: str | None, body: bytes) -> Any:
        """The answer to a request: bytes, or an object to write as JSON. Raises _Refusal."""
        path, _, query = target.partition("?")
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")]
        if parts.pop(0).lower() != "api":
            raise _Refusal(404)
        if parts[0].lower() == "token" and method == "POST":
            return self._token(dict(urllib.parse.parse_qsl(query)))
        if token not in self.tokens:
            raise _Refusal(401)
        self.settle()
        if method == "GET" and parts[0] == "Suppliers":
            return self._supplier(parts[1:])
        for name, endpoint in ENDPOINTS.items():
            asked = "/".join(parts)
            if (
                asked in (endpoint.search, endpoint.scroll)
                and f"{method} /api/{asked}" in DESCRIPTION["endpoints"]
            ):
                return self._search(name, asked, body)
            if method == "GET" and endpoint.next and "/".join(parts[:-1]) == endpoint.next:
                return self._continue(parts[-1], name)
        self.complaints[f"no such endpoint: {method} {path}"] += 1
        raise _Refusal(404)

    def _token(self, query: dict[str, str]) -> Any:
        if (query.get("clientId"), query.get("clientSecret")) != (self.client_id, self.client_secret):
            raise _Refusal(401, '"Invalid client"')
        token = f"jwt.{self.random.getrandbits(64):x}.sig"
        self.tokens.add(token)
        if query.get("returnAsJson") != "true":
            return token.encode()
        return {"accessToken": token, "tokenType": "Bearer", "expiresIn": 864_000}

    def _supplier(self, parts: list[str]) -> Any:
        supplier = self.rows["suppliers"].get((parts[0],))
        if supplier is None:
            raise _Refusal(404)
        if len(parts) == 1:
            return supplier.row
        version = self.versions[parts[0]].get(parts[1])
        if version is None:
            self.complaints["no such version"] += 1
            raise _Refusal(404)
        return version_of(version)

    def _search(self, name: str, path: str, body: bytes) -> Any:
        endpoint, asked = ENDPOINTS[name], orjson.loads(body or b"{}")
        self._check(path, asked)
        self.bodies.setdefault(path, []).append(asked)
        take, page = asked.get("take", 10), asked.get("page", 0)
        is_scroll = path == endpoint.scroll
        most = endpoint.batch if is_scroll else 100
        size = asked.get("scrollSize", take if is_scroll else self.habits.scroll_batch or endpoint.batch)
        if not 1 <= take <= most or asked.get("scrollSize", 1) > 10_000:
            raise _Refusal(400, '"take is out of range"')
        if take * page > REACH:
            raise _Refusal(400, '"take * page must not exceed 10000"')
        found = self._sorted(name, self._found(name, asked), asked.get("sortOrder"))
        bodies = [self._body(name, stored, asked) for stored in found]
        total = len(bodies)
        scroll_id = None
        if is_scroll or not endpoint.is_paged:
            scroll_id = self._keep(name, bodies[size:], size) if is_scroll or total > size else None
            bodies = bodies[:size]
        else:
            base = self.habits.first_supplier_page if name == "suppliers" else endpoint.base
            first = max(0, page - base) * take
            bodies = bodies[first : first + take]
        return self._envelope(bodies, total, scroll_id, is_bare=endpoint.is_bare)

    def _check(self, path: str, asked: Row) -> None:
        """Complain about fields that the description's request lacks or has with another type."""
        schema = request_of(path)
        types = {"int": int, "boolean": bool, "time": str, "string": str}
        for name, value in asked.items():
            kind = schema.get(name, "unknown").removesuffix("?")
            if name not in schema or not isinstance(value, types.get(kind, object)):
                self.complaints[f"{path} has no {name} of type {type(value).__name__}"] += 1

    def _found(self, name: str, asked: Row) -> list[_Stored]:
        found = []
        bounds = [
            (FILTERS[field][0], FILTERS[field][1], self._bound(value))
            for field, value in asked.items()
            if field in FILTERS and value is not None
        ]
        ids = asked.get("selectedDeliveries")
        for stored in self.index[name].values():
            if ids and stored.row["id"] not in ids:
                continue
            if name == "stores" and stored.row["isInactive"] and not asked.get("includeInactive"):
                continue
            if all(self._fits(getattr(stored, of), how, bound) for of, how, bound in bounds):
                found.append(stored)
        return found

    def _bound(self, text: str) -> int:
        bound = moment(text) or 0
        return bound - bound % 1_000_000 if self.habits.whole_seconds else bound

    def _fits(self, stamp: int | None, how: str, bound: int) -> bool:
        if stamp is None:
            return False
        if self.habits.exclusive or how == ">":
            return stamp > bound if how[0] == ">" else stamp < bound
        return stamp >= bound if how[0] == ">" else stamp <= bound

    def _sorted(self, name: str, found: list[_Stored], order: str | None) -> list[_Stored]:
        if order == "DocumentId":
            return sorted(found, key=lambda stored: stored.body)
        by = "modified" if (order or "").startswith("Modified") else "created"
        if order not in (
            None,
            *(f"{b}{o}" for b in ("Created", "Modified") for o in ("Ascending", "Descending")),
        ):
            raise _Refusal(400, f'"unknown sortOrder {order}"')
        descending = not (order or "Descending").endswith("Ascending")
        return sorted(found, key=lambda stored: getattr(stored, by) or 0, reverse=descending)

    def _body(self, name: str, stored: _Stored, asked: Row) -> bytes:
        if name == "inventory" and asked.get("isBatchesExcluded"):
            return as_json({**stored.row, "batches": None})
        if name != "products":
            return stored.body
        excluded = asked.get("excludedFields") or {}
        if excluded.get("isEverythingExcluded"):
            wanted = (asked.get("includedFields") or {}).get("specificFields", ())
            return as_json({name: value for name, value in stored.row.items() if name in wanted})
        names = {
            field.removeprefix("is").removesuffix("Excluded").lower()
            for field, value in excluded.items()
            if value
        }
        return as_json(without(stored.row, names))

    def _envelope(
        self, bodies: list[bytes], total: int, scroll_id: str | None, *, is_bare: bool = False
    ) -> bytes:
        rows = b"[" + b",".join(bodies) + b"]"
        if is_bare:
            return rows
        fields = [b'"result":' + rows, b'"totalHits":%d' % total, b'"scrollId":' + orjson.dumps(scroll_id)]
        fields += [b'"facets":[]', b'"isValid":true', b'"newEnvelopeField":{"result":[]}']
        self.random.shuffle(fields)
        return b"{" + b", ".join(fields) + b"}"

    def _keep(self, name: str, rest: list[bytes], size: int) -> str:
        scroll_id = f"{name}/{self.random.getrandbits(64):x}+=&"
        self.scrolls[scroll_id] = (name, rest, size, time.monotonic())
        return scroll_id

    def _continue(self, scroll_id: str, name: str) -> bytes:
        kept = self.scrolls.pop(scroll_id, None)
        if kept is None or kept[0] != name or time.monotonic() - kept[3] > 300:
            raise _Refusal(404, '"The scroll has expired"')
        _, rest, size, _ = kept
        total = len(self.index[name])
        if not rest:
            return self._envelope([], total, self.random.choice((None, scroll_id)))
        if self.random.random() < 0.5:
            following = self._keep(name, rest[size:], size)
        else:
            self.scrolls[scroll_id] = (name, rest[size:], size, time.monotonic())
            following = scroll_id
        return self._envelope(rest[:size], total, following)

    # -- limits -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def place(self, path: str) -> Iterator[None]:
        """Hold a place among the requests in flight. Complains and raises _Refusal if there are too many."""
        path = path.partition("?")[0].removeprefix("/api/")
        kind = "catalogue" if path.startswith(("Products/", "Inventory/")) else "other"
        starts = any(path == endpoint.scroll for endpoint in ENDPOINTS.values())
        with self.lock:
            self.requests[path if path.endswith(("Search", "Scroll")) else path.rpartition("/")[0]] += 1
            self.flying[kind] += 1
            self.starting += starts
            self.most_flying = max(self.most_flying, sum(self.flying.values()))
            is_over = self.flying[kind] > (IN_FLIGHT if kind == "other" else IN_FLIGHT_OF_CATALOGUE)
            is_started = starts and self.starting > 1
        try:
            if is_over or is_started:
                self.complaints["too many in flight" if is_over else "several scrolls started at once"] += 1
                raise _Refusal(429, headers={"Retry-After": "1"})
            yield
        finally:
            with self.lock:
                self.flying[kind] -= 1
                self.starting -= starts

    # -- serving ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        stranger = self

        class Handler(_Handler):
            server_of = stranger
            protocol_version = stranger.habits.http

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        """The address on which it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up."""


FAULTS = (
    "500", "502", "503", "504", "reset", "hang", "truncated", "html", "empty", "429 seconds", "429 date", "401",
    "lost", "no length",
)  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    server_of: Stranger

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return email.utils.formatdate(self.server_of.now() / 1_000_000, usegmt=True)

    def _serve(self) -> None:
        stranger = self.server_of
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chance, is_token = stranger.random.random(), "/token" in self.path.lower()
        fault = stranger.random.choice(FAULTS) if chance < stranger.habits.faults and not is_token else None
        try:
            with stranger.place(self.path), stranger.lock:
                if fault:
                    stranger.faults[fault] += 1
                    if fault not in ("lost", "truncated", "no length"):
                        return self._go_wrong(fault)
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                answer = stranger.answer(self.command, self.path, token, body)
                answer = answer if isinstance(answer, bytes) else as_json(answer)
            time.sleep(stranger.habits.latency)
            self._send(200, answer, {}, fault)
        except _Refusal as refusal:
            self._send(refusal.status, refusal.text.encode(), refusal.headers)

    def _go_wrong(self, fault: str) -> None:
        stranger = self.server_of
        if fault == "reset":
            return self._reset()
        if fault == "hang":
            stranger.lock.release()
            try:
                time.sleep(1)
            finally:
                stranger.lock.acquire()
            return self._reset()
        if fault == "401":
            stranger.tokens.clear()
            raise _Refusal(401)
        if fault.startswith("429"):
            later = email.utils.formatdate(stranger.now() / 1_000_000 + 1, usegmt=True)
            raise _Refusal(429, "", {"Retry-After": "0" if fault.endswith("seconds") else later})
        if fault == "html":
            return self._send(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
        if fault == "empty":
            return self._send(200, b"", {})
        raise _Refusal(
            int(fault), stranger.random.choice(("", "<h1>Bad gateway</h1>", '{"message": "sorry"}'))
        )

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _send(self, status: int, body: bytes, headers: dict[str, str], fault: str | None = None) -> None:
        pick = self.server_of.random
        if fault == "lost":
            return self._reset()
        self.send_response(status)
        headers = {
            "Content-Type": pick.choice(("application/json", "application/json; charset=utf-8")),
            **headers,
        }
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 200 and pick.random() < 0.5:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        is_old = self.protocol_version == "HTTP/1.0"
        is_chunked = not is_old and pick.random() < 0.3
        if is_chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not (is_old and (fault == "no length" or pick.random() < 0.3)):
            headers["Content-Length"] = str(len(body))
        closes = is_old or fault is not None or pick.random() < 0.05
        if is_old or pick.random() < 0.5 * closes:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault:
            body = body[: len(body) // 2]
        if is_chunked:
            for start in range(0, len(body), 50_000):
                chunk = body[start : start + 50_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"" if fault else b"0\r\n\r\n")
        else:
            self.wfile.write(body)
        self.wfile.flush()
        self.close_connection |= closes


def _put(row: Row, path: str, value: Any) -> None:
    first, _, rest = path.partition(".")
    if rest:
        if not isinstance(row.get(first), dict):
            row[first] = {}
        _put(row[first], rest, value)
    else:
        row[first] = value


class Writer(threading.Thread):
    """Changes, adds and deletes rows, `rate` per second, until the block ends."""

    def __init__(
        self, stranger: Stranger, rate: float = 40.0, names: Sequence[str] = tuple(ENDPOINTS)
    ) -> None:
        super().__init__(daemon=True)
        self._stranger, self._rate, self._ended = stranger, rate, threading.Event()
        self._names = names
        self.done: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(1 / self._rate):
            with self._stranger.lock:
                self.write()

    def write(self) -> None:
        """Make one change, addition or deletion."""
        stranger = self._stranger
        pick = stranger.random
        name = pick.choice(self._names)
        rows = stranger.rows[name]
        act = pick.choices(("change", "add", "delete"), (6, 3, 1))[0]
        changeable = [key for key, stored in rows.items() if self._can_change(name, stored)]
        if act == "add" or not changeable:
            stranger.add(name)
        elif act == "delete" and len(rows) > 20:
            stranger.delete(name, pick.choice(changeable))
        else:
            stranger.change(name, pick.choice(changeable))
        self.done[act] += 1

    def _can_change(self, name: str, stored: _Stored) -> bool:
        if not ENDPOINTS[name].can_change:
            return False
        if name == "deliveries" and stored.row.get("deliveryStatus") not in (*FINAL, None):
            return True
        is_recent = (stored.created or 0) > self._stranger.now() - 25 * DAY
        return name not in ONLY_CREATION or is_recent
