"""One setting: its name, type, range, default and meaning, and how its value is read from text or TOML."""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

Kind = Literal[
    "integer",
    "number",
    "flag",
    "text",
    "path",
    "secret",
    "choice",
    "date",
    "time zone",
    "size",
    "list",
    "mapping",
]
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
_URL = re.compile(
    r"""[\s"']*([a-z][a-z0-9+.-]+:[/\\]"""
    r"|(s3[an]?|az|adl|abfss?|wasbs?|gc?s|r2|oss|https?|s?ftp|hdfs|dbfs|file|memory):)",
    re.IGNORECASE,
)
"""How a URL begins. A scheme has at least two letters, as `C:/` is a drive. Known schemes count without a slash too."""
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([KMGT])i?B|%)", re.IGNORECASE)
FIRST_DATE, LAST_DATE = dt.date(1970, 1, 1), dt.date(2199, 12, 31)
"""The dates of a retailer's tenant lie between these; a date such as 0206-01-31 is a typing error."""
LEAST_SIZE = 1024 * 1024
"""Bytes. Nothing works with less, so a smaller size has the wrong unit."""


_ITEMS: Mapping[Kind, str] = {
    "text": "texts",
    "date": "dates",
    "number": "numbers",
    "integer": "whole numbers",
}


@dataclass(frozen=True)
class Setting:
    """One setting.

    `least` and `most` bound a number, and each number of a list; `is_open` excludes the bounds themselves. `choices`
    are the allowed values of a choice or of a mapping. A mapping may hold lists of them (`takes_lists`), or numbers
    within the bounds instead (`items`). `keys` are the allowed names of a mapping; empty allows any text.
    `ignores_case`: two names of a mapping may not differ by case alone. `shortest`: least bytes of a text.
    `may_be_empty`: an empty text is a valid value.

    One record, as it is a row of a table of settings.
    """

    name: str
    kind: Kind
    default: Any
    meaning: str
    least: float = -math.inf
    most: float = math.inf
    is_open: bool = False
    choices: tuple[Any, ...] = ()
    shortest: int = 0
    may_be_empty: bool = False
    items: Kind = "text"
    keys: tuple[str, ...] = ()
    takes_lists: bool = False
    ignores_case: bool = False

    @property
    def range(self) -> str:
        """The allowed values, in words that follow "It is"."""
        words = {
            "integer": "a whole number",
            "number": "a number",
            "flag": "true or false",
            "date": "a date such as 2025-01-31, from 1970 to 2199",
            "time zone": "a time zone such as Europe/Oslo",
            "size": "a size such as 3GB",
            "path": "a path on this machine",
        }
        if self.kind == "choice":
            text = f"one of {_listed(self.choices)}"
        elif self.kind == "mapping":
            name = f"one of {_listed(self.keys)}" if self.keys else "a text"
            value = f"one of {_listed(self.choices)}" if self.choices else f"a number{self._bounds()}"
            text = f"pairs of {name} and {value}"
        elif self.kind == "list":
            text = f"a list of {_ITEMS[self.items]}{self._bounds()}"
        elif self.kind in ("text", "secret"):
            text = f"a text of {self.shortest} bytes or more" if self.shortest else "a text"
        else:
            text = words[self.kind] + self._bounds()
        return f"{text}, or empty" if self.may_be_empty else text

    def _bounds(self) -> str:
        if self.is_open:
            return f" between {self.least:,g} and {self.most:,g}"
        if math.isinf(self.most):
            return "" if math.isinf(self.least) else f" of {self.least:,g} or more"
        return f" from {_figure(self.least)} to {_figure(self.most)}"

    def read(self, value: Any) -> Any:
        """Convert `value`, a text from the environment or a value of a TOML file. Raises ValueError."""
        if isinstance(value, str):
            value = value.strip()
            if not value and not self.may_be_empty:
                raise ValueError("empty")
            if not value:
                return value
        return _READERS[self.kind](self, value)

    def number(self, value: Any, *, is_whole: bool) -> Any:
        """Convert `value` to a number within the bounds. Raises ValueError."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("no number")
        number: float = value if isinstance(value, int | float) else _number(value)
        if is_whole and isinstance(number, float):
            if not number.is_integer():
                raise ValueError("no whole number")
            number = int(number)
        inside = self.least < number < self.most if self.is_open else self.least <= number <= self.most
        if not inside:
            raise ValueError("out of its range")
        return number


def _number(text: str) -> float:
    """Convert a text to a number; an integer stays an integer, as SQL divides 7 and 7.0 differently."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _listed(choices: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(one if isinstance(one, str) else json.dumps(one) for one in choices))


def _flag(setting: Setting, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in _TRUE | _FALSE:
        return str(value).lower() in _TRUE
    raise ValueError("neither true nor false")


def _text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or len(value.encode()) < setting.shortest or "\0" in value:
        raise ValueError("no such text")
    return value


def is_url(path: str) -> bool:
    """Whether a path is a URL, such as that of a bucket; taken as a path it would create a folder `s3:`."""
    return _URL.match(path) is not None


def _path(setting: Setting, value: Any) -> str:
    if is_url(_text(setting, value)):
        raise ValueError("a URL")
    return str(value)


def _choice(setting: Setting, value: Any) -> Any:
    plain = value.lower() if isinstance(value, str) else value
    if plain not in setting.choices:
        raise ValueError("unknown")
    return plain


def _date(setting: Setting, value: Any) -> str:
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, str):
        value = dt.date.fromisoformat(value)
    if not isinstance(value, dt.date) or not FIRST_DATE <= value <= LAST_DATE:
        raise ValueError("no date that anybody means")
    return value.isoformat()


def _time_zone(setting: Setting, value: Any) -> str:
    try:
        zone = ZoneInfo(value).key
    except (KeyError, TypeError, OSError) as error:
        raise ValueError("unknown") from error
    # A machine may know more zones, such as its own or those with leap seconds, which databases do not know.
    if zone not in available_timezones() - {"localtime"}:
        raise ValueError("known to this machine alone")
    return zone


def _size(setting: Setting, value: Any) -> str:
    parts = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not parts:
        raise ValueError("no size")
    amount, unit = float(parts[1]), (parts[2] or "").upper()
    if not (amount * 1024 ** " KMGT".index(unit) >= LEAST_SIZE if unit else 0 < amount <= 100):
        raise ValueError("too small, or more than all")
    return str(value)


def _list(setting: Setting, value: Any) -> list[Any]:
    if isinstance(value, str):
        is_json = value.startswith(("[", "{", '"'))
        value = json.loads(value) if is_json else [one.strip() for one in value.split(",")]
    if not isinstance(value, list | tuple):
        raise ValueError("no list")
    one = Setting(setting.name, setting.items, None, "", setting.least, setting.most, setting.is_open)
    # Without duplicates, so that no caller does the same thing twice.
    return list(dict.fromkeys(one.read(item) for item in value))


def _mapping(setting: Setting, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ValueError("no pairs")
    if setting.ignores_case and len({name.lower() for name in value}) < len(value):
        raise ValueError("one of them stands there twice")
    return {_text(setting, name): _meaning(setting, name, one) for name, one in value.items()}


def _meaning(setting: Setting, name: str, value: Any) -> Any:
    """Check and convert the value of `name` in a mapping. Raises ValueError."""
    if setting.keys and name not in setting.keys:
        raise ValueError(f"{name!r} is none of them")
    if setting.items == "number":
        return setting.number(value, is_whole=False)
    for item in value if isinstance(value, list) and setting.takes_lists else [value]:
        if item not in setting.choices or type(item) not in {type(choice) for choice in setting.choices}:
            raise ValueError(f"{item!r} is none of them")
    return value


_READERS: Mapping[Kind, Callable[[Setting, Any], Any]] = {
    "integer": lambda setting, value: setting.number(value, is_whole=True),
    "number": lambda setting, value: setting.number(value, is_whole=False),
    "flag": _flag,
    "text": _text,
    "path": _path,
    "secret": _text,
    "choice": _choice,
    "date": _date,
    "time zone": _time_zone,
    "size": _size,
    "list": _list,
    "mapping": _mapping,
}


def table(*rows: Setting) -> dict[str, Setting]:
    """The rows by name."""
    return {row.name: row for row in rows}
