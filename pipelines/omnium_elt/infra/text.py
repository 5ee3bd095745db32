"""Counts, numbers and moments as text; texts from outside are made safe for terminals (`omnium_source.text`)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from omnium_source.text import printable


def counted(number: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def amount(value: Decimal | float, currency: str | None) -> str:
    """`1,200.50 NOK`; only the number if there is no currency."""
    return f"{value:,.2f} {currency or ''}".rstrip()


def digits(number: Decimal) -> str:
    """A number with all its decimals, without trailing zeros and thousands separators: `1200.5`."""
    return f"{number.normalize():f}"


def in_utc(moment: datetime, timespec: str = "auto") -> str:
    """`2026-01-31T08:00:00Z`, as moments are written to files; `timespec` as in `datetime.isoformat`."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def for_json(value: Any) -> Any:
    """Dicts and lists made ready for JSON: dates and moments as ISO 8601, texts safe for a terminal."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {for_json(key): for_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [for_json(item) for item in value]
    if isinstance(value, datetime):
        return in_utc(value)
    return value.isoformat() if isinstance(value, date) else value
