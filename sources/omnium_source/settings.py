"""The table of settings: name, type, range, default and meaning of each, in one place.

    Setting        one row; `read` takes what somebody wrote and gives what it means, or says what is wrong
    SOURCE         what stands under `sources.omnium`, for the command line and for the dlt source alike
    field_choices  what stands under `sources.omnium.<resource>` (`fields.py`), checked
    problems       what is wrong with the names and values below `sources.omnium`

A program that has further settings makes rows of its own (`omnium_elt/infra/settings.py`), and checks them by `found`.
"""

import datetime as dt
import difflib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from omnium_source.errors import ConfigurationError
from omnium_source.resources import RESOURCES

Kind = Literal[
    "integer", "number", "flag", "text", "secret", "choice", "date", "time zone", "size", "list", "mapping"
]
SECTION = "sources.omnium"
ENVIRONMENT_PREFIX = "SOURCES__OMNIUM__"
DLT_SECTIONS = frozenset({"data_writer", "destination", "extract", "load", "normalize", "runtime", "schema"})
"""What dlt itself looks for below a source's section: none of our business."""
LARGEST_DAYS = 3_650
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
_SIZE = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?B|%)", re.IGNORECASE)


_ITEMS: Mapping[Kind, str] = {
    "text": "texts",
    "date": "dates",
    "number": "numbers",
    "integer": "whole numbers",
}


@dataclass(frozen=True)
class Setting:
    """One setting.

    `least` and `most` bound a number, and each number of a list; `is_open`: the bounds themselves are outside.
    `choices` are all values of a choice, and of the values of a mapping (which may be lists of them; `items`: numbers
    instead, within the bounds); `keys` are all names of a mapping, where not every text is one. `shortest`: bytes of a
    text. `may_be_empty`: an empty text says something.
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

    @property
    def range(self) -> str:
        """What it may be, in words that follow "It is"."""
        words = {
            "integer": "a whole number",
            "number": "a number",
            "flag": "true or false",
            "date": "a date such as 2025-01-31",
            "time zone": "a time zone such as Europe/Oslo",
            "size": "a size such as 3GB",
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
        """What `value` means: a text from the environment, or a value of a TOML file. Raises ValueError."""
        if isinstance(value, str):
            value = value.strip()
            if not value and not self.may_be_empty:
                raise ValueError("empty")
            if not value:
                return value
        return _READERS[self.kind](self, value)

    def number(self, value: Any, *, is_whole: bool) -> Any:
        """A number within the bounds."""
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
    """A whole number stays one: SQL divides 7 and 7.0 differently."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _listed(choices: Iterable[Any]) -> str:
    return ", ".join(one if isinstance(one, str) else json.dumps(one) for one in choices)


def _flag(setting: Setting, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in _TRUE | _FALSE:
        return str(value).lower() in _TRUE
    raise ValueError("neither true nor false")


def _text(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or len(value.encode()) < setting.shortest:
        raise ValueError("no such text")
    return value


def _choice(setting: Setting, value: Any) -> Any:
    plain = value.lower() if isinstance(value, str) else value
    if plain not in setting.choices:
        raise ValueError("unknown")
    return plain


def _date(setting: Setting, value: Any) -> str:
    if isinstance(value, dt.datetime):
        value = value.date()
    return (value if isinstance(value, dt.date) else dt.date.fromisoformat(value)).isoformat()


def _time_zone(setting: Setting, value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (KeyError, TypeError, OSError) as error:
        raise ValueError("unknown") from error


def _size(setting: Setting, value: Any) -> str:
    if not isinstance(value, str) or not _SIZE.fullmatch(value) or not float(re.split(r"[^\d.]", value)[0]):
        raise ValueError("no size")
    return value


def _list(setting: Setting, value: Any) -> list[Any]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [one.strip() for one in value.split(",")]
    if not isinstance(value, list | tuple):
        raise ValueError("no list")
    one = Setting(setting.name, setting.items, None, "", setting.least, setting.most, setting.is_open)
    return [one.read(item) for item in value]


def _mapping(setting: Setting, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ValueError("no pairs")
    for name, one in value.items():
        if setting.keys and name not in setting.keys:
            raise ValueError(f"{name!r} is none of them")
        if setting.items == "number":
            setting.number(one, is_whole=False)
            continue
        for item in one if isinstance(one, list) else [one]:
            if item not in setting.choices or type(item) not in {type(choice) for choice in setting.choices}:
                raise ValueError(f"{item!r} is none of them")
    return dict(value)


_READERS: Mapping[Kind, Callable[[Setting, Any], Any]] = {
    "integer": lambda setting, value: setting.number(value, is_whole=True),
    "number": lambda setting, value: setting.number(value, is_whole=False),
    "flag": _flag,
    "text": _text,
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


SOURCE = table(
    # The first three may be there and empty: a scheduler's secret that is not set. Whoever needs them says so.
    Setting(
        "base_url",
        "text",
        None,
        "the environment of the tenant; plain http only to loopback",
        may_be_empty=True,
    ),
    Setting("client_id", "secret", None, "the API user", may_be_empty=True),
    Setting("client_secret", "secret", None, "the API user's secret", may_be_empty=True),
    Setting(
        "pii",
        "choice",
        "hash",
        "personal data: `hash` (keyed; joins and counts still work), `exclude` or `include`",
        choices=("include", "hash", "exclude"),
    ),
    Setting(
        "pii_key",
        "secret",
        None,
        "the key of the hashes; back it up. Without it one is made once, and kept in `state/`",
        shortest=16,
    ),
    Setting(
        "settling_lag_seconds",
        "integer",
        120,
        "how long before its last end a window starts, as the search index is late",
        0,
        86_400,
    ),
    Setting(
        "full_pass_days",
        "integer",
        30,
        "days between two full reads of resources whose changes no filter shows",
        1,
        LARGEST_DAYS,
    ),
    Setting(
        "deletion_limit",
        "number",
        0.1,
        "the share of a resource that `reconcile` marks at most without `--force`",
        0,
        1,
    ),
    Setting(
        "max_concurrency",
        "integer",
        20,
        "requests in flight; 20 is Omnium's limit for an API user, more is cut down to it",
        1,
        150,
    ),
    Setting(
        "max_requests_per_second",
        "number",
        100.0,
        "sustained; 100 is Omnium's limit, more is cut down to it",
        0.1,
        1_000,
    ),
    Setting(
        "window_rows",
        "integer",
        250_000,
        "rows that one load package should hold at most",
        100,
        10_000_000,
    ),
    Setting("since", "date", None, "the dlt source only (else `--since`): a first load reads nothing older"),
    Setting(
        "token_path", "text", None, "the dlt source only: file for the access token between runs (mode 0600)"
    ),
)
"""What stands under `sources.omnium`."""

WRITER = table(
    Setting("client_id", "secret", None, "the API user that may write", may_be_empty=True),
    Setting("client_secret", "secret", None, "its secret", may_be_empty=True),
)
"""What stands under `sources.omnium.writer`."""


@dataclass(frozen=True)
class Found:
    """A setting that somebody wrote: its names in turn below the section, its value, and how to name it to a person."""

    path: tuple[str, ...]
    value: Any
    shown: str


def from_environment(prefix: str, environment: Mapping[str, str] | None = None) -> Iterator[Found]:
    """What the environment has below a prefix such as `SOURCES__OMNIUM__`."""
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(prefix):
            yield Found(tuple(name.removeprefix(prefix).lower().split("__")), value, name)


def from_document(document: Mapping[str, Any], section: str, where: str, deep: int = 2) -> Iterator[Found]:
    """What a TOML document has below a section, tables in it taken apart `deep` levels down."""
    inside: Any = document
    for name in section.split("."):
        inside = inside.get(name) if isinstance(inside, Mapping) else None
    if isinstance(inside, Mapping):
        yield from _leaves(inside, (), section, where, deep)


def _leaves(
    inside: Mapping[str, Any], path: tuple[str, ...], section: str, where: str, deep: int
) -> Iterator[Found]:
    for name, value in inside.items():
        here = (*path, name)
        if isinstance(value, Mapping) and len(here) < deep:
            yield from _leaves(value, here, section, where, deep)
        else:
            yield Found(here, value, f"{'.'.join((section, *here))} in {where}")


def documents() -> list[tuple[str, Mapping[str, Any]]]:
    """The TOML files that dlt reads, with their names."""
    import tomllib

    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    providers = Container()[PluggableRunContext].providers.providers
    return [(one.name, tomllib.loads(one.to_toml())) for one in providers if hasattr(one, "to_toml")]


@dataclass(frozen=True)
class Problem:
    """What is wrong with one setting, and what to do."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}"


def problem_of(found: Found, known: Mapping[str, Setting], name: str | None = None) -> Problem | None:
    """What is wrong with a setting that was found, by the table in which its name should stand."""
    name = name or found.path[-1]
    setting = known.get(name)
    if setting is None:
        return Problem(f"{found.shown} is no setting", nearest(found, name, known))
    try:
        setting.read(found.value)
    except (ValueError, OverflowError):
        value = "********" if setting.kind == "secret" and found.value else repr(found.value)
        default = "" if setting.default in (None, "") else f"; {setting.default} by default"
        return Problem(f"{found.shown} is {value}", f"It is {setting.range}{default}.")
    return None


def nearest(found: Found, name: str, known: Iterable[str]) -> str:
    """A remedy: the name that is most like a name that nobody knows."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [
        one for one in known if one.startswith(name) or name.startswith(one)
    ]
    if not near:
        return "Take it away; the README lists all settings."
    shown = found.shown.split(" in ")[0]
    wrong, right = (name.upper(), near[0].upper()) if shown.isupper() else (name, near[0])
    return f"Did you mean {right.join(shown.rsplit(wrong, 1))}?"


def source_problems(found: Iterable[Found]) -> Iterator[Problem]:
    """What is wrong with settings below `sources.omnium`."""
    from omnium_source.fields import options_of

    for one in found:
        first, rest = one.path[0], one.path[1:]
        if first in DLT_SECTIONS or (rest and rest[0] in DLT_SECTIONS and first in RESOURCES):
            continue
        if not rest:
            problem = problem_of(one, SOURCE)
        elif first == "writer":
            problem = problem_of(one, WRITER, "__".join(rest))
        elif first in RESOURCES:
            problem = problem_of(one, options_of(first), "__".join(rest))
        else:
            names = [*SOURCE, "writer", *RESOURCES]
            problem = Problem(
                f"{one.shown} is no setting", nearest(Found((first,), None, one.shown), first, names)
            )
        if problem:
            yield problem


def settings_found(files: Iterable[tuple[str, Mapping[str, Any]]], section: str = SECTION) -> list[Found]:
    """All settings of the source: those of the environment, then those of the files as dlt orders them.

    `section`: another one for a copy of the source that reads another tenant.
    """
    found = list(from_environment(f"{section.upper().replace('.', '__')}__"))
    for where, document in files:
        found += from_document(document, section, where)
    return found


def check_source(found: Iterable[Found]) -> None:
    """Raise ConfigurationError for the first unknown or unusable setting below `sources.omnium`."""
    for problem in source_problems(found):
        raise ConfigurationError(str(problem))


def field_choices(found: Iterable[Found]) -> dict[str, dict[str, Any]]:
    """The choice of fields of each resource that has one; of a setting that was found twice, the first counts.

    Raises ConfigurationError for a field that cannot be chosen.
    """
    from omnium_source.fields import checked, options_of

    choices: dict[str, dict[str, Any]] = {}
    for one in found:
        resource, name = one.path[0], "__".join(one.path[1:])
        if resource in RESOURCES and (setting := options_of(resource).get(name)):
            choices.setdefault(resource, {}).setdefault(name, setting.read(one.value))
    checked(choices)
    return choices


def read_argument(name: str, value: Any) -> Any:
    """An argument of the dlt source as it is meant, its default where it is None. Raises ConfigurationError."""
    if value is None:
        return SOURCE[name].default
    if problem := problem_of(Found((name,), value, name), SOURCE):
        raise ConfigurationError(str(problem))
    return SOURCE[name].read(value)
