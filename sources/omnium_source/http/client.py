"""HTTP requests to Omnium: the token, the requests, and what an answer's status means.

    OmniumClient.post / .get   one request, repeated until it is answered or its budget is used up (`repeating.py`)
    OmniumClient.send          a change, sent once
    check_base_url             validates the base URL

The API takes the client secret in the URL of the token request. So no log and no exception contains a URL, httpx's own
loggers are silenced, and redirects are never followed.

The module is as long as a request takes: the token, the request, and the meaning of the status for both.
"""

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from omnium_source.errors import (
    BadRequest,
    ConfigurationError,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    ScrollLost,
    TooLarge,
    Unanswered,
    Unreachable,
    WrongCredentials,
)
from omnium_source.http.answers import (
    Garbled,
    NotAnAnswer,
    OddlyEncoded,
    body_of,
    is_object,
    message_in,
    redirection,
    retry_after,
)
from omnium_source.http.cancellation import Cancellation, Ends, Grace
from omnium_source.http.clock import Moment, ServerClock
from omnium_source.http.deadlines import Patience, in_time
from omnium_source.http.limiter import SERVER_BURST, SERVER_LIMIT_CONCURRENT, SERVER_LIMIT_PER_SECOND, Limiter
from omnium_source.http.repeating import Repeatable, Repeating
from omnium_source.http.slips import begins_oddly, slips_in
from omnium_source.http.token_store import TokenStore, token_in
from omnium_source.http.traffic import Budget, Traffic
from omnium_source.http.transport import LOOPBACK, named, opened, proxy_named, tls_fault
from omnium_source.http.transport_logs import silence_transport

T = TypeVar("T")

SCROLL_END_SECONDS = 4.0
"""How long after a stop running requests may still be answered, and open scrolls read to their end: an unfinished
scroll burdens the server."""
MOST_REFUSALS = 3
"""Most 401 answers in a row after which a request is repeated. The next one raises."""
EXPIRED = (400, 404, 410)
"""How servers answer a continuation of a scroll that they no longer have. Only its id could be wrong in the request."""

Read = Callable[[bytes], T]
"""Parses an answer's bytes. Raises ValueError if they are not JSON, NotAnAnswer if the JSON is something else."""
Answered = tuple[int, httpx.Headers, bytes]
"""An answer's status, headers and bytes."""


@dataclass(frozen=True)
class _Request:
    """One request. `what` and `role` are for error messages; `traffic` counts the request and its bytes.

    `is_change`: the request changes data, so it is sent again only if the server says that it did nothing.
    `continues_scroll`: the request advances a scroll, so a lost answer cannot be requested again.
    """

    method: str
    path: str
    content: bytes | None
    what: str
    role: str = ""
    budget: Budget = field(default_factory=Budget)
    traffic: Traffic | None = None
    is_change: bool = False
    continues_scroll: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer: its bytes, and the JSON in them."""

    body: bytes
    json: Any

    @classmethod
    def of(cls, body: bytes) -> "Answer":
        """Parse any JSON. Raises ValueError."""
        return cls(body, orjson.loads(body))


def check_base_url(base_url: str) -> str:
    """`base_url` without a trailing slash or `/api`. Raises ConfigurationError unless https, or http to loopback."""
    try:
        parts = urlsplit(base_url.strip())
        httpx.URL(base_url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_address = is_address and " " not in parts.netloc
    except (ValueError, httpx.InvalidURL):  # invalid brackets, port or name
        parts, is_address = urlsplit(""), False
    if not is_address:
        # The message leaves the address out: it may be a secret that was put in the wrong place.
        raise ConfigurationError(
            f"the base URL is no http(s) address{begins_oddly(base_url.strip())}: set SOURCES__OMNIUM__BASE_URL, "
            "for instance to https://api.omnium.no"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("the base URL carries credentials, a query or a fragment: leave them out")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(
            f"plain http to {parts.hostname} would send the secret unprotected: use https "
            "(http is for the sandbox on loopback)"
        )
    address = base_url.strip().rstrip("/")
    return address[: -len("/api")].rstrip("/") if address.lower().endswith("/api") else address


def tenant_of(base_url: str) -> str:
    """The tenant of a base URL: its host. All servers on this machine count as one tenant."""
    host = urlsplit(base_url).hostname or ""
    return "a sandbox on this machine" if host in LOOPBACK else host


class OmniumClient:
    """One API user's connection to one tenant. Safe to use from several threads.

    One class, as only the code of token, requests and refusals handles the secret, and keeps it out of all texts.

    `request_timeout` bounds a request as a whole, in seconds, however slowly its bytes arrive. `stop` ends waits at
    once, and a running request within `SCROLL_END_SECONDS`, whatever the server does. `section`: the prefix of the
    settings that errors name.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        token_path: Path | None = None,
        max_concurrency: int = 16,
        max_requests_per_second: float | None = None,
        request_timeout: float = 60.0,
        stop: Cancellation | None = None,
        section: str = "SOURCES__OMNIUM",
    ) -> None:
        silence_transport()
        self.base_url = check_base_url(base_url)
        self._client_id, self._client_secret, self._section = client_id, client_secret, section
        self._tokens = TokenStore(token_path, f"{self.base_url}|{client_id}")
        self._token = self._tokens.load()
        self._token_lock, self._clock_lock = threading.Lock(), threading.Lock()
        self._timeout = request_timeout
        self.stop = stop or Cancellation()
        self._grace = Grace(self.stop, SCROLL_END_SECONDS)
        asked = max_requests_per_second or SERVER_LIMIT_PER_SECOND
        # The server allows a burst. A user who sets a lower limit probably wants no burst either.
        is_less = asked < SERVER_LIMIT_PER_SECOND
        self.limiter = Limiter(
            min(max_concurrency, SERVER_LIMIT_CONCURRENT),
            asked if is_less else 0.95 * SERVER_LIMIT_PER_SECOND,
            asked if is_less else SERVER_BURST,
        )
        self._scroll_start = threading.Lock()
        self.clock = ServerClock()
        self.count_limits = set[int]()  # where counts stop and rows are hidden; resources may share a limit
        self.most_counted = 0  # the largest count of any resource; a limit of all counts cannot be smaller
        self.asked_for_counts = set[str]()  # resources for which a request asked only for the count
        self._host = urlsplit(self.base_url).hostname
        self._repeating = Repeating(self._host, self.stop)
        self._http = opened(self.base_url, request_timeout)
        self._patience = Patience()
        in_time(self._http, self._patience)

    def __enter__(self) -> "OmniumClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OmniumClient({self.base_url!r})"

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # -- the clock ---------------------------------------------------------------------------------

    def moment(self, assumed: float | None = None) -> Moment:
        """Now, by the server's clock and this machine's; sends requests if too few answers have shown its time.

        `assumed`: see `ServerClock.moment`. Raises GaveUp, Unreachable or Stopped if no answer comes: this machine's
        clock alone would be a guess, and rows could fall between two windows.
        """
        with self._clock_lock:
            if not self.clock.answers:
                self._authorization(None, Budget(), None)
            while not self.clock.is_settled:
                self._ask_for_the_time()
        return self.clock.moment(assumed)

    def _ask_for_the_time(self) -> None:
        """Send a small request. Any answer with headers will do, even a refusal or one whose body is cut off."""
        token = self._authorization(None, Budget(), None)
        body = orjson.dumps({"take": 1, "page": 0, "includeInactive": True})
        heard = self.clock.answers
        try:
            request = _Request("POST", "Stores/SearchStores", body, "the time")
            status, _, content = self._exchange(request, token)
            self._repeating.has_met_omnium |= status == 200 and is_object(content)
        except (Repeatable, TooLarge, OddlyEncoded):
            if self.clock.answers == heard:
                # This endpoint may fail alone. The token's endpoint is needed in any case, so its errors are raised.
                self._authorization(token, Budget(), None)

    def server_time(self) -> dt.datetime:
        """A time that is not later than the server's (`Moment.earliest`)."""
        return self.moment().earliest

    # -- one exchange ------------------------------------------------------------------------------

    def _exchange(
        self, request: _Request, token: str | None, params: Mapping[str, str] | None = None
    ) -> Answered:
        """Send a request once and read the answer to its end. No error message contains a URL.

        Raises Repeatable, TooLarge, OddlyEncoded, Refused, Unreachable or Stopped.
        """
        body, traffic = request.content, request.traffic
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        stop: Ends = self._grace if request.continues_scroll else self.stop
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(self.limiter.place(stop))
                # The server's time begins here, as it is not to blame for the wait for a place.
                self._patience.begin(self._timeout, self._grace)
                response = stack.enter_context(
                    self._http.stream(
                        request.method, request.path, content=body, headers=headers, params=params
                    )
                )
                if traffic:
                    traffic.add(requests=1)
                self.clock.note(response.headers.get("Date"))
                status, received = response.status_code, response.headers
                try:
                    content = body_of(response)
                except OddlyEncoded:
                    if response.is_success:
                        raise
                    content = b""  # the status says enough
        except httpx.ConnectError as error:
            raise self._connect_problem(error) from None
        except httpx.TimeoutException as error:
            if self._patience.has_heard:
                raise Repeatable(f"the answer took longer than {self._timeout:.0f} s") from None
            raise Repeatable(f"time-out ({type(error).__name__})") from None
        except httpx.ProxyError as error:
            # The proxy itself answered, for example "407 Proxy Authentication Required".
            raise Repeatable(f"the proxy {proxy_named(self.base_url)} said {error}") from None
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Repeatable(f"the connection broke ({named(error)})") from None
        except httpx.InvalidURL:  # httpx looks at where a redirect leads, although it does not follow it
            raise Refused(f"{request.what}: the server redirects to something that is no address") from None
        except Garbled as error:
            raise Repeatable(f"the connection broke: the answer cannot be decoded: {error}") from None
        if traffic:
            traffic.add(bytes=len(content))
        return status, received, content

    def _connect_problem(self, error: httpx.ConnectError) -> Exception:
        host, cause = self._host, str(error)
        proxy = proxy_named(self.base_url)
        way = f" by the proxy {proxy}" if proxy else ""
        if fault := tls_fault(host, cause):
            return Unreachable(fault)
        if self._repeating.has_met_omnium:
            # The server answered before, so the network will probably come back.
            return Repeatable(f"no connection to {host}{way}")
        if any(sign in cause for sign in ("Name or service", "nodename", "resolution", "getaddrinfo")):
            return Unreachable(
                f"the name {proxy or host} does not resolve: check "
                f"{'HTTPS_PROXY' if proxy else 'SOURCES__OMNIUM__BASE_URL'} and the network"
            )
        return Repeatable(f"no connection to {host}{way}")

    # -- the token ---------------------------------------------------------------------------------

    def _new_token(self, budget: Budget, traffic: Traffic | None) -> str:
        if not self._client_id or not self._client_secret:
            raise ConfigurationError(
                f"client id or client secret is missing: set {self._section}__CLIENT_ID and "
                f"{self._section}__CLIENT_SECRET, or .dlt/secrets.toml"
            )
        params = {
            "clientId": self._client_id,
            "clientSecret": self._client_secret,
            "returnAsJson": "true",
        }

        # Without traffic, as the token belongs to no resource.
        request = _Request("POST", "token", None, "the token endpoint")
        slips = slips_in(self._section, self.base_url, self._client_id, self._client_secret)

        def ask() -> tuple[str, float]:
            status, headers, body = self._exchange(request, None, params)
            if status in (400, 401, 403):
                raise WrongCredentials(
                    f"{self._host} does not take these credentials (status {status}): "
                    f"check {self._section}__CLIENT_ID and {self._section}__CLIENT_SECRET, and that they "
                    f"belong to this environment{slips}"
                )
            if status == 404:
                raise Unreachable(
                    f"{self._host} has no token endpoint (404), so it is not Omnium's API: "
                    f"check SOURCES__OMNIUM__BASE_URL{slips}"
                )
            if 300 <= status < 400:
                raise Unreachable(f"the token endpoint: {redirection(status, headers)}")
            self._raise_for(request, status, headers, body)
            token = token_in(body)
            # Only an object counts, as a proxy's text can look like a bare token.
            self._repeating.has_met_omnium |= is_object(body)
            return token

        token, expires_in = self._repeating.until_answered(ask, "the token", budget, traffic)
        self._tokens.save(token, expires_in)
        return token

    def _authorization(self, stale: str | None, budget: Budget, traffic: Traffic | None) -> str:
        """The token. Asks for a new one if there is none, or if the server refused it (`stale`)."""
        with self._token_lock:
            if self._token is None or self._token == stale:
                if stale is not None:
                    self._tokens.forget()
                self._token = self._new_token(budget, traffic)
            return self._token

    # -- requests ----------------------------------------------------------------------------------

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        what: str,
        role: str = "",
        budget: Budget | None = None,
        traffic: Traffic | None = None,
        read: Read[T] = Answer.of,  # type: ignore[assignment]
        starts_scroll: bool = False,
    ) -> T:
        """POST `body` to `/api/<path>` and return the answer, parsed by `read`. `what` names the request in errors.

        An answer that `read` refuses counts as a failure of the server; the request is repeated a few times.
        `starts_scroll`: only one such request runs at a time.

        Raises Refused and its subclasses, Unreachable, GaveUp, TooLarge or Stopped.
        """
        gate = self._scroll_start if starts_scroll else contextlib.nullcontext()
        with gate:
            content = orjson.dumps(body)
            return self._answer(
                _Request("POST", path, content, what, role, budget or Budget(), traffic), read
            )

    def get(
        self,
        path: str,
        *,
        what: str,
        role: str = "",
        budget: Budget | None = None,
        traffic: Traffic | None = None,
        read: Read[T] = Answer.of,  # type: ignore[assignment]
        continues_scroll: bool = False,
    ) -> T:
        """GET `/api/<path>`, as `post`. A request with `continues_scroll` raises ScrollLost if its answer is lost."""
        request = _Request(
            "GET", path, None, what, role, budget or Budget(), traffic, continues_scroll=continues_scroll
        )
        return self._answer(request, read)

    def send(self, method: str, path: str, content: bytes, *, what: str, role: str) -> bytes:
        """Send a change, and return the bytes of the answer.

        It is sent again only if the server says that it did nothing: the token expired (401), or there were too many
        requests (429). Every other failure without an answer raises Unanswered: the change may have been applied.

        Raises Unanswered, Refused and its subclasses, Unreachable, GaveUp or Stopped.
        """
        return self._answer(_Request(method, path, content, what, role, Budget(120.0), is_change=True), bytes)

    def _answer(self, request: _Request, read: Read[T]) -> T:
        """Send a request with a valid token, repeat it if necessary, and return the answer as parsed by `read`."""
        what, budget, traffic = request.what, request.budget, request.traffic
        refusals, stale = 0, None

        def ask() -> T:
            nonlocal refusals, stale
            token = self._authorization(stale, budget, traffic)
            try:
                status, received, content = self._exchange(request, token)
            except (Repeatable, TooLarge, OddlyEncoded) as failure:
                if not request.is_change:
                    raise
                raise Unanswered(f"{what}: {failure}: whether it was done is not known") from None
            if status == 401:
                if refusals == MOST_REFUSALS:
                    raise _refused(request)
                refusals += 1
                # A new token may be made before all of the servers know it, so it gets a second chance, later.
                is_too_new = refusals == 2
                stale = None if is_too_new else token
                raise Repeatable("the token was refused", None if is_too_new else 0.0, refused=True)
            refusals = 0  # the next token may expire too while a failing server is retried
            self._raise_for(request, status, received, content)
            self.limiter.answered()
            try:
                answer = read(content)
            except ValueError:
                kind = received.get("Content-Type", "no content type").split(";")[0]
                found = f"no JSON ({kind}, {len(content)} bytes)" if content else "empty"
                raise Repeatable(f"the answer is {found}", odd=True) from None
            except NotAnAnswer as odd:
                said = self._said(content) if odd.has_message else ""
                raise Repeatable(f"{odd}{said and ': '}{said}", odd=True) from None
            self._repeating.has_met_omnium = True
            return answer

        repeatable = not request.continues_scroll
        return self._repeating.until_answered(ask, what, budget, traffic, repeatable=repeatable)

    def _said(self, body: bytes) -> str:
        """The server's message, with secrets masked if it repeats them."""
        return message_in(body, filter(None, (self._client_secret, self._token)))

    def _raise_for(self, request: _Request, status: int, headers: httpx.Headers, body: bytes) -> None:
        """Raise the error for an answer's status, unless the status is a success."""
        what, role = request.what, request.role
        if 200 <= status < 300:
            return
        own_time = self.clock.own_time() + (self.clock.offset or dt.timedelta())
        wait = retry_after(headers.get("Retry-After"), own_time)
        if status == 429:
            self.limiter.throttled()
            raise Repeatable("too many requests (429)", wait, refused=True, throttled=True)
        if status == 408 or status >= 500:
            if request.is_change:
                raise Unanswered(f"{what}: the server failed ({status}): whether it was done is not known")
            raise Repeatable(f"the server failed ({status})", wait)
        if status == 403:
            if request.is_change:
                raise Forbidden(
                    f"{what}: the server refuses it (403): give the API user that writes the role {role}"
                )
            hint = f"give the API user the role {role}" if role else "check the API user's roles"
            raise Forbidden(
                f"{what}: the server refuses to show it (403): {hint}, or leave it out with --exclude"
            )
        if request.continues_scroll and status in EXPIRED:
            said = self._said(body)
            raise ScrollLost(f"{what}: the scroll has expired on the server ({status}){said and ': '}{said}")
        if status == 400:
            raise BadRequest(f"{what}: the server calls the request wrong (400): {self._said(body)}")
        if status == 404:
            raise NotFound(f"{what}: nothing at this address (404): check SOURCES__OMNIUM__BASE_URL")
        if status == 409 and request.is_change:
            raise Conflict(f"{what}: the server has it already (409): {self._said(body)}")
        if 300 <= status < 400:
            raise Refused(f"{what}: {redirection(status, headers)}")
        raise Refused(f"{what}: unexpected status {status}: {self._said(body)}")


def _refused(request: _Request) -> Refused:
    """The error for a request that the server refuses even with a new token."""
    text = f"{request.what}: the server refuses even a new token (401): check the API user in Omnium"
    if request.is_change:
        return WrongCredentials(text)
    # Not WrongCredentials, which would end the run: a gateway can refuse one address, and others may work.
    return Refused(f"{text}{request.role and ' and that it has the role '}{request.role}")
