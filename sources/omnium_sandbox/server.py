"""The sandbox on a socket: HTTP/1.1 on loopback, tokens, roles, limits, faults, and the routes.

Every regular route is registered by one loop over the table of resources; one place turns errors into
HTTP. Nothing here knows how rows come about.
"""

import gzip
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from omnium_sandbox.answers import Answered, Refused, Response
from omnium_sandbox.data import Size, generate
from omnium_sandbox.endpoints import RESOURCES, Resource
from omnium_sandbox.faults import Fault, Faults, Mutator
from omnium_sandbox.limits import Limits
from omnium_sandbox.rows import Row
from omnium_sandbox.search import Answer, BadRequest, Behaviour, NotFound, Searches
from omnium_sandbox.sockets import Server
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import Truth
from omnium_sandbox.writes import Conflict, Writes


@dataclass(frozen=True)
class Request:
    """One request as the server saw it. The client secret is not kept."""

    at: datetime
    method: str
    path: str
    body: Row | None
    status: int
    seconds: float = 0.0
    bytes_sent: int = 0
    fault: str | None = None


@dataclass
class _Call:
    """What a route gets."""

    body: Row
    query: dict[str, str]
    rest: str
    """What follows the route's path, unquoted."""
    raw: bytes = b""
    again: bool = False


@dataclass(frozen=True)
class _Route:
    role: str
    handle: Callable[[_Call], bytes]
    is_read_of_stock: bool = False
    starts_scroll: bool = False


class Sandbox:
    """A tenant that speaks the API on a real socket of this machine.

    Use it as a context manager, or start() and stop() it. `size` is small, medium, large or empty;
    the same seed, size and today give the same rows, byte for byte. `orders` (with `filled` for the
    whole model of the description, about 20 KB each) replaces the orders by that many generated on
    the fly, which cost no memory.
    """

    client_id = "sandbox"
    writer_client_id = "sandbox-writer"
    """The API user who has the admin roles; `client_id` only reads."""

    def __init__(
        self,
        size: Size = "small",
        seed: int = 1,
        today: date | None = None,
        *,
        faults: Faults | None = None,
        behaviour: Behaviour | None = None,
        port: int = 0,
        index_delay_seconds: float = 0.0,
        odd_data: bool = False,
        filled: bool = False,
        uneven: bool = False,
        orders: int | None = None,
        tenant: Tenant | None = None,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.faults = faults or Faults()
        self.client_secret = secrets.token_urlsafe(24)
        self.writer_client_secret = secrets.token_urlsafe(24)
        self.tenant = tenant or generate(
            size,
            seed,
            today or datetime.now(UTC).date(),
            odd_data=odd_data,
            filled=filled,
            uneven=uneven,
            orders=orders,
        )
        self.tenant.clock = self.now
        self.tenant.index_delay_seconds = index_delay_seconds
        self.searches = Searches(self.behaviour)
        self._routes: dict[str, _Route] = {}
        self._prefixes: dict[str, _Route] = {}
        self._requests: list[Request] = []
        self.errors: list[Exception] = []
        """What went wrong in the sandbox itself; empty unless it has a mistake."""
        self._tokens: dict[str, float] = {}
        self._writers: set[str] = set()
        """Those of the tokens that are the writer's."""
        self._lock = threading.Lock()
        self._limits = Limits(self.behaviour)
        self._port = port
        self._server: Server | None = None
        self._register()

    # Life

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listens on 127.0.0.1 and answers in threads of its own."""
        self._server = self._open()
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="sandbox"
        ).start()

    def stop(self) -> None:
        """Stops listening and closes every connection."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
            self._server = None

    def serve_forever(self, port: int | None = None) -> None:
        """Serves in this thread until interrupted."""
        if port is not None:
            self._port = port
        self._server = self._server or self._open()
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()
            self._server.close_connections()
            self._server = None

    def listen(self) -> None:
        """Takes the port without answering yet, so that base_url is known before serve_forever."""
        self._server = self._server or self._open()

    def _open(self) -> Server:
        # `answer` is looked up for each request: who puts something in its place meanwhile sees every one.
        return Server(lambda *request: self.answer(*request), self._port)

    @property
    def base_url(self) -> str:
        """http://127.0.0.1:port"""
        if not self._server:
            raise RuntimeError("the sandbox is not running: use it in a with statement, or start() it")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def truth(self) -> Truth:
        """What the generator knows of lead times and demand."""
        return self.tenant.truth

    # What a test looks at

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order of their answers."""
        with self._lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        """Forgets the requests so far."""
        with self._lock:
            self._requests.clear()

    def revoke_tokens(self) -> None:
        """Every token handed out so far is answered with 401 from now on."""
        with self._lock:
            self._tokens.clear()

    @property
    def tokens(self) -> set[str]:
        """The tokens that are valid."""
        with self._lock:
            return set(self._tokens)

    def mutate(self, rows_per_second: float = 50.0, **options: Any) -> Mutator:
        """A context manager that changes rows in the background meanwhile."""
        return Mutator(self.tenant, rows_per_second, **options)

    def now(self) -> datetime:
        """The server's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.behaviour.clock_offset_seconds)

    # Routes

    def _register(self) -> None:
        for resource in RESOURCES.values():
            if not resource.search:
                continue
            is_stock = resource.role in ("ProductRead", "InventoryRead")
            if resource.search != resource.scroll:
                self._routes[f"POST /api/{resource.search}".lower()] = _Route(
                    resource.role, self._search(resource), is_stock
                )
            if resource.scroll:
                self._routes[f"POST /api/{resource.scroll}".lower()] = _Route(
                    resource.role, self._start_scroll(resource), is_stock, starts_scroll=True
                )
            if resource.more:
                self._prefixes[f"GET /api/{resource.more}/".lower()] = _Route(
                    resource.role, self._continue_scroll(resource), is_stock
                )
        for path, name in _LISTS.items():
            self._routes[f"GET /api/{path}".lower()] = _Route(RESOURCES[name].role, self._list(name))
        self._routes["get /api/markets"] = _Route("StoreRead", lambda _: orjson.dumps(_MARKETS))
        self._prefixes["get /api/suppliers/"] = _Route("SupplierRead", self._supplier)
        self._register_writes(Writes(self.tenant))

    def _register_writes(self, writes: Writes) -> None:
        for path, role, handle in (
            ("put /api/suppliers", "SupplierAdmin", writes.save_supplier),
            ("put /api/suppliers/updatemany", "SupplierAdmin", writes.save_suppliers),
            ("post /api/purchaseorders", "PurchaseOrderAdmin", writes.create_order),
            ("put /api/purchaseorders", "PurchaseOrderAdmin", writes.put_order),
        ):
            self._routes[path] = _Route(role, _of_raw(handle))
        self._prefixes["delete /api/suppliers/"] = _Route(
            "SupplierAdmin", lambda call: writes.delete_supplier(call.rest)
        )
        self._prefixes["patch /api/purchaseorders/"] = _Route(
            "PurchaseOrderAdmin", lambda call: writes.patch_order(call.rest, call.raw, call.query)
        )

    def _search(self, resource: Resource) -> Callable[[_Call], bytes]:
        def handle(call: _Call) -> bytes:
            answer = self.searches.search(self.tenant.collection(resource.name), call.body)
            return self._envelope(answer, is_bare_list=resource.is_bare_list)

        return handle

    def _start_scroll(self, resource: Resource) -> Callable[[_Call], bytes]:
        def handle(call: _Call) -> bytes:
            return self._envelope(
                self.searches.start_scroll(self.tenant.collection(resource.name), call.body)
            )

        return handle

    def _continue_scroll(self, resource: Resource) -> Callable[[_Call], bytes]:
        def handle(call: _Call) -> bytes:
            return self._envelope(self.searches.continue_scroll(call.rest, again=call.again))

        return handle

    def _envelope(self, answer: Answer, *, is_bare_list: bool = False) -> bytes:
        limit = self.behaviour.count_limit
        if limit is not None:
            answer = replace(answer, total=min(answer.total, limit))
        return _envelope(answer, is_bare_list=is_bare_list)

    def _list(self, name: str) -> Callable[[_Call], bytes]:
        """GET listings: page, pageSize, changedSince in the query."""

        def handle(call: _Call) -> bytes:
            request: Row = {}
            try:
                for asked, field_name in (("page", "page"), ("pageSize", "take")):
                    if asked in call.query:
                        request[field_name] = int(call.query[asked])
            except ValueError as error:
                raise BadRequest(f"The query is not valid: {error}") from None
            if "changedSince" in call.query:
                request["modifiedFrom"] = call.query["changedSince"]
            if "filterPublicVisible" in call.query:
                request["includeInactive"] = False
            return self._envelope(self.searches.search(self.tenant.collection(name), request, is_list=False))

        return handle

    def _supplier(self, call: _Call) -> bytes:
        supplier_id, _, version_id = call.rest.partition("/")
        if not version_id:
            supplier: bytes | None = self.tenant.collection("suppliers").get_bytes(supplier_id)
            if supplier is None:
                raise NotFound(f"Supplier {supplier_id} was not found.")
            return supplier
        version = self.tenant.get("supplier_versions", (supplier_id, version_id))
        if version is None:
            raise NotFound(f"Supplier {supplier_id} has no version {version_id}.")
        return orjson.dumps(version if self.behaviour.supplier_version == "wrapped" else version["value"])

    # One request

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> "Answered":
        """Answers one request: the only place that turns errors into HTTP."""
        started, moment = time.monotonic(), datetime.now(UTC)
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        fault = self.faults.pick(method, url.path)
        body: Row | None = None
        try:
            body = _body(raw)
            response = self._respond(method, url.path, query, headers, body or {}, fault, raw)
        except Refused as refused:
            response = Response(refused.status, _message(refused.text), headers=refused.headers)
        except BadRequest as error:
            response = Response(400, _message(str(error)))
        except NotFound as error:
            response = Response(404, _message(str(error)))
        except Conflict as error:
            response = Response(409, _message(str(error)))
        except Exception as error:
            # A mistake of the sandbox itself: the client sees server trouble, the test can look here.
            self.errors.append(error)
            response = Response(500, _message("the sandbox failed"))
        if response.body and self.behaviour.gzip and "gzip" in headers.get("accept-encoding", ""):
            response.body = gzip.compress(response.body, 1)
            response.headers["Content-Encoding"] = "gzip"
        self._stamp(response, is_token=url.path.lower() == "/api/token")
        entry = Request(
            moment,
            method,
            url.path,
            body,
            response.status,
            time.monotonic() - started,
            len(response.body),
            fault.kind if fault else None,
        )
        with self._lock:
            self._requests.append(entry)
        return Answered(response, fault)

    def _stamp(self, response: Response, *, is_token: bool) -> None:
        """The Date header, right or wrong."""
        behaviour = self.behaviour
        ahead = behaviour.date_offset_seconds + behaviour.token_date_offset_seconds * is_token
        moment = self.now() + timedelta(seconds=ahead)
        if behaviour.date_header != "missing":
            is_right = behaviour.date_header == "right"
            response.headers["Date"] = format_datetime(moment, usegmt=True) if is_right else "some day"

    def _respond(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        body: Row,
        fault: Fault | None,
        raw: bytes,
    ) -> Response:
        if fault:
            early = self._fail_early(fault)
            if early:
                return early
        if path.lower() == "/api/token":
            if method != "POST":
                raise Refused(405)
            return self._token(query)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        with self._lock:
            expires = self._tokens.get(token, 0.0)
        if expires < time.time():
            raise Refused(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        route, rest = self._route(method, path)
        may_write = token in self._writers or not route.role.endswith("Admin")
        if route.role in self.behaviour.missing_roles or not may_write:
            raise Refused(403)
        with self._limits.admit(route.is_read_of_stock, route.starts_scroll):
            if self.behaviour.latency_seconds:
                time.sleep(self.behaviour.latency_seconds)
            again = bool(fault and fault.kind == "repeat")
            return Response(200, route.handle(_Call(body, query, rest, raw, again)))

    def _route(self, method: str, path: str) -> tuple[_Route, str]:
        name = f"{method} {path}".lower().rstrip("/")
        if name in self._routes:
            return self._routes[name], ""
        fitting = [prefix for prefix in self._prefixes if name.startswith(prefix)]
        if not fitting:
            if any(known.endswith(name.partition(" ")[2]) for known in self._routes):
                raise Refused(405)
            raise NotFound("")
        prefix = max(fitting, key=len)
        # The prefix without its method and blank tells where the id starts.
        return self._prefixes[prefix], unquote(path[len(prefix) - len(method) - 1 :])

    def _token(self, query: dict[str, str]) -> Response:
        given = (query.get("clientId", ""), query.get("clientSecret", ""))
        is_writer = given == (self.writer_client_id, self.writer_client_secret)
        if not is_writer and given != (self.client_id, self.client_secret):
            raise Refused(401, "Invalid client id or client secret.")
        token = f"eyJhbGciOiJIUzI1NiJ9.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._tokens[token] = time.time() + self.behaviour.token_seconds
            if is_writer:
                self._writers.add(token)
        if query.get("returnAsJson", "").lower() == "true":
            answer = {
                "accessToken": token,
                "tokenType": "Bearer",
                "expiresIn": self.behaviour.token_seconds,
            }
            return Response(200, orjson.dumps(answer))
        return Response(200, token.encode(), "text/plain; charset=utf-8")

    def _fail_early(self, fault: Fault) -> Response | None:
        """Answers that need no row; None where the request is answered first."""
        if fault.kind == "429":
            return Response(429, headers={"Retry-After": str(math.ceil(fault.seconds))})
        if fault.kind == "429_date":
            moment = self.now() + timedelta(seconds=fault.seconds)
            return Response(429, headers={"Retry-After": format_datetime(moment, usegmt=True)})
        if fault.kind in ("500", "502", "503", "504"):
            return Response(
                int(fault.kind), b"<html><body>server trouble</body></html>", "text/html; charset=utf-8"
            )
        if fault.kind in ("400", "401", "403", "404"):
            return Response(int(fault.kind), _message("refused on purpose"))
        if fault.kind == "html":
            page = b"<!doctype html><html><title>Sign in</title><body>Proxy sign-in</body></html>"
            return Response(200, page, "text/html; charset=utf-8")
        if fault.kind == "wrong_type":
            return Response(200, orjson.dumps({"result": {"message": "temporarily"}, "totalHits": "many"}))
        if fault.kind == "redirect":
            return Response(302, headers={"Location": fault.target})
        if fault.kind == "expire":
            self.searches.expire_scrolls()
        return None


def _of_raw(handle: Callable[[bytes], bytes]) -> Callable[[_Call], bytes]:
    return lambda call: handle(call.raw)


_LISTS = {
    "Orders/GetOrders": "orders",
    "Invoices": "invoices",
    "BusinessCustomers/GetAll": "business_customers",
    "ProductCategories": "product_categories",
    "Stores": "stores",
}

_MARKETS = [
    {"marketId": "nor", "marketName": "Norge", "currency": "NOK", "countryCode": "NO", "isActive": True},
    {"marketId": "swe", "marketName": "Sverige", "currency": "SEK", "countryCode": "SE", "isActive": True},
]


def _body(raw: bytes) -> Row | None:
    if not raw:
        return None
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The JSON is not valid: {error}") from None
    if isinstance(body, list):
        return {"rows": body}
    if not isinstance(body, dict):
        raise BadRequest("The request must be a JSON object.")
    return body


def _message(text: str) -> bytes:
    return orjson.dumps(text) if text else b""


def _envelope(answer: Answer, *, is_bare_list: bool = False) -> bytes:
    rows = b",".join(answer.rows)
    if is_bare_list:
        return b"[" + rows + b"]"
    parts = [b'{"result":[', rows, b'],"totalHits":', str(answer.total).encode(), b',"isValid":true']
    if answer.facets is not None:
        parts += [b',"facets":', answer.facets]
    parts += [b',"scrollId":', orjson.dumps(answer.scroll_id), b"}"]
    return b"".join(parts)
