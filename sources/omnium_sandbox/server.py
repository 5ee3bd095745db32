"""The sandbox as a server: HTTP/1.1 on loopback, with roles, limits and faults around the answers of `routes`.

Only `Sandbox.answer` turns errors into HTTP. This module does not know how rows are generated.
"""

import gzip
import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from omnium_sandbox.answers import Answered, BadRequest, Refused, Response
from omnium_sandbox.behaviour import Behaviour
from omnium_sandbox.data import Size, generate
from omnium_sandbox.faults import Fault, Faults, Mutator
from omnium_sandbox.limits import Limits
from omnium_sandbox.routes import Call, Routes
from omnium_sandbox.rows import Row
from omnium_sandbox.search import Searches
from omnium_sandbox.sockets import Server
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.tokens import Tokens
from omnium_sandbox.truth import Truth


@dataclass(frozen=True)
class Request:
    """One request as the server received it, without the client secret."""

    at: datetime
    method: str
    path: str
    body: Row | None
    status: int
    seconds: float = 0.0
    fault: str | None = None


class Sandbox:
    """A tenant with the API on a real socket of this machine.

    Use it as a context manager, or call start() and stop(). `size` is small, medium, large or empty. The same seed,
    size and today give the same rows, byte for byte. `orders` replaces the orders by that many generated on the fly,
    which need no memory; `filled` fills all fields of the description (about 24 KB an order), `uneven` gives each order
    other fields.

    One class, as it is what a test works with: the server, its switches and the requests that it received.
    """

    client_id = Tokens.client_id
    writer_client_id = Tokens.writer_client_id

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
        self._tokens = Tokens(self.behaviour)
        self.client_secret = self._tokens.client_secret
        self.writer_client_secret = self._tokens.writer_client_secret
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
        self._routes = Routes(self.tenant, self.searches, self.behaviour)
        self._requests: list[Request] = []
        self.errors: list[Exception] = []
        """Exceptions in the sandbox itself; empty unless the sandbox has a bug."""
        self._lock = threading.Lock()
        self._limits = Limits(self.behaviour)
        self._port = port
        self._server: Server | None = None

    # Life

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on 127.0.0.1 and answer in other threads."""
        # `answer` is looked up for each request, so that a test can replace it while the server runs.
        self._server = Server(lambda *request: self.answer(*request), self._port)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="sandbox"
        ).start()

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
            self._server = None

    @property
    def base_url(self) -> str:
        """http://127.0.0.1:port"""
        if not self._server:
            raise RuntimeError("the sandbox is not running: use it in a with statement, or start() it")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def truth(self) -> Truth:
        """The lead times and the demand that the data was generated from."""
        return self.tenant.truth

    # What a test looks at

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in the order of their answers."""
        with self._lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._requests.clear()

    def revoke_tokens(self) -> None:
        """Answer every token issued so far with 401 from now on."""
        self._tokens.revoke()

    @property
    def tokens(self) -> set[str]:
        """The tokens that were not revoked."""
        return self._tokens.valid

    def mutate(self, rows_per_second: float = 50.0, **options: Any) -> Mutator:
        """A context manager that changes rows in the background."""
        return Mutator(self.tenant, rows_per_second, **options)

    def now(self) -> datetime:
        """The time of the server's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.behaviour.clock_offset_seconds)

    # One request

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> "Answered":
        """Answer one request. Only this method turns errors into HTTP."""
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
        except Exception as error:
            # A bug of the sandbox itself: the client gets a 500, and the test can check `errors`.
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
            fault.kind if fault else None,
        )
        with self._lock:
            self._requests.append(entry)
        return Answered(response, fault)

    def _stamp(self, response: Response, *, is_token: bool) -> None:
        """Add the Date header, right or wrong."""
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
            return self._tokens.issue(query)
        is_writer = self._tokens.check(headers.get("authorization", "").removeprefix("Bearer "))
        route, rest = self._routes.find(method, path)
        may_ask = is_writer or not route.role.endswith("Admin")
        if route.role in self.behaviour.missing_roles or not may_ask:
            raise Refused(403)
        with self._limits.admit(route.is_read_of_stock, route.starts_scroll):
            if self.behaviour.latency_seconds:
                time.sleep(self.behaviour.latency_seconds)
            again = bool(fault and fault.kind == "repeat")
            return Response(200, route.handle(Call(body, query, rest, raw, again)))

    def _fail_early(self, fault: Fault) -> Response | None:
        """The answer of a fault that needs no row; None if the request is handled first."""
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
            self.searches.scrolls.expire()
        return None


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
