"""Texts: counts in words, and structures of texts from elsewhere made safe for terminals (`omnium_source.text`)."""

from typing import Any

from omnium_source.text import printable


def counted(number: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def all_printable(value: Any) -> Any:
    """The same for every text in a structure of dicts and lists."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {all_printable(key): all_printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(item) for item in value]
    return value
