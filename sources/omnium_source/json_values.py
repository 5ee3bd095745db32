"""JSON values in memory, however deeply nested: no function recurses once for each level.

json_bytes       a value as JSON; json_text: the same as text
with_scalars     a copy with each text, number, boolean and null replaced
"""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import orjson

LONG = 16
"""A number with fewer digits and points than this is a float without loss."""
LEVELS = 200
"""Levels written by one call of orjson, which writes at most 254 and reads 1,024."""


def json_bytes(value: Any, default: Callable[[Any], Any] | None = None, option: int = 0) -> bytes:
    """A value as JSON; `default` and `option` as in orjson. The default `default` writes exact numbers (`_written`)."""
    default = default or _written
    try:
        return orjson.dumps(value, default, option)
    except orjson.JSONEncodeError:
        if not isinstance(value, dict | list):
            raise
        return orjson.dumps(_in_parts(value, default, option), default, option)


def _in_parts(value: Any, default: Callable[[Any], Any], option: int) -> Any:
    """A copy of the value in which what lies deeper than `LEVELS` is JSON already."""
    around = [value]
    todo: list[tuple[Any, int]] = [(around, 0)]
    while todo:
        container, level = todo.pop()
        for key, item in members(container):
            if type(item) is not dict and type(item) is not list:
                continue
            if level == LEVELS:
                container[key] = orjson.Fragment(json_bytes(item, default, option))
            else:
                container[key] = copy = item.copy()
                todo.append((copy, level + 1))
    return around[0]


def _written(value: Any) -> Any:
    """A decimal or an integer beyond 64 bits, for JSON: a float if that is exact, or else the number's own digits."""
    number = float(value)
    is_exact = math.isfinite(number) and Decimal(repr(number)) == value
    return number if is_exact else orjson.Fragment(str(value))


def with_scalars(value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of the value with `change` applied to everything in it that is neither an object nor a list."""
    around = [value]
    todo: list[Any] = [around]
    while todo:
        container = todo.pop()
        for key, item in members(container):
            if type(item) is dict or type(item) is list:
                container[key] = copy = item.copy()
                todo.append(copy)
            else:
                container[key] = change(item)
    return around[0]


def members(container: Any) -> Iterator[tuple[Any, Any]]:
    """The items of an object, or the elements of a list with their positions. The values may be replaced meanwhile."""
    return iter(container.items()) if type(container) is dict else enumerate(container)


def is_container(value: Any) -> bool:
    """Whether a value is an object or a list."""
    return type(value) is dict or type(value) is list


def json_text(value: Any) -> str:
    """A value as JSON, as text."""
    return json_bytes(value).decode()
