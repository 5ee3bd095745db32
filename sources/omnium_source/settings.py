"""The table of settings: name, type, range, default and meaning of each, in one place.

    SOURCE           the settings under `sources.omnium`, for the command line and the dlt source
    settings_found   the settings that the user wrote, in the environment and in dlt's files
    source_problems  what is wrong with their names and values
    field_choices    the checked settings under `sources.omnium.<resource>` (`fields.py`)

A program with further settings defines its own table (`omnium_elt/infra/settings.py`) and checks it with `problem_of`.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omnium_source.errors import ConfigurationError
from omnium_source.resources import RESOURCES
from omnium_source.setting import Setting, table

SECTION = "sources.omnium"
ENVIRONMENT_PREFIX = "SOURCES__OMNIUM__"
DLT_SECTIONS = frozenset({"data_writer", "destination", "extract", "load", "normalize", "runtime", "schema"})
"""Names that dlt itself reads below a source's section. They are not checked."""
LARGEST_DAYS = 3_650


SOURCE = table(
    # The first three may be empty, as a scheduler passes a secret that is not set. The code that needs them complains.
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
        "how far a window reaches back before the end of the last one, as the search index lags",
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
        "token_path", "path", None, "the dlt source only: file for the access token between runs (mode 0600)"
    ),
)
"""The settings under `sources.omnium`."""

WRITER = table(
    Setting("client_id", "secret", None, "the API user that may write", may_be_empty=True),
    Setting("client_secret", "secret", None, "its secret", may_be_empty=True),
)
"""The settings under `sources.omnium.writer`."""


@dataclass(frozen=True)
class Found:
    """A setting that the user wrote: its path below the section, its value, and its name as shown in messages."""

    path: tuple[str, ...]
    value: Any
    shown: str


def from_environment(prefix: str) -> Iterator[Found]:
    """The settings in environment variables with a prefix such as `SOURCES__OMNIUM__`."""
    for name, value in sorted(os.environ.items()):
        if name.startswith(prefix):
            yield Found(tuple(name.removeprefix(prefix).lower().split("__")), value, name)


def from_document(document: Mapping[str, Any], section: str, where: str, deep: int = 2) -> Iterator[Found]:
    """The settings in a section of a TOML document. Tables nested up to `deep` levels become one setting per entry."""
    inside: Any = document
    for name in section.split("."):
        inside = inside.get(name) if isinstance(inside, Mapping) else None
    if isinstance(inside, Mapping):
        yield from _leaves(inside, (), section, where, deep)


def _leaves(
    inside: Mapping[str, Any], path: tuple[str, ...], section: str, where: str, deep: int
) -> Iterator[Found]:
    for name, value in inside.items():
        below = (*path, name)
        if isinstance(value, Mapping) and len(below) < deep:
            yield from _leaves(value, below, section, where, deep)
        else:
            yield Found(below, value, f"{'.'.join((section, *below))} in {where}")


def documents() -> list[tuple[str, Mapping[str, Any]]]:
    """The TOML files that dlt reads, with their names."""
    # Importing dlt takes longer than everything else.
    from omnium_source import dlt_private

    return dlt_private.documents()


@dataclass(frozen=True)
class Problem:
    """What is wrong with a setting, and what to do."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}"


def problem_of(found: Found, known: Mapping[str, Setting], name: str | None = None) -> Problem | None:
    """What is wrong with a setting, checked against the table `known`; None if nothing is."""
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
    """The remedy for an unknown name: the most similar known name."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [
        one for one in known if one.startswith(name) or name.startswith(one)
    ]
    if not near:
        return "Take it away; docs/settings.md leads to all settings."
    shown = found.shown.split(" in ")[0]
    wrong, right = (name.upper(), near[0].upper()) if shown.isupper() else (name, near[0])
    return f"Did you mean {right.join(shown.rsplit(wrong, 1))}?"


def source_problems(found: Iterable[Found]) -> Iterator[Problem]:
    """What is wrong with the settings below `sources.omnium`."""
    # Imported late, as it imports Arrow, which `--help` does not need.
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
    """All settings of the source: those of the environment, then those of the files in dlt's order.

    A copy of the source that reads another tenant has a `section` of its own.
    """
    found = list(from_environment(f"{section.upper().replace('.', '__')}__"))
    for where, document in files:
        found += from_document(document, section, where)
    return found


def check_source(found: Iterable[Found]) -> None:
    """Raise ConfigurationError for the first unknown or invalid setting below `sources.omnium`."""
    for problem in source_problems(found):
        raise ConfigurationError(str(problem))


def field_choices(found: Iterable[Found]) -> dict[str, dict[str, Any]]:
    """The configured choice of fields, by resource. If a setting was found twice, the first one counts.

    Raises ConfigurationError for a field that cannot be chosen.
    """
    # Imported late, as it imports Arrow, which `--help` does not need.
    from omnium_source.fields import chosen, options_of

    choices: dict[str, dict[str, Any]] = {}
    for one in found:
        resource, name = one.path[0], "__".join(one.path[1:])
        if resource in RESOURCES and (setting := options_of(resource).get(name)):
            choices.setdefault(resource, {}).setdefault(name, setting.read(one.value))
    for resource, options in choices.items():
        chosen(RESOURCES[resource], options)  # raises if a field cannot be chosen
    return choices


def read_argument(name: str, value: Any) -> Any:
    """The value of an argument of the dlt source; its default if it is None. Raises ConfigurationError."""
    if value is None:
        return SOURCE[name].default
    if problem := problem_of(Found((name,), value, name), SOURCE):
        raise ConfigurationError(str(problem))
    return SOURCE[name].read(value)
