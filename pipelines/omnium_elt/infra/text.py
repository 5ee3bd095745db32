"""Structures of texts from elsewhere, made safe for terminals (`omnium_source.text`)."""

from typing import Any

from omnium_source.text import printable


def all_printable(value: Any) -> Any:
    """The same for every text in a structure of dicts and lists."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {all_printable(key): all_printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [all_printable(item) for item in value]
    return value
