"""The client against a server that says one odd thing at a time."""

import datetime as dt
import email.utils
import logging
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from omnium_source.errors import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    GaveUp,
    NotFound,
    Refused,
    ScrollLost,
    Stopped,
    Unreachable,
    WrongCredentials,
)
from omnium_source.http.cancellation import Cancellation
from omnium_source.http.client import OmniumClient, check_base_url
from omnium_source.http.limiter import Limiter
from omnium_source.http.traffic import Budget, Traffic

from tests.support.wire import Asked, Reply, Wire


def client_of(wire: Wire, **options) -> OmniumClient:
    return OmniumClient(wire.base_url, wire.client_id, wire.client_secret, **options)


def in_turn(*replies):
    """Answers one reply after the other, the last one for ever."""
    waiting = list(replies)
    return lambda asked: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_a_request_carries_the_token_and_the_body():
    with Wire(lambda asked: {"result": [], "totalHits": 0}) as wire, client_of(wire) as client:
        answer = client.post("Orders/Search", {"take": 100, "disableFacets": True}, what="orders")
    assert answer.json == {"result": [], "totalHits": 0}
    assert wire.asked == [
        Asked("POST", "Orders/Search", {}, {"take": 100, "disableFacets": True}, "Bearer aaa.bbb.ccc")
    ]


@pytest.mark.parametrize(
    "failures",
    [
        [Reply(None, 500)],
        [Reply(None, 501), Reply(None, 520), Reply(None, 529)],
        [Reply(None, 502), Reply(None, 503), Reply(None, 504)],
        [Reply(None, 429, {"Retry-After": "0"})],
        [Reply(raw=b"<html>proxy</html>", headers={"Content-Type": "text/html"})],
        [Reply({"result": [1, 2, 3]}, cut=5)],
        [Reply(raw=b'{"result": [')],
        [Reply(None, 401)],
    ],
)
def test_what_may_pass_is_asked_again(failures):
    with Wire(in_turn(*failures, {"result": []})) as wire, client_of(wire) as client:
        client._repeating.has_met_omnium = True
        traffic = Traffic()
        assert client.post("Orders/Search", {}, what="orders", traffic=traffic).json == {"result": []}
    assert len(wire.asked) == len(failures) + 1
    assert traffic.requests == len(failures) + 1
    assert traffic.retries == len(failures)


@pytest.mark.parametrize(
    ("message", "error", "reply"),
    [
        ("orders: the server calls the request wrong (400): take * page too large", BadRequest,
         Reply("take * page too large", 400)),
        ("orders: the server refuses to show it (403): give the API user the role OrderRead", Forbidden,
         Reply(None, 403)),
        ("orders: nothing at this address (404)", NotFound, Reply(None, 404)),
        ("orders: the server redirects to elsewhere.example (302), and the token is not sent elsewhere",
         Refused, Reply(None, 302, {"Location": "https://elsewhere.example/?t=1"})),
        ("orders: the server redirects to something that is no address",
         Refused, Reply(None, 302, {"Location": "login.example:8080/login"})),
        ("orders: the server refuses even a new token (401): check the API user in Omnium and that it has the role",
         Refused, Reply(None, 401)),
    ],
)  # fmt: skip
def test_what_will_not_pass_is_said_at_once(message, error, reply):
    with Wire(lambda asked: reply) as wire, client_of(wire) as client, pytest.raises(error) as raised:
        client.post("Orders/Search", {}, what="orders", role="OrderRead")
    assert str(raised.value).startswith(message)
    # None that ends a whole run: what one address says is no word about the others.
    assert not isinstance(raised.value, WrongCredentials | Unreachable)
    assert len(wire.asked) <= 4


def test_a_token_is_an_answer_of_omniums(monkeypatch):
    """What fails after it is this resource, not the address: it is asked for again as long as its budget lasts."""
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.0)
    with Wire(lambda asked: Reply(None, 503)) as wire, client_of(wire) as client, pytest.raises(GaveUp):
        client.post("Orders/Search", {}, what="orders", budget=Budget(0.5))


@pytest.mark.parametrize("date", ["now", ""])
def test_the_time_is_known_though_the_address_that_is_asked_for_it_gives_no_whole_answer(date, tmp_path):
    """With the token of an earlier run, so that nothing else has said the time."""
    headers = {} if date else {"Date": ""}
    with (
        Wire(lambda asked: Reply({}, cut=1, headers=headers)) as wire,
        client_of(wire, token_path=tmp_path / "token.json") as first,
        client_of(wire, token_path=tmp_path / "token.json") as client,
    ):
        first._authorization(None, Budget(), None)
        client._token = client._tokens.load()
        assert client._token
        assert client.clock.answers == 0
        moment = client.moment()
    assert moment.offset == (pytest.approx(0, abs=3) if date else None)
    assert len(wire.asked) == (1 if date else 3)


def test_an_address_that_is_silent_does_not_hide_the_time(tmp_path):
    """The token's endpoint says it."""

    def answer(asked):
        time.sleep(2)
        return None

    with Wire(answer) as wire, client_of(wire, request_timeout=0.3) as client:
        client._token = "of.an.earlier.run"
        assert client.moment().offset == pytest.approx(0, abs=3)


def test_the_budget_ends_the_tries():
    with Wire(lambda asked: Reply(None, 503)) as wire, client_of(wire) as client:
        client._repeating.has_met_omnium = True
        with pytest.raises(GaveUp, match=r"orders: gave up after \d+ tries: the server failed \(503\)"):
            client.post("Orders/Search", {}, what="orders", budget=Budget(1.0))
    assert 2 <= len(wire.asked) <= 6


def test_a_wrong_address_does_not_take_minutes(monkeypatch):
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.5)
    with OmniumClient("http://127.0.0.1:9", "id", "secret") as client, pytest.raises(Unreachable) as raised:
        client.post("Orders/Search", {}, what="orders")
    assert "127.0.0.1 gives no answer of Omnium's: no connection" in str(raised.value)


def test_a_server_that_asks_to_wait_is_no_wrong_address(monkeypatch):
    """A restart of a minute, with Retry-After, at the very beginning of a run."""
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.0)
    token = {"accessToken": "a.b.c", "expiresIn": 864_000}
    replies = in_turn(Reply(None, 503, {"Retry-After": "1"}), token, {"result": []})
    with Wire(replies, own_token=True) as wire, client_of(wire) as client:
        assert client.post("Orders/Search", {}, what="orders").json == {"result": []}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("86400", "the server asks to wait 24 hours, longer than there is time for"),
        ("inf", "the server asks to wait"),
        ("Fri, 31 Dec 2199 23:59:59 GMT", "the server asks to wait"),
        ("Fri, 31 Dec 2199 23:59:59 -0000", "the server asks to wait"),
    ],
)
def test_a_retry_after_beyond_the_budget_ends_at_once(header, says):
    with (
        Wire(lambda asked: Reply(None, 429, {"Retry-After": header})) as wire,
        client_of(wire) as client,
        pytest.raises(GaveUp) as raised,
    ):
        client.post("Orders/Search", {}, what="orders", budget=Budget(5.0))
    assert str(raised.value).startswith("orders: gave up after 1 try: too many requests (429)")
    assert says in str(raised.value)
    assert len(wire.asked) == 1


@pytest.mark.parametrize("header", ["", "soon", "-5", "nan", "Wed, 21 Oct 2015 07:28:00"])
def test_a_retry_after_without_sense_is_a_short_wait(header):
    replies = in_turn(Reply(None, 429, {"Retry-After": header}), {"result": []})
    with Wire(replies) as wire, client_of(wire) as client:
        started = time.monotonic()
        assert client.post("Orders/Search", {}, what="orders").json == {"result": []}
    assert time.monotonic() - started < 3


def test_retry_after_is_obeyed_as_seconds_and_as_a_date():
    for seconds in (1, None):
        soon = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2.5), usegmt=True)
        header = str(seconds) if seconds else soon
        with (
            Wire(in_turn(Reply(None, 429, {"Retry-After": header}), {"result": []})) as wire,
            client_of(wire) as client,
        ):
            started = time.monotonic()
            client.post("Orders/Search", {}, what="orders")
            assert time.monotonic() - started >= 0.9


def test_a_scroll_continuation_is_sent_once():
    with (
        Wire(lambda asked: Reply(None, 500)) as wire,
        client_of(wire) as client,
        pytest.raises(ScrollLost, match="an answer of the scroll was lost"),
    ):
        client.get("Orders/Scroll/a", what="orders", continues_scroll=True)
    assert len(wire.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_expired_scroll_is_lost_whatever_the_server_calls_it(status: int):
    """The API's description says 404; the bodies of other servers' 400 and 410 say the same."""
    with (
        Wire(lambda asked: Reply("Scroll id is no longer valid", status)) as wire,
        client_of(wire) as client,
        pytest.raises(
            ScrollLost, match=rf"orders: the scroll has expired on the server \({status}\): Scroll id is no"
        ),
    ):
        client.get("Orders/Scroll/a", what="orders", continues_scroll=True)
    assert len(wire.asked) == 1


def test_a_refused_scroll_continuation_has_not_moved_and_is_sent_again():
    replies = in_turn(Reply(None, 429, {"Retry-After": "0"}), Reply(None, 401), {"result": []})
    with Wire(replies) as wire, client_of(wire) as client:
        assert client.get("Orders/Scroll/a", what="orders", continues_scroll=True).json == {"result": []}
    assert len(wire.asked) == 3


def test_the_token_is_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "token.json"
    with Wire(lambda asked: {"result": []}) as wire:
        for _ in range(2):
            with client_of(wire, token_path=path) as client:
                client.post("Orders/Search", {}, what="orders")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert wire.client_secret not in path.read_text()


def test_a_kept_token_is_used_and_renewed_when_refused(tmp_path):
    tokens: list[str] = []

    def answer(asked):
        if asked.path == "token":
            tokens.append(f"new.token.{len(tokens)}")
            return {"accessToken": tokens[-1], "expiresIn": 864000}
        return {"result": []} if asked.authorization == f"Bearer {tokens[-1]}" else Reply(None, 401)

    path = tmp_path / "token.json"
    with Wire(answer, own_token=True) as wire:
        for _ in range(2):
            with client_of(wire, token_path=path) as client:
                client.post("Orders/Search", {}, what="orders")
        assert tokens == ["new.token.0"]
        tokens.append("revoked.the.old")
        with client_of(wire, token_path=path) as client:
            client.post("Orders/Search", {}, what="orders")
    assert tokens == ["new.token.0", "revoked.the.old", "new.token.2"]


@pytest.mark.parametrize(
    "body",
    [
        b"plain.jwt.text",
        b'"quoted.jwt.text"',
        b"opaque-token",
        b"\xef\xbb\xbfbom.jwt.text\r\n",
        b'{"accessToken": "json.jwt.text", "expiresIn": "ten days"}',
        b'\xef\xbb\xbf{"accessToken": "json.jwt.text", "expiresIn": NaN}',
    ],
)
def test_a_token_in_plain_text_is_a_token(body):
    def answer(asked):
        return Reply(raw=body) if asked.path == "token" else {"result": []}

    with Wire(answer, own_token=True) as wire, client_of(wire) as client:
        client.post("Orders/Search", {}, what="orders")
    token = "json.jwt.text" if b"{" in body else body.decode("utf-8-sig").strip('"\r\n')
    assert wire.asked[-1].authorization == f"Bearer {token}"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"",
        b'{"accessToken": null}',
        '{"accessToken": "å.b.c"}'.encode(),
        b'{"accessToken": "a\\nX-Evil: 1"}',
    ],
)
def test_what_no_header_can_carry_is_no_token(body, monkeypatch):
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.5)
    with (
        Wire(lambda asked: Reply(raw=body), own_token=True) as wire,
        client_of(wire) as client,
        pytest.raises(Unreachable, match="the token endpoint answered something that is no token"),
    ):
        client.post("Orders/Search", {}, what="orders")


def test_wrong_credentials_are_named_without_the_secret():
    with (
        Wire(lambda asked: Reply("invalid client", 401), own_token=True) as wire,
        client_of(wire) as client,
        pytest.raises(WrongCredentials) as raised,
    ):
        client.post("Orders/Search", {}, what="orders")
    assert "does not take these credentials (status 401)" in str(raised.value)
    assert str(raised.value).endswith("that they belong to this environment")
    assert wire.client_secret not in str(raised.value)


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize(
    ("path", "client_id", "client_secret", "told"),
    [
        ("", "me", '"hush-hush-hush"', "CLIENT_SECRET begins or ends with a quotation mark"),
        ("", "'me", "hush-hush-hush", "CLIENT_ID begins or ends with a quotation mark"),
        ("", "me", "hush-hush hush", "CLIENT_SECRET contains a blank, or a character"),
        ("", "me", "\ufeffhush-hush-hush", "CLIENT_SECRET contains a blank, or a character"),
        ("", "…", "…", "CLIENT_ID contains a blank, or a character"),
        ("", "hush-hush-hush", "hush-hush-hush", "client id and secret are the same"),
        ("", "hush-hush-hush", "me", "the client id is longer than the secret, so they may be swapped"),
        ("/swagger/index.html", "me", "hush-hush-hush", "the base URL has a path after its host"),
    ],
)
def test_what_was_typed_wrongly_is_told_and_not_shown(status, path, client_id, client_secret, told):
    with (
        Wire(lambda asked: Reply("no", status), own_token=True) as wire,
        OmniumClient(wire.base_url + path, client_id, client_secret) as client,
        pytest.raises((WrongCredentials, Unreachable)) as raised,
    ):
        client.post("Orders/Search", {}, what="orders")
    assert told in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("end", ["", "/", "/api", "/api/", "/API", "/Api//"])
def test_a_base_url_may_end_with_the_first_folder_of_its_paths(end):
    assert check_base_url(f"https://api.omnium.no{end}") == "https://api.omnium.no"


@pytest.mark.parametrize(
    ("message", "url"),
    [
        ("plain http to api.omnium.no would send the secret unprotected", "http://api.omnium.no"),
        ("is no http(s) address, as it does not begin with https://: set", "api.omnium.no"),
        ("is no http(s) address, as it does not begin with https://: set", "api.omnium.no:443"),
        (
            "is no http(s) address, as it does not begin with https://: set",
            "gnukTeOva9QybbUofdde6aPDY3mkOl30",
        ),
        ("is no http(s) address, as it begins with a quotation mark: set", '"https://api.omnium.no"'),
        ("carries credentials, a query or a fragment", "https://a:b@api.omnium.no"),
        ("carries credentials, a query or a fragment", "https://api.omnium.no/#x"),
        ("is no http(s) address", "https://[::1"),
        ("is no http(s) address", "https://api.omnium.no:port"),
        ("is no http(s) address", "https://api.omnium.no:99999"),
        ("is no http(s) address", "https://\u202eapi.omnium.no"),
        ("is no http(s) address", "https://api omnium.no"),
    ],
)
def test_base_urls_that_are_refused(message, url):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(").replace(")", r"\)")) as raised:
        check_base_url(url)
    assert "gnukTeOva9QybbUofdde6aPDY3mkOl30" not in str(raised.value), "a secret in the wrong place"


@pytest.mark.slow
def test_tokens_that_end_while_a_server_recovers_are_asked_for_each_time():
    """Three of them ended within one request's tries, and it was told that even a new token is refused."""
    statuses = [401, 503, 401, 503, 401, 503]
    with (
        Wire(lambda asked: Reply(None, statuses.pop(0)) if statuses else {"result": []}) as wire,
        client_of(wire) as client,
    ):
        client._repeating.has_met_omnium = True
        assert client.post("Orders/Search", {}, what="orders").json == {"result": []}
    assert statuses == []


def test_a_new_token_that_the_server_does_not_know_yet_is_tried_again():
    made: dict[str, float] = {}

    def answer(asked):
        if asked.path == "token":
            made[f"Bearer token-{len(made)}"] = time.monotonic()
            return {"accessToken": f"token-{len(made) - 1}", "expiresIn": 864000}
        is_known = time.monotonic() - made[asked.authorization] > 0.4
        return {"result": []} if is_known else Reply(None, 401)

    with Wire(answer, own_token=True) as wire, client_of(wire) as client:
        assert client.post("Orders/Search", {}, what="orders").json == {"result": []}
    assert list(made) == ["Bearer token-0", "Bearer token-1"]


def test_nothing_of_the_transport_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with Wire(in_turn(Reply(None, 500), {"result": []})) as wire, client_of(wire) as client:
        client._repeating.has_met_omnium = True
        client.post("Orders/Search", {}, what="orders")
    assert wire.client_secret not in caplog.text
    assert wire.token not in caplog.text
    assert "the server failed (500)" in caplog.text


def test_an_answer_that_drips_is_cut_off():

    def slow(asked):
        time.sleep(2)
        return {"result": []}

    with Wire(slow) as wire, client_of(wire, request_timeout=0.5) as client:
        client._repeating.has_met_omnium = True
        with pytest.raises(GaveUp, match="time-out"):
            client.post("Orders/Search", {}, what="orders", budget=Budget(1.0))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: "


def silent(_: socket.socket) -> None:
    """A server that takes a request and never answers."""
    time.sleep(30)


def dripping_headers(connection: socket.socket) -> None:
    """A server whose headers never end: a byte is never late for a time-out of one read."""
    connection.sendall(HEAD)
    for _ in range(300):
        connection.sendall(b"x")
        time.sleep(0.1)


def dripping_body(connection: socket.socket) -> None:
    """A server whose body comes byte by byte."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
    for _ in range(300):
        connection.sendall(b" ")
        time.sleep(0.1)


def endless_body(connection: socket.socket) -> None:
    """A server that always sends more, and never is a read late."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        connection.sendall(b" " * 1_000)
        time.sleep(0.001)


@contextmanager
def bare_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of sockets alone; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        try:
            connection.recv(65_536)
            behave(connection)
        except OSError:
            pass  # the other side has had enough
        finally:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (silent, "time-out (ReadTimeout)"),
        (dripping_headers, "the answer took longer than 1 s"),
        (dripping_body, "the answer took longer than 1 s"),
        (endless_body, "the answer took longer than 1 s"),
    ],
)
def test_a_whole_request_is_bounded(behave, says):
    with bare_server(behave) as address, OmniumClient(address, "id", "secret", request_timeout=1.0) as client:
        client._token, client._repeating.has_met_omnium = "a.b.c", True
        started = time.monotonic()
        with pytest.raises(GaveUp) as raised:
            client.post("Orders/Search", {}, what="orders", budget=Budget(0.5))
    assert says in str(raised.value)
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    ("scheme", "behave"),
    [
        ("http", silent),
        ("http", dripping_headers),
        ("http", dripping_body),
        ("http", endless_body),
        ("https", silent),
    ],
)
def test_a_stop_does_not_wait_for_the_server(scheme, behave, monkeypatch):
    """With https it is the handshake that never comes to an end."""
    monkeypatch.setattr("omnium_source.http.client.SCROLL_END_SECONDS", 0.5)
    stop = Cancellation()
    with bare_server(behave) as address:
        address = address.replace("http:", f"{scheme}:")
        with OmniumClient(address, "id", "secret", stop=stop) as client:
            client._token, client._repeating.has_met_omnium = "a.b.c", True
            threading.Timer(0.5, stop.set).start()
            started = time.monotonic()
            with pytest.raises(Stopped):
                client.post("Orders/Search", {}, what="orders", budget=Budget(300))
    assert time.monotonic() - started < 3


def test_a_server_without_tls_is_not_told_as_a_wrong_certificate():
    with bare_server(dripping_body) as address:
        client = OmniumClient(address.replace("http:", "https:"), "id", "secret")
        with client, pytest.raises(Unreachable, match=r"127\.0\.0\.1 does not speak https"):
            client.post("Orders/Search", {}, what="orders")


def test_a_stop_does_not_wait_for_a_name_or_a_connection(monkeypatch):
    monkeypatch.setattr("omnium_source.http.client.SCROLL_END_SECONDS", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))
    stop = Cancellation()
    with OmniumClient("https://tenant.example", "id", "secret", stop=stop) as client:
        threading.Timer(0.5, stop.set).start()
        started = time.monotonic()
        with pytest.raises(Stopped):
            client.post("Orders/Search", {}, what="orders", budget=Budget(300))
    assert time.monotonic() - started < 3


def test_a_stop_ends_the_waiting():
    stop = Cancellation()
    with (
        Wire(lambda asked: Reply(None, 429, {"Retry-After": "60"})) as wire,
        client_of(wire, stop=stop) as client,
    ):
        threading.Timer(0.3, stop.set).start()
        started = time.monotonic()
        with pytest.raises(Stopped):
            client.post("Orders/Search", {}, what="orders", budget=Budget(300))
    assert time.monotonic() - started < 5


def test_the_limiter_shrinks_on_429_and_recovers():
    limiter = Limiter(16, 1000, 1000)
    limiter.throttled()
    limiter.throttled()
    assert limiter.allowed == 4
    for _ in range(Limiter.RECOVERY * 12):
        limiter.answered()
    assert limiter.allowed == 16


def test_the_limiter_never_lets_more_through_than_allowed():
    limiter, lock, running, most = Limiter(3, 1000, 1000), threading.Lock(), 0, 0

    def work():
        nonlocal running, most
        for _ in range(20):
            with limiter.place(Cancellation()):
                with lock:
                    running += 1
                    most = max(most, running)
                time.sleep(0.001)
                with lock:
                    running -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SSL_CERT_FILE", "/nowhere/authority.pem", "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot"),
        ("SSL_CERT_FILE", __file__, "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"),
        ("ALL_PROXY", "socks5://user:a-password@127.0.0.1:9", "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY names a SOCKS"),
        ("HTTPS_PROXY", "ftp://user:a-password@127.0.0.1:9", "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY is no proxy's"),
        ("HTTPS_PROXY", "http://user:a-password@[::1", "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY is no proxy's"),
    ],
)  # fmt: skip
def test_a_proxy_or_certificates_that_cannot_be_used_are_named(name, value, says, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        OmniumClient("https://api.example", "id", "a-secret")
    assert str(raised.value).startswith(says)
    assert "a-password" not in str(raised.value)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense://[::1"])
def test_no_proxy_leads_to_this_machine(proxy, monkeypatch):
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    with Wire(lambda asked: {"result": []}) as wire, client_of(wire) as client:
        assert client.post("Orders/Search", {}, what="orders").json == {"result": []}


class RefusingProxy(BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_proxy_that_is_in_the_way_is_named_without_its_password(monkeypatch):
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.5)
    server = ThreadingHTTPServer(("127.0.0.1", 0), RefusingProxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told = []
    for port in (server.server_port, 9):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:a-password@127.0.0.1:{port}")
        client = OmniumClient("https://api.example", "id", "a-secret")
        with client, pytest.raises(Unreachable) as raised:
            client.post("Orders/Search", {}, what="orders")
        told.append(str(raised.value))
    server.shutdown()
    server.server_close()
    check = ". Check SOURCES__OMNIUM__BASE_URL, the network and the proxy"
    assert told == [
        f"api.example gives no answer of Omnium's: the proxy 127.0.0.1:{server.server_port} said "
        f"407 Proxy Authentication Required{check}",
        f"api.example gives no answer of Omnium's: no connection to api.example by the proxy 127.0.0.1:9{check}",
    ]
