"""Signs that are written otherwise.

For a URL (`kari%40example.com`), for a page (`&#64;`), in wide letters (`＠`) or in the digits of other scripts.

    usual        a text in the usual spelling
    may_differ   whether any text is written otherwise, for much text at once
    OF_BYTES     the same as an expression for RE2
"""

import html
import re
from urllib.parse import unquote

MOST_TIMES = 3
"""How many times over a text may have been escaped for a URL or a page."""

_FOR_URLS = r"%(?:25)*(?:40|2[Bb])"
_FOR_PAGES = r"&(?:amp;)*(?:#0*(?:64|43)|#[xX]0*(?:40|2[Bb])|commat|plus);"
_ZEROS_OF_SCRIPTS = "\uff10\u0660\u06f0\u0966\u09e6\u0e50"
"""Full width, Arabic, Persian, Devanagari, Bengali, Thai: nine more digits stand behind each."""
_DIGITS = [range(ord(zero), ord(zero) + 10) for zero in _ZEROS_OF_SCRIPTS]
_PLUS_AND_AT = "\uff0b\uff20\ufe6b"
_USUAL = (
    {wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | {ord("\u3000"): " ", ord("\ufe6b"): "@"}
    | {digits[value]: str(value) for digits in _DIGITS for value in range(10)}
)
_SIGNS = _PLUS_AND_AT + "".join(map(chr, (code for digits in _DIGITS for code in digits)))
_LEADS = sorted({sign.encode()[:-1] for sign in _SIGNS})
"""How these signs begin as UTF-8."""
_FIRST_BYTES = sorted({lead[:1] for lead in _LEADS})
"""Nothing that Europe writes begins so, and one byte is looked for at memory speed."""
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
# Each by itself, as an expression that begins with one sign is looked for as fast as that sign.
_URLS_OF_BYTES, _PAGES_OF_BYTES = re.compile(_FOR_URLS.encode()), re.compile(_FOR_PAGES.encode())


def may_differ(text: bytes) -> bool:
    """Whether any sign in these texts, as UTF-8, is written otherwise."""
    if _URLS_OF_BYTES.search(text) or _PAGES_OF_BYTES.search(text):
        return True
    return any(byte in text for byte in _FIRST_BYTES) and _ANY_OF_BYTES.search(text) is not None


def usual(text: str) -> str:
    """The text in the usual spelling; the same text where no sign is written otherwise."""
    if (text.isascii() and "%" not in text and "&" not in text) or not _ANY.search(text):
        return text
    for _ in range(MOST_TIMES):
        text = html.unescape(unquote(text))
    return text.translate(_USUAL)
