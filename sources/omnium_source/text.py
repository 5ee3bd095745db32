"""Make text from a tenant, a proxy or a damaged file safe for terminals.

plain       one line, for errors
printable   text for people; line breaks stay
masked      text without secrets, however they are spelt
"""

import base64
import html
import re
from collections.abc import Iterable
from functools import lru_cache

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: title, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""All control characters except tab and line feed, and characters that change the direction of text, which could make
a line read as something else."""


def printable(text: str) -> str:
    """`text` without escape sequences and control characters; line feeds and tabs stay.

    All output for people passes through this: the terminal, the log, the JSON of reports and of `status`.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def plain(text: str) -> str:
    """A text as one line without escape sequences and control characters.

    It is for what a server says, which reaches errors, logs and reports. A blank replaces whatever is removed, so that
    two words do not become one.
    """
    text = "".join(character if character.isprintable() else " " for character in _ESCAPES.sub(" ", text))
    return " ".join(text.split())


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with stars in place of secrets: spelt plainly, as in URLs, HTML or JSON, or in base64."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = _spellings(secret).sub("********", text)
    return text


@lru_cache(256)
def _spellings(secret: str) -> re.Pattern[str]:
    """A pattern of a secret in which each character may be spelt in any way, and of the secret in base64."""
    in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
    return re.compile(f"(?i:{''.join(map(_spelt, secret))}|{re.escape(in_base64)}=*)")


def _spelt(character: str) -> str:
    """A pattern of one character: itself, percent-encoded (also twice), an HTML entity, or a JSON escape."""
    units = character.encode("utf-16-be")
    return "(?:{})".format(
        "|".join(
            (
                rf"\\*{re.escape(character)}",
                "".join(f"%(?:25)*{byte:02x}" for byte in character.encode()),
                re.escape(html.escape(character)),
                f"&#0*{ord(character)};",
                f"&#x0*{ord(character):x};",
                "".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)),
                *([r"\+"] if character == " " else []),
            )
        )
    )
