"""Text from elsewhere, made safe for terminals: the tenant's, a proxy's, or what a damaged file holds."""

import re
from typing import Any

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: title, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""All controls but tab and line feed; and what turns the direction of a line, so that it reads as something else."""


def printable(text: str) -> str:
    """`text` without escape sequences and control characters; line feeds and tabs stay.

    Every way out to a person calls this: the terminal, the log, the JSON of reports and of `status`.
    """
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))


def all_printable(value: Any) -> Any:
    """The same for every text in a structure of dicts and lists."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {all_printable(key): all_printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(item) for item in value]
    return value
