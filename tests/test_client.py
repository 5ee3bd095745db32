"""The client against a server that says one odd thing at a time."""

import datetime as dt
import email.utils
import logging
import stat
import threading
import time

import pytest

from sources.omnium.client import Budget, Limiter, OmniumClient, Traffic, check_base_url
from sources.omnium.errors import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    GaveUp,
    NotFound,
    ScrollLost,
    Stopped,
    Unreachable,
    WrongCredentials,
)
from tests.wire import Asked, Reply, Wire


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
        client._has_met_omnium = True
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
         Unreachable, Reply(None, 302, {"Location": "https://elsewhere.example/?t=1"})),
        ("orders: the server refuses even a new token (401)", WrongCredentials, Reply(None, 401)),
    ],
)  # fmt: skip
def test_what_will_not_pass_is_said_at_once(message, error, reply):
    with Wire(lambda asked: reply) as wire, client_of(wire) as client, pytest.raises(error) as raised:
        client.post("Orders/Search", {}, what="orders", role="OrderRead")
    assert str(raised.value).startswith(message)
    assert len(wire.asked) <= 3


def test_the_budget_ends_the_tries():
    with Wire(lambda asked: Reply(None, 503)) as wire, client_of(wire) as client:
        client._has_met_omnium = True
        with pytest.raises(GaveUp, match=r"orders: gave up after \d+ tries: the server failed \(503\)"):
            client.post("Orders/Search", {}, what="orders", budget=Budget(1.0))
    assert 2 <= len(wire.asked) <= 6


def test_a_wrong_address_does_not_take_minutes(monkeypatch):
    monkeypatch.setattr("sources.omnium.client.FIRST_CONTACT_SECONDS", 0.5)
    with OmniumClient("http://127.0.0.1:9", "id", "secret") as client, pytest.raises(Unreachable) as raised:
        client.post("Orders/Search", {}, what="orders")
    assert "127.0.0.1 gives no answer of Omnium's: no connection" in str(raised.value)


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


@pytest.mark.parametrize("body", [b"plain.jwt.text", b'"quoted.jwt.text"', b"opaque-token"])
def test_a_token_in_plain_text_is_a_token(body):
    def answer(asked):
        return Reply(raw=body) if asked.path == "token" else {"result": []}

    with Wire(answer, own_token=True) as wire, client_of(wire) as client:
        client.post("Orders/Search", {}, what="orders")
    assert wire.asked[-1].authorization == f"Bearer {body.decode().strip(chr(34))}"


def test_wrong_credentials_are_named_without_the_secret():
    with (
        Wire(lambda asked: Reply("invalid client", 401), own_token=True) as wire,
        client_of(wire) as client,
        pytest.raises(WrongCredentials) as raised,
    ):
        client.post("Orders/Search", {}, what="orders")
    assert "does not take these credentials (status 401)" in str(raised.value)
    assert wire.client_secret not in str(raised.value)


@pytest.mark.parametrize(
    ("message", "url"),
    [
        ("plain http to api.omnium.no would send the secret unprotected", "http://api.omnium.no"),
        ("is no http(s) address", "api.omnium.no"),
        ("carries credentials or a query", "https://a:b@api.omnium.no"),
    ],
)
def test_base_urls_that_are_refused(message, url):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(").replace(")", r"\)")):
        check_base_url(url)


def test_nothing_of_the_transport_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with Wire(in_turn(Reply(None, 500), {"result": []})) as wire, client_of(wire) as client:
        client._has_met_omnium = True
        client.post("Orders/Search", {}, what="orders")
    assert wire.client_secret not in caplog.text
    assert wire.token not in caplog.text
    assert "the server failed (500)" in caplog.text


def test_an_answer_that_drips_is_cut_off():

    def slow(asked):
        time.sleep(2)
        return {"result": []}

    with Wire(slow) as wire, client_of(wire, request_timeout=0.5) as client:
        client._has_met_omnium = True
        with pytest.raises(GaveUp, match="time-out"):
            client.post("Orders/Search", {}, what="orders", budget=Budget(1.0))


def test_a_stop_ends_the_waiting():
    stop = threading.Event()
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
            with limiter.place(threading.Event()):
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


def test_the_clock_of_the_server_counts():
    ahead = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=3), usegmt=True)
    with Wire(lambda asked: {"result": []}) as wire, client_of(wire) as client:
        client._note_time(ahead)
        assert abs(client.server_time() - dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)) < dt.timedelta(
            seconds=3
        )
