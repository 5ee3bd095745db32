"""Answers that are none, have no end, or say what a terminal would obey."""

import datetime as dt
import functools
import gzip
import json
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar
from unittest import mock

import httpx
import pytest
from omnium_source.errors import GaveUp, OmniumError, Refused, TooLarge
from omnium_source.http.answers import body_of, message_in, retry_after
from omnium_source.http.client import OmniumClient
from omnium_source.http.paginators import read_page
from omnium_source.http.traffic import Traffic
from omnium_source.text import plain

from tests.support.reading import day, ids, read
from tests.support.wire import Asked, Reply, Wire

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "body", [b'{"result": {"id": "a"', b'{"totalHits": 1, "result": "a', b'{"result": 7, "totalHits": tru}']
)
def test_an_answer_that_is_cut_off_is_no_json_whatever_stands_in_it(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_page(body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 12:00:30 -0000", 30.0),
        ("86400", 86_400.0),
        ("0", None),
        ("-1", None),
        ("-inf", None),
        ("nan", None),
        ("", None),
        (None, None),
        ("soon", None),
        ("Sat, 28 Nov 2026 11:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Thu, 99 Foo 9999 99:99:99 GMT", None),
    ],
)
def test_a_retry_after_is_a_time_to_wait_or_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "0",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        *(pytest.param(header, marks=pytest.mark.slow) for header in ("-1", "", "now")),
    ],
)
def test_who_is_told_to_come_back_at_once_waits_longer_and_longer(header: str) -> None:
    """A server that refuses for three seconds is asked a few times, not fifty."""
    until = time.monotonic() + 3

    def answer(asked: Asked) -> Any:
        if time.monotonic() < until:
            return Reply(None, 429, {"Retry-After": header})
        return {"result": [], "totalHits": 0}

    traffic = Traffic()
    with Wire(answer) as wire, OmniumClient(wire.base_url, wire.client_id, wire.client_secret) as client:
        client.post("Orders/Search", {}, what="orders", traffic=traffic)
    assert 2 <= len(wire.asked) <= 8
    assert traffic.throttled == len(wire.asked) - 1


def supplier_answer(reply: Any) -> str:
    """What is told where every answer is this one."""
    with Wire(lambda asked: reply) as wire, pytest.raises(OmniumError) as raised:
        read(wire, "suppliers", budget=2.0)
    assert len(wire.asked) <= 7
    return str(raised.value)


@pytest.mark.parametrize(
    ("says", "reply"),
    [
        ("calls its own answer invalid (isValid: false)", {"result": None, "isValid": False}),
        ("calls its own answer invalid", {"result": [], "totalHits": 0, "isValid": False}),
        ("has no `result`: index is closed", {"error": "index is closed"}),
        ("has no `result`: no such thing", {"message": "no such thing", "status": 500}),
        ("has no `result`", {"totalHits": 0}),
        ("has no `result`", {"result": None, "totalHits": 0}),
        ("has no `result`", {}),
        ("reports an error instead of rows: shard failed", {"result": [], "totalHits": 0, "error": "shard failed"}),
        ("an error beside its rows: shard failed", {"result": [{"id": "a"}], "totalHits": 1, "errors": "shard failed"}),
        ("no list of rows", {"result": {"a": 1}, "totalHits": 1}),
        ("no list of rows", {"result": "none", "totalHits": 1}),
        ("none of its rows is an object", {"result": [1, 2], "totalHits": None}),
        ("none of its rows is an object", {"result": [[{"id": "a"}], [{"id": "b"}]], "totalHits": 2}),
        ("none of its rows is an object", {"result": [[{"id": "a"}]] * 10, "totalHits": 230}),
        ("JSON of another shape", "sorry"),
        ("JSON of another shape", 7),
        ("is no JSON (text/html", Reply(raw=b"<html>no</html>", headers={"Content-Type": "text/html"})),
        ("the answer is empty", Reply(raw=b"")),
    ],
)  # fmt: skip
def test_status_200_alone_is_no_answer(says: str, reply: Any) -> None:
    said = supplier_answer(reply)
    assert says in said
    assert said.startswith("suppliers: ")


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("suppliers", {"result": [], "totalHits": 0}),
        ("suppliers", {"result": [], "totalHits": 0, "isValid": True, "error": None, "errors": []}),
        ("orders", {"result": [], "totalHits": 0, "scrollId": None}),
        ("products", {"result": [], "totalHits": 0, "scrollId": "abc"}),
        ("comments", []),
        ("project_logs", []),
        ("time_entries", []),
    ],
)
def test_a_proper_empty_answer_is_one(name: str, reply: Any) -> None:
    with Wire(lambda asked: reply) as wire:
        assert ids(read(wire, name)) == []
    assert len(wire.asked) == 1


@pytest.mark.parametrize("name", ["suppliers", "orders", "products", "prices", "inventory"])
def test_an_empty_answer_without_a_count_is_believed_when_it_comes_again(name: str) -> None:
    notes: list[str] = []
    with Wire(lambda asked: {"result": []}) as wire:
        assert ids(read(wire, name, notes=notes)) == []
    assert len(wire.asked) == 2
    assert notes == [
        f"{name}: the server gives no count (totalHits) that could prove a read: read to its end"
    ]


@pytest.mark.parametrize("name", ["suppliers", "products", "prices"])
@pytest.mark.parametrize("glitch", [{"result": []}, [], {"result": [], "totalHits": None}])
def test_an_empty_answer_by_mistake_loses_nothing(name: str, glitch: Any) -> None:
    glitches = [glitch]
    row = {"id": "a", "productId": "a"}

    def answer(asked: Asked) -> Any:
        return glitches.pop() if glitches else {"result": [row], "totalHits": 1, "scrollId": None}

    with Wire(answer) as wire:
        assert sum(window.rows for window in read(wire, name)) == 1


@pytest.mark.parametrize("name", ["suppliers", "orders", "products", "invoices"])
def test_an_empty_list_alone_is_no_answer_where_rows_come_with_a_count(name: str) -> None:
    with Wire(lambda asked: []) as wire, pytest.raises(OmniumError, match="an empty list alone"):
        read(wire, name, budget=1.0)


def test_a_server_that_shows_rows_as_a_list_alone_may_show_none_so() -> None:
    rows = [{"id": f"r{n:03}"} for n in range(200)]

    def answer(asked: Asked) -> Any:
        return rows[100 * asked.body["page"] : 100 * asked.body["page"] + 100]

    with Wire(answer) as wire:
        assert ids(read(wire, "subscriptions")) == [row["id"] for row in rows]


@pytest.mark.parametrize("name", ["comments", "project_logs"])
@pytest.mark.parametrize("reply", [{"isValid": False}, {"error": "closed"}, {"result": None}, "x", None])
def test_an_endpoint_of_bare_lists_that_answers_none_is_no_empty_one(name: str, reply: Any) -> None:
    with Wire(lambda asked: reply) as wire, pytest.raises(OmniumError, match=f"{name}: "):
        read(wire, name, budget=1.0)


def test_an_odd_answer_that_passes_costs_one_more_request() -> None:
    odd: list[Any] = [{"error": "busy"}, {"result": None, "isValid": False}]
    with Wire(lambda asked: odd.pop() if odd else {"result": [{"id": "a"}], "totalHits": 1}) as wire:
        assert ids(read(wire, "suppliers")) == ["a"]


def test_an_answer_that_is_none_does_not_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a budget of five minutes."""
    monkeypatch.setattr("omnium_source.http.repeating.MOST_ODD_ANSWERS", 3)
    with (
        Wire(lambda asked: {"error": "closed"}) as wire,
        pytest.raises(GaveUp, match="gave up after 3 tries: the answer has no `result`: closed"),
    ):
        read(wire, "suppliers", budget=300.0)
    assert len(wire.asked) == 3


@functools.cache
def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b'{"result":[],"totalHits":0,"x":"')]
    parts += [packer.compress(b"a" * 1024 * 1024) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_an_answer_that_unpacks_to_more_than_one_can_hold_is_said(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnium_source.http.answers.MAX_BYTES", 8 * 1024 * 1024)
    packed = bomb(400)
    reply = Reply(raw=packed, headers={"Content-Encoding": encoding})
    started = time.monotonic()
    with Wire(lambda asked: reply) as wire, pytest.raises(TooLarge) as raised:
        read(wire, "price_lists")
    assert str(raised.value).startswith("price_lists: an answer is larger than 8 MB")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "body",
    [
        b'{"totalHits":3000000,"result":[' + b"{}," * 3_000_000 + b"{}]}",
        b'{"totalHits":1,"result":[{"id":"1","employees":[' + b"{}," * 3_000_000 + b"{}]}]}",
        b'{"totalHits":1,"result":[{"id":"1","bestBets":[' + b"0," * 20_000_000 + b"0]}]}",
        b"[" + b'{"id":1},' * 3_000_000 + b"{}]",
    ],
    ids=["rows", "children", "numbers", "list"],
)
def test_an_answer_of_more_values_than_memory_holds_is_said(body: bytes) -> None:
    packed = gzip.compress(body, 1)
    reply = Reply(raw=packed, headers={"Content-Encoding": "gzip"})
    with Wire(lambda asked: reply) as wire, pytest.raises(TooLarge) as raised:
        read(wire, "price_lists")
    assert str(raised.value) == (
        "price_lists: an answer holds so many values that they take more than 640 MB: it was not read to its end. "
        "price_lists (everything): no filter makes its window smaller; --exclude price_lists leaves it out"
    )


def test_an_answer_of_more_rows_than_anybody_asks_for_is_said_at_once() -> None:
    rows = b",".join(b'{"id":"s%d"}' % number for number in range(250_001))
    body = b'{"totalHits":250001,"result":[' + rows + b"]}"
    with Wire(lambda asked: Reply(raw=body)) as wire, pytest.raises(TooLarge) as raised:
        read(wire, "price_lists")
    assert len(wire.asked) == 1
    assert str(raised.value).startswith("price_lists: an answer holds 250,001 rows, more than 250,000")


def test_what_was_paid_in_a_period_is_asked_for_in_shorter_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one search without pages: all of a period comes at once."""
    monkeypatch.setattr("omnium_source.http.paginators.MAX_ROWS", 5)
    rows = [{"id": f"p{number}", "created": day(number * 1_000)} for number in range(12)]

    def answer(asked: Asked) -> Reply:
        lower, upper = asked.body.get("createdFrom", ""), asked.body.get("createdTo", "9")
        found = [row for row in rows if lower <= row["created"] <= upper]
        return Reply({"result": found, "totalHits": len(found)})

    with Wire(answer) as wire:
        assert ids(read(wire, "payment_transactions")) == sorted(row["id"] for row in rows)


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_BYTES", 3_000_000), ("MAX_MEMORY", 10_000_000)], ids=["bytes", "memory"]
)
def test_what_was_read_of_a_refused_answer_is_not_kept_by_its_error(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(f"omnium_source.http.answers.{bound}", value)
    packed = gzip.compress(b"[" + b"1234567, " * 500_000 + b"1]", 1)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge) as raised:
            body_of(httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=iter([packed])))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert raised.value.__traceback__ is not None
    assert kept < 1_500_000


def test_large_answers_are_read_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.http.answers.LARGE_BYTES", 1_000)
    happened: list[str] = []
    has_begun, is_second_under_way, may_end = threading.Event(), threading.Event(), threading.Event()

    class Coming:
        """An answer of two pieces, the second of which makes it a large one."""

        headers: ClassVar[dict[str, str]] = {}

        def __init__(self, name: str, moment: threading.Event) -> None:
            self.name, self.moment = name, moment

        def iter_raw(self) -> Iterator[bytes]:
            yield b"{" + b" " * 2_000
            happened.append(f"{self.name} goes on")
            has_begun.set()
            assert self.moment.wait(20)
            yield b"}"
            happened.append(f"{self.name} ends")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(body_of, Coming("first", may_end))
        assert has_begun.wait(20)
        second = pool.submit(body_of, Coming("second", is_second_under_way))
        is_second_under_way.set()
        may_end.set()
        assert len(first.result()) == len(second.result()) == 2_002
    assert happened == ["first goes on", "first ends", "second goes on", "second ends"]


@pytest.mark.parametrize("size", [2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_unpacks_to_whole_pieces_comes_to_its_end(size: int, pack: Callable[[bytes], bytes]) -> None:
    body = b"[" + b" " * (size - 2) + b"]"
    response = httpx.Response(
        200, headers={"Content-Encoding": "deflate"}, stream=httpx.ByteStream(pack(body))
    )
    assert body_of(response) == body


def test_padding_without_an_end_is_not_kept() -> None:
    """What lies behind the end of gzip grew in memory, and no bound saw it."""
    kept: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield gzipped(BODY)
        for _ in range(200):
            yield bytes(1024 * 1024)
            kept.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        assert body_of(mock.Mock(headers={"Content-Encoding": "gzip"}, iter_raw=pieces)) == BODY
    finally:
        tracemalloc.stop()
    assert kept[-1] - kept[0] < 4 * 1024 * 1024


@pytest.mark.parametrize("status", [200, 400, 418])
@pytest.mark.parametrize("rows", [1, 100])
def test_no_row_of_an_answer_reaches_an_error(status: int, rows: int) -> None:
    """An envelope of another spelling was shown as it came: names and addresses of customers stood in the log."""
    people = [{"customerId": "kari@example.no", "firstName": "Kari"} for _ in range(rows)]
    said = supplier_answer(Reply({"Result": people, "TotalHits": rows}, status))
    assert "ari" not in said.lower()
    assert "an object of Result, TotalHits" in said


def test_an_answer_packed_twice_is_not_unpacked() -> None:
    packed = gzip.compress(bomb(50))
    reply = Reply(raw=packed, headers={"Content-Encoding": "gzip, gzip"})
    assert "which was not asked for" in supplier_answer(reply)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "x-new"])
def test_an_encoding_that_nobody_asked_for_is_said_at_once(encoding: str) -> None:
    """It was taken for a broken connection, and asked for again for five minutes."""
    reply = Reply(raw=b"\x1b\x2e\x00\xf8", headers={"Content-Encoding": encoding})
    with Wire(lambda asked: reply) as wire, pytest.raises(Refused) as raised:
        read(wire, "suppliers")
    assert str(raised.value) == (
        f"suppliers: the answer is encoded as '{encoding}', which was not asked for: "
        "have the server, or the proxy before it, send it plain or as gzip"
    )
    assert len(wire.asked) == 1


def test_of_a_failure_in_an_odd_encoding_the_status_counts() -> None:
    replies: list[Any] = [Reply(raw=b"\x1b\x2e\x00", status=502, headers={"Content-Encoding": "br"})]
    with Wire(lambda asked: replies.pop() if replies else {"result": [{"id": "a"}], "totalHits": 1}) as wire:
        assert ids(read(wire, "suppliers")) == ["a"]


@pytest.mark.parametrize("own_token", [True, False])
def test_an_odd_encoding_of_the_token_or_of_the_time_is_no_reason_to_wait(own_token: bool) -> None:
    reply = Reply(raw=b"\x1b\x2e\x00", headers={"Content-Encoding": "br", "Date": ""})
    started = time.monotonic()
    with Wire(lambda asked: reply, own_token=own_token) as wire, pytest.raises(OmniumError, match="'br'"):
        read(wire, "suppliers")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=gzip.compress(b'{"result":[],"totalHits":0}')[:-9], headers={"Content-Encoding": "gzip"}),
        Reply(raw=b"no gzip at all", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_asked_for_again(reply: Reply) -> None:
    replies = [reply]
    with Wire(lambda asked: replies.pop() if replies else {"result": [{"id": "a"}], "totalHits": 1}) as wire:
        assert ids(read(wire, "suppliers")) == ["a"]
    assert len(wire.asked) == 2


BODY = b'{"result":[{"id":"a"}],"totalHits":1}'


def deflated(body: bytes) -> bytes:
    """Without zlib's header, as some servers understand `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def gzipped(body: bytes) -> bytes:
    """Without the moment in which it was packed: names of tests hold it, and each process has to find the same."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzipped(BODY)),
        ("GZIP", gzipped(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", deflated(BODY)),
        ("gzip", b"".join(gzipped(BODY[at : at + 1]) for at in range(len(BODY)))),
        ("gzip", gzipped(b"") + gzipped(BODY) + bytes(20)),
        ("gzip", BODY),
        ("br", BODY),
        ("", gzipped(BODY)),
        ("br", gzipped(BODY)),
        ("identity", BODY),
    ],
    ids=range(11),
)
def test_an_answer_is_unpacked_by_how_it_begins(encoding: str, body: bytes) -> None:
    """A proxy that unpacks may leave the header, one that packs may forget it."""
    with Wire(lambda asked: Reply(raw=body, headers={"Content-Encoding": encoding})) as wire:
        assert ids(read(wire, "suppliers")) == ["a"]
    assert len(wire.asked) == 1


def test_members_of_gzip_may_end_anywhere_between_two_pieces() -> None:
    packed = gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])
    for size in range(1, 40):
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=iter(pieces))
        assert body_of(response) == BODY


def test_many_small_members_do_not_unpack_to_more_than_one_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.http.answers.MAX_BYTES", 1_000_000)
    packed = gzip.compress(b" " * 100_000) * 11
    for pieces in ([packed], [packed[at : at + 7] for at in range(0, len(packed), 7)]):
        with pytest.raises(TooLarge):
            body_of(httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=iter(pieces)))


def test_a_window_whose_answer_is_too_large_is_read_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.http.answers.MAX_BYTES", 20_000)
    rows = [
        {"id": f"p{n:03}", "created": f"2026-0{1 + n % 9}-11T00:00:00.000Z", "text": "x" * 500}
        for n in range(60)
    ]

    def answer(asked: Asked) -> Any:
        low, high = asked.body.get("createdFrom", ""), asked.body.get("createdTo", "9")
        found = [row for row in rows if low <= row["created"] <= high]
        return {"result": found, "totalHits": len(found)}

    with Wire(answer) as wire:
        assert set(ids(read(wire, "payment_transactions"))) == {row["id"] for row in rows}


ESCAPES = {
    "red \x1b[31malert\x1b[0m": "red alert",
    "\x1b]0;title\x07after": "after",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\": "link",
    "a\x00b\x08c\x7fd": "a b c d",
    "\x9b2J cleared": "cleared",
    "line\r\nother\tone": "line other one",
    "right \u202eotfel": "right otfel",
    "\x1b[2J\x1b[1;1Htop": "top",
    "\x1bPq#0;payload\x1b\\picture": "picture",
    "\x9d52;c;ZXZpbA==\x9cclipboard": "clipboard",
    "\x90q#0\x9cC1 picture": "C1 picture",
    "\x9ehidden\x9cshown": "shown",
    "lone \x1b": "lone",
    "Grüße, søppel 注文": "Grüße, søppel 注文",
}


@pytest.mark.parametrize("text", ESCAPES)
def test_what_a_server_says_is_plain_text(text: str) -> None:
    assert plain(text) == ESCAPES[text]
    # Its own lines stay lines: what failed, and what to do.
    assert str(OmniumError(text)) == "\n".join(plain(line) for line in text.split("\n"))
    assert message_in(text.encode()) == ESCAPES[text]


@pytest.mark.parametrize("status", [200, 400, 418])
def test_no_escape_sequence_of_an_answer_reaches_an_error(status: int) -> None:
    message = {"error": "\x1b[2Jgone\x1b]0;owned\x07", "result": None}
    assert "\x1b" not in supplier_answer(Reply(message, status))


def test_a_content_type_is_no_way_around() -> None:
    said = supplier_answer(Reply(raw=b"x", headers={"Content-Type": "text/\x1b[31mhtml"}))
    assert "\x1b" not in said
