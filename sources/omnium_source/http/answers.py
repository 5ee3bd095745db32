"""What an answer says beside its rows: its bytes within bounds, a server's message, how long to wait.

body_of       an answer's bytes, decompressed, and no more of them than `MAX_BYTES`
message_in    what a server has to say, as one plain line
retry_after   seconds of a Retry-After header
"""

import contextlib
import datetime as dt
import email.utils
import json
import math
import zlib

import httpx

from omnium_source.errors import TooLarge
from omnium_source.text import plain

MAX_BYTES = 128 * 1024 * 1024
"""Of one answer, decompressed. The largest that the description allows, 10,000 categories or everything that was paid
in a period, stays far below; what is larger would not fit into memory several times."""
MAX_MESSAGE = 300
"""Characters of a server's message that are shown."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Garbled(Exception):
    """The body is not encoded as its header says, or ends too early."""


class NotAnAnswer(Exception):
    """JSON that does not hold what was asked for. `has_message`: the server says why in it."""

    def __init__(self, what: str, *, has_message: bool = False) -> None:
        super().__init__(what)
        self.has_message = has_message


def body_of(response: httpx.Response) -> bytes:
    """The bytes of an answer under way, decompressed.

    httpx would decompress whatever came at once, a thousand bytes for each byte received, and once more for each
    encoding that the header names. Raises TooLarge beyond MAX_BYTES, Garbled, and what httpx raises.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    chunks, size = list[bytes](), 0
    decoder = None
    if encoding in ("gzip", "x-gzip", "deflate"):
        decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    elif encoding not in ("", "identity"):
        raise Garbled(f"it is encoded as {plain(encoding)[:40]!r}, which was not asked for")
    for received in response.iter_raw():
        try:
            content = decoder.decompress(received, MAX_BYTES + 1 - size) if decoder else received
        except zlib.error as error:
            raise Garbled(f"it is no {encoding}: {error}") from None
        size += len(content)
        if size > MAX_BYTES or (decoder and decoder.unconsumed_tail):
            raise TooLarge(f"an answer is larger than {MAX_BYTES // (1024 * 1024):,} MB")
        chunks.append(content)
    if decoder and size and not decoder.eof:
        raise Garbled("its end is missing")
    return b"".join(chunks)


def message_in(body: bytes) -> str:
    """The plain-string message in an answer, shortened to one line without control characters."""
    text = body[:2_000].decode("utf-8", "replace").strip().strip('"')
    if text[:1] in "{[":
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(text)
            if isinstance(parsed, dict):
                text = str(
                    parsed.get("message")
                    or parsed.get("title")
                    or parsed.get("error")
                    or parsed.get("errorMessage")
                    or parsed.get("errors")
                    or json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)
                )
    return plain(text)[:MAX_MESSAGE]


def retry_after(value: str | None, now: dt.datetime) -> float | None:
    """Seconds of a Retry-After header, given in seconds or as a date; None where it says nothing usable.

    Zero, less than zero and a moment that is over are none: who asks again at once is refused again.
    """
    seconds = math.nan
    with contextlib.suppress(ValueError, TypeError):
        seconds = float(value or "")
    if math.isnan(seconds):
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            moment = email.utils.parsedate_to_datetime(value or "")
            if moment.tzinfo is None:  # no zone, or -0000: it is UTC
                moment = moment.replace(tzinfo=dt.UTC)
            seconds = (moment - now).total_seconds()
    return seconds if seconds > 0 else None
