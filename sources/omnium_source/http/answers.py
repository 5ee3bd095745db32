"""Read what an answer holds apart from its rows: its bytes within limits, a server's message, how long to wait.

body_of       an answer's bytes, decompressed, up to `MAX_BYTES`
is_object     whether an answer looks like one of Omnium's
message_in    the server's message, as one plain line
redirection   the error text for a redirect
moment_in     the date in a header
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
"""Most bytes of one answer, decompressed. The largest that the API's description allows, 10,000 categories or all
payments of a period, are far smaller; memory would not hold a larger one several times."""
MAX_MEMORY = 640 * 1024 * 1024
VALUE_BYTES, OBJECT_BYTES = 40, 400
"""Most bytes of memory that an answer may need, estimated as its own bytes plus these for each value and each object.
An answer of MAX_BYTES with 20 bytes per value and 300 per object stays below; more than 1.5 million `{}` do not."""
LARGE_BYTES = 16 * 1024 * 1024
"""Only one answer at a time is read beyond this size: twenty of MAX_BYTES at once would fill a machine's memory."""
_PIECE = 1024 * 1024
"""Most bytes that are decompressed at a time."""
MAX_MESSAGE = 300
"""Most characters of a server's message that are shown."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""Bytes of a JSON answer that are parsed for a message. A longer answer is cut off there and shows none."""
MAX_PAGE_BYTES = 20_000
"""Bytes of any other answer that are searched for a message; the message is its beginning."""
_GZIP = b"\x1f\x8b"
"""The first bytes of gzip. No JSON begins with them."""


_large = threading.Lock()


class Garbled(Exception):
    """The body is not encoded as its header says, or ends too early."""


class OddlyEncoded(Exception):
    """The body has a content encoding that was not requested and cannot be decoded."""


class NotAnAnswer(Exception):
    """The answer is JSON of another shape than expected. `has_message`: it may hold the server's message."""

    def __init__(self, what: str, *, has_message: bool = False) -> None:
        super().__init__(what)
        self.has_message = has_message


def body_of(response: httpx.Response) -> bytes:
    """Read the body of a response and decompress it.

    httpx would decompress each piece at once, up to a thousand bytes for each byte received, and repeat that for every
    encoding in the header. The first bytes of the body decide before the header, as a proxy may decompress a body and
    leave its header. Raises TooLarge beyond MAX_BYTES or MAX_MEMORY, Garbled, OddlyEncoded, and what httpx raises.
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
                    chunks.clear()  # the error's traceback would keep them in memory during later tries
                    raise TooLarge(f"an answer is larger than {MAX_BYTES // (1024 * 1024):,} MB")
                # This also counts commas and braces in texts, which are few.
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
    """Decompresses a body piece by piece. A gzip body may be several members in a row."""

    def __init__(self, encoding: str, window_bits: int) -> None:
        self._encoding, self._window_bits = encoding, window_bits
        self._decoder = zlib.decompressobj(window_bits)
        self._begun = b""  # the first byte of another member

    @property
    def is_whole(self) -> bool:
        """Whether the body has been decompressed to its end."""
        return self._decoder.eof

    def take(self, received: bytes) -> Iterator[bytes]:
        """Decompress a piece, at most `_PIECE` bytes at a time. Raises Garbled if it is not encoded so."""
        received, self._begun = self._begun + received, b""
        is_more = bool(received)
        while is_more:
            if self._decoder.eof:
                if not received.startswith(_GZIP):
                    # Ignore padding after the end. One byte may be the start of another member.
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
    """A decompressor for an answer with this start; None if it is plain. Raises OddlyEncoded for other encodings."""
    if start.startswith(_GZIP) and "," not in encoding:
        return _Unpacked("gzip", 16 + zlib.MAX_WBITS)
    if encoding in ("", "identity") or start.lstrip()[:1] in (b"{", b"["):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        has_header = start[0] & 15 == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
        return _Unpacked(encoding, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    raise OddlyEncoded(f"the answer is encoded as {plain(encoding)[:40]!r}, which was not asked for")


def is_object(body: bytes) -> bool:
    """Whether an answer looks like a JSON object, as Omnium's do, and not like a proxy's page."""
    return body.lstrip()[:1] == b"{"


def message_in(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The message in an answer, as one short line without control characters and secrets.

    A proxy's page may repeat the requested URL, which contains the client secret.
    """
    text = body[:MAX_PAGE_BYTES].decode("utf-8", "replace").strip().strip('"')
    if text[:1] in ("{", "["):
        # Never show the JSON itself: it may hold rows of the tenant with personal data.
        text = "JSON without a message"
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(body[:MAX_MESSAGE_BYTES])
            if isinstance(parsed, dict):
                said = (parsed.get(name) for name in ("message", "title", "error", "errorMessage", "errors"))
                text = str(next(filter(None, said), f"an object of {', '.join(parsed)}" if parsed else ""))
    # Shorten after masking, as a secret that is cut in half would not be found.
    return plain(masked(text, secrets))[:MAX_MESSAGE]


def redirection(status: int, headers: httpx.Headers) -> str:
    """The error text for a redirect. Redirects are not followed, as they may lead anywhere."""
    target = urlsplit(headers.get("Location", "")).hostname or "another address"
    return (
        f"the server redirects to {target} ({status}), and the token is not sent elsewhere: "
        "set SOURCES__OMNIUM__BASE_URL to the final address"
    )


def moment_in(header: str | None) -> dt.datetime | None:
    """The date in a header; None if it is not a date. A date without a zone, or with -0000, is UTC (RFC 9110)."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = email.utils.parsedate_to_datetime(header or "")
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return None


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds of a Retry-After header, given in seconds or as a date; None if it is missing or unusable.

    Zero, a negative number and a moment in the past are unusable: an immediate repetition would be refused again.
    """
    seconds = math.nan
    with contextlib.suppress(ValueError, TypeError):
        seconds = float(value or "")
    if math.isnan(seconds) and (moment := moment_in(value)):
        seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
