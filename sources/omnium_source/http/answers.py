"""What an answer says beside its rows: its bytes within bounds, a server's message, how long to wait.

body_of       an answer's bytes, decompressed, and no more of them than `MAX_BYTES`
is_object     whether an answer looks like one of Omnium's
message_in    what a server has to say, as one plain line
redirection   what to say of a redirect
moment_in     the moment that a header says
retry_after   seconds of a Retry-After header
"""

import contextlib
import datetime as dt
import email.utils
import json
import math
import threading
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import httpx

from omnium_source.errors import TooLarge
from omnium_source.text import masked, plain

MAX_BYTES = 128 * 1024 * 1024
"""Of one answer, decompressed. The largest that the description allows, 10,000 categories or everything that was paid
in a period, stays far below; what is larger would not fit into memory several times."""
MAX_MEMORY = 640 * 1024 * 1024
VALUE_BYTES, OBJECT_BYTES = 40, 400
"""What an answer may take in memory, reckoned as its own bytes and so many more for each value and each object in it.
MAX_BYTES with 20 bytes a value and 300 an object stay below that, but only five megabytes of `{},{},…`."""
LARGE_BYTES = 16 * 1024 * 1024
"""Of answers beyond this size one at a time is read on: twenty of MAX_BYTES at once would fill a machine's memory."""
_PIECE = 1024 * 1024
"""Bytes that are unpacked at a time."""
MAX_MESSAGE = 300
"""Characters of a server's message that are shown."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""Of an answer of JSON in which a message is looked for."""
MAX_PAGE_BYTES = 20_000
"""Of another answer, whose start is the message."""
_GZIP = b"\x1f\x8b"
"""How gzip begins, and no JSON."""


_large = threading.Lock()


class Garbled(Exception):
    """The body is not encoded as its header says, or ends too early."""


class OddlyEncoded(Exception):
    """The body is encoded in a way that was not asked for, and that nobody here can undo."""


class NotAnAnswer(Exception):
    """JSON that does not hold what was asked for. `has_message`: the server says why in it."""

    def __init__(self, what: str, *, has_message: bool = False) -> None:
        super().__init__(what)
        self.has_message = has_message


def body_of(response: httpx.Response) -> bytes:
    """The bytes of an answer under way, decompressed.

    httpx would decompress whatever came at once, a thousand bytes for each byte received, and once more for each
    encoding that the header names. How an answer begins tells more than its header, which a proxy may have left as it
    was. Raises TooLarge beyond MAX_BYTES and MAX_MEMORY, Garbled, OddlyEncoded, and what httpx raises.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    chunks, size, memory, start = list[bytes](), 0, 0, b""
    unpacked: _Unpacked | None = None
    with contextlib.ExitStack() as alone:
        for received in response.iter_raw():
            if len(start) < len(_GZIP):
                start = received = start + received
                if len(start) < len(_GZIP):
                    continue
                unpacked = _unpacked_by(encoding, start)
            for content in unpacked.take(received) if unpacked else [received]:
                if size <= LARGE_BYTES < size + len(content):
                    alone.enter_context(_large)
                size += len(content)
                if size > MAX_BYTES:
                    chunks.clear()  # the error's traceback holds them as long as its window is tried again
                    raise TooLarge(f"an answer is larger than {MAX_BYTES // (1024 * 1024):,} MB")
                # Commas and braces in texts count as well, and are few.
                memory += len(content) + VALUE_BYTES * content.count(b",")
                memory += OBJECT_BYTES * content.count(b"{")
                if memory > MAX_MEMORY:
                    chunks.clear()
                    raise TooLarge(
                        f"an answer holds so many values that they take more than {MAX_MEMORY // (1024 * 1024):,} MB"
                    )
                chunks.append(content)
        if unpacked and not unpacked.is_whole:
            raise Garbled("its end is missing")
        return b"".join(chunks) if len(start) >= len(_GZIP) else start


class _Unpacked:
    """What is decompressed piece by piece; gzip may have any number of members, one behind the other."""

    def __init__(self, encoding: str, window_bits: int) -> None:
        self._encoding, self._window_bits = encoding, window_bits
        self._decoder = zlib.decompressobj(window_bits)
        self._begun = b""  # the first byte of another member

    @property
    def is_whole(self) -> bool:
        """Whether its end has come."""
        return self._decoder.eof

    def take(self, received: bytes) -> Iterator[bytes]:
        """What a piece holds, by and by. Raises Garbled where it is no such thing."""
        received, self._begun = self._begun + received, b""
        is_more = bool(received)
        while is_more:
            if self._decoder.eof:
                if not received.startswith(_GZIP):
                    # Padding behind the end says nothing, and may have none itself.
                    self._begun = received if received == _GZIP[:1] else b""
                    return
                self._decoder = zlib.decompressobj(self._window_bits)
            try:
                content = self._decoder.decompress(received, _PIECE)
            except zlib.error as error:
                raise Garbled(f"it is no {self._encoding}: {error}") from None
            yield content
            is_at_end = self._decoder.eof
            received = self._decoder.unused_data if is_at_end else self._decoder.unconsumed_tail
            is_more = bool(received) or (len(content) == _PIECE and not is_at_end)


def _unpacked_by(encoding: str, start: bytes) -> _Unpacked | None:
    """What decompresses an answer that begins so, None where it is plain. Raises OddlyEncoded where nobody knows."""
    if start.startswith(_GZIP) and "," not in encoding:
        return _Unpacked("gzip", 16 + zlib.MAX_WBITS)
    if encoding in ("", "identity") or start.lstrip()[:1] in (b"{", b"["):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        has_header = start[0] & 15 == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
        return _Unpacked(encoding, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    raise OddlyEncoded(f"the answer is encoded as {plain(encoding)[:40]!r}, which was not asked for")


def is_object(body: bytes) -> bool:
    """Whether an answer looks like one of Omnium's, and not like a proxy's page."""
    return body.lstrip()[:1] == b"{"


def message_in(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The plain-string message in an answer, shortened to one line without control characters and without secrets.

    A proxy's page may repeat the address that it was asked for, secret and all.
    """
    text = body[:MAX_PAGE_BYTES].decode("utf-8", "replace").strip().strip('"')
    if text[:1] in ("{", "["):
        # Never JSON as it is: rows of a tenant may stand in it, with all that is personal.
        text = "JSON without a message"
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(body[:MAX_MESSAGE_BYTES])
            if isinstance(parsed, dict):
                said = (parsed.get(name) for name in ("message", "title", "error", "errorMessage", "errors"))
                text = str(next(filter(None, said), f"an object of {', '.join(parsed)}" if parsed else ""))
    # Shortened afterwards: half a secret is one as well.
    return plain(masked(text, secrets))[:MAX_MESSAGE]


def redirection(status: int, headers: httpx.Headers) -> str:
    """What to say of an answer that redirects: nobody follows it, as it may lead anywhere."""
    target = urlsplit(headers.get("Location", "")).hostname or "another address"
    return (
        f"the server redirects to {target} ({status}), and the token is not sent elsewhere: "
        "set SOURCES__OMNIUM__BASE_URL to the final address"
    )


def moment_in(header: str | None) -> dt.datetime | None:
    """The moment that a header says; None where it is no date. One without a zone, or with -0000, is UTC (RFC 9110)."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = email.utils.parsedate_to_datetime(header or "")
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return None


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds of a Retry-After header, given in seconds or as a date; None where it says nothing usable.

    Zero, less than zero and a moment that is over are none: who asks again at once is refused again.
    """
    seconds = math.nan
    with contextlib.suppress(ValueError, TypeError):
        seconds = float(value or "")
    if math.isnan(seconds) and (moment := moment_in(value)):
        seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
