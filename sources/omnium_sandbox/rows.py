"""JSON rows: values at paths, moments, and bytes that keep every digit of a number."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

Row = dict[str, Any]

NEVER = -(2**62)
"""Stands for a missing time, in microseconds. No time filter matches it, and it sorts as the earliest time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(text: object) -> int:
    """An ISO date-time (no zone means UTC) as microseconds since 1970; NEVER for anything else."""
    if isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return NEVER
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        difference = moment - _EPOCH
        return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
    return NEVER


def iso(moment: datetime | int | float | str) -> str:
    """A moment (datetime, or seconds since 1970) in the API's format; text is returned unchanged."""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def at(row: Any, path: str) -> Any:
    """The value at a dotted path of a row; None if a part of the path is missing."""
    for name in path.split("."):
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


def put_at(row: Row, path: str, value: object) -> None:
    """Set the value at a dotted path, and create missing objects on the way."""
    *parents, last = path.split(".")
    for name in parents:
        row = row.setdefault(name, {})
    row[last] = value


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode())
    raise TypeError(f"{type(value).__name__} is no JSON value")


def to_json(row: object) -> bytes:
    """A row as JSON bytes; a Decimal keeps every digit."""
    # A copy, as orjson returns a buffer of at least a kilobyte that it never shrinks, which wastes up to 4 GB.
    return memoryview(orjson.dumps(row, default=_exact)).tobytes()
