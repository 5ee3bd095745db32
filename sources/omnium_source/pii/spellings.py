"""Unusual spellings of `@`, `+` and digits.

They are escaped for a URL (`kari%40example.com`) or for HTML (`&#64;`), full-width (`＠`), or digits of other scripts.

    usual        a text in the usual spelling
    may_differ   whether any text has an unusual spelling, for many texts at once
    OF_BYTES     the same as an expression for RE2
"""

import html
import re
from urllib.parse import unquote

MOST_TIMES = 3
"""Most times that a text may have been escaped one on top of the other."""

_FOR_URLS = r"%(?:25)*(?:40|2[Bb])"
_FOR_PAGES = r"&(?:amp;)*(?:#0*(?:64|43)|#[xX]0*(?:40|2[Bb])|commat|plus);"
_ZEROS_OF_SCRIPTS = "\uff10\u0660\u06f0\u0966\u09e6\u0e50"
"""The zeros of full-width, Arabic, Persian, Devanagari, Bengali and Thai digits; nine more digits follow each."""
_DIGITS = [range(ord(zero), ord(zero) + 10) for zero in _ZEROS_OF_SCRIPTS]
_PLUS_AND_AT = "\uff0b\uff20\ufe6b"
_USUAL = (
    {wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | {ord("\u3000"): " ", ord("\ufe6b"): "@"}
    | {digits[value]: str(value) for digits in _DIGITS for value in range(10)}
)
_SIGNS = _PLUS_AND_AT + "".join(map(chr, (code for digits in _DIGITS for code in digits)))
_LEADS = sorted({sign.encode()[:-1] for sign in _SIGNS})
"""The UTF-8 bytes of these characters without the last one."""
_FIRST_BYTES = sorted({lead[:1] for lead in _LEADS})
"""Bytes that no letter of a European alphabet begins with. A search for a single byte is fast."""
OF_BYTES = "|".join(
    (
        _FOR_URLS,
        _FOR_PAGES,
        *(
            "".join(f"\\x{byte:02x}" for byte in lead)
            + "["
            + "".join(f"\\x{sign.encode()[-1]:02x}" for sign in _SIGNS if sign.encode()[:-1] == lead)
            + "]"
            for lead in _LEADS
        ),
    )
)
_ANY, _ANY_OF_BYTES = re.compile(f"{_FOR_URLS}|{_FOR_PAGES}|[{_SIGNS}]"), re.compile(OF_BYTES.encode())
# Two expressions, as one that begins with a fixed character is searched as fast as that character.
_URLS_OF_BYTES, _PAGES_OF_BYTES = re.compile(_FOR_URLS.encode()), re.compile(_FOR_PAGES.encode())


def may_differ(text: bytes) -> bool:
    """Whether these texts, as UTF-8, hold a character in an unusual spelling."""
    if _URLS_OF_BYTES.search(text) or _PAGES_OF_BYTES.search(text):
        return True
    return any(byte in text for byte in _FIRST_BYTES) and _ANY_OF_BYTES.search(text) is not None


def usual(text: str) -> str:
    """The text in the usual spelling; unchanged if it holds no unusual one."""
    if (text.isascii() and "%" not in text and "&" not in text) or not _ANY.search(text):
        return text
    for _ in range(MOST_TIMES):
        text = html.unescape(unquote(text))
    return text.translate(_USUAL)
