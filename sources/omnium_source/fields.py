"""Which fields of a resource are read: by default, and by the user's choice.

    OPTIONS        the settings of a resource, below `sources.omnium.<resource>`
    chosen         a resource's row of the table, changed by these settings
    described      the choice in words; equal words mean equal choices

If the API can leave a field out, the request does so. Other fields are removed before a row is stored.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from omnium_source.contract import contract
from omnium_source.errors import ConfigurationError
from omnium_source.normalize.schema import CHILD_LEVELS
from omnium_source.resources import RESOURCES, Resource
from omnium_source.setting import Setting, table

CLOSED, BUT = "*", "+"
"""Markers after a path and a dot: `*` excludes all fields there that the contract lacks; `+name` includes one."""


OPTIONS = table(
    Setting(
        "excluded_fields",
        "list",
        [],
        "fields that are not read, levels joined by dots: `orderForm.lineItems`",
    ),
    Setting(
        "included_fields", "list", [], "only these fields are read, and what tells rows and changes apart"
    ),
)
"""The settings under `sources.omnium.<resource>` that every resource has."""


def options_of(resource: str) -> dict[str, Setting]:
    """The settings of a resource."""
    flags = {
        name: Setting(name, "flag", False, f"whether {fields.meaning} are read")
        for name, fields in RESOURCES[resource].optional.items()
    }
    return {**OPTIONS, **flags}


def described(resource: str, options: Mapping[str, Any]) -> str:
    """The choice in words, empty if nothing was chosen."""
    words = [f"with {name}" for name in RESOURCES[resource].optional if options.get(name)]
    words += [
        f"{word} {', '.join(sorted(options[name]))}"
        for name, word in (("included_fields", "only"), ("excluded_fields", "without"))
        if options.get(name)
    ]
    return "; ".join(words)


def left_out(resource: str, options: Mapping[str, Any]) -> str:
    """Which fields of a resource are not read, in words; empty if all are read."""
    by_default = [name for name in RESOURCES[resource].optional if not options.get(name)]
    words = [f"without {', '.join(by_default)}"] if by_default and not options.get("included_fields") else []
    return "; ".join([*words, *filter(None, [described(resource, options)])])


def chosen(row: Resource, options: Mapping[str, Any]) -> Resource:
    """The row of the table, changed by these options. Raises ConfigurationError for a field that cannot be chosen."""
    if not described(row.name, options):
        return row
    without, only = list(options.get("excluded_fields", ())), list(options.get("included_fields", ()))
    for path in (*without, *only):
        _check(row, path)
    needed = _needed(row)
    for path in without:
        if hit := next((name for name in needed if f"{name}.".startswith(f"{path}.")), None):
            raise ConfigurationError(
                f"{row.name} cannot do without {hit}: take {path} out of excluded_fields"
            )
    excluded = set(row.excluded)
    for name, fields in row.optional.items():
        if options.get(name):
            excluded -= set(fields.fields)
    excluded |= set(without)
    if only:
        excluded |= set(_rest(row.schema, "", {*only, *needed}))
    return replace(
        row, excluded=frozenset(excluded), body=_body(row, options, without, [*only, *needed] if only else [])
    )


def _needed(row: Resource) -> list[str]:
    """The fields that identify rows, show changes, or split large reads."""
    names = [*row.key, row.cursor, row.status, *(by.path for by in row.value_filters)]
    names += ["created"] if row.created_lower else []
    fields = contract()[row.schema]
    return [name for name in dict.fromkeys(names) if name and name.split(".")[0] in fields]


def _check(row: Resource, path: str) -> None:
    """Raise ConfigurationError if a path looks misspelt, or lies deeper than fields have columns."""
    schema, level = row.schema, 0
    names = path.split(".")
    for at, name in enumerate(names):
        fields = contract().get(schema) or {}
        where = ".".join(names[:at])
        if at and (not fields or level > CHILD_LEVELS):
            raise ConfigurationError(
                f"{row.name}: {path} is no field of its own: {where} is kept as JSON. Choose {where} as a whole"
            )
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            # The vendor adds fields every week: a name that resembles no known one may be a new field.
            if near:
                raise ConfigurationError(
                    f"{row.name} has no field {path}: did you mean {'.'.join([*names[:at], near[0]])}?"
                )
            return
        kind = fields[name]
        level += kind.startswith("[")
        schema = kind.strip("[]")


def _rest(schema: str, prefix: str, wanted: set[str]) -> Iterator[str]:
    """The paths of all fields that are not wanted; one path stands for all fields below it."""
    yield f"{prefix}{CLOSED}"
    own = {one.removeprefix(prefix) for one in wanted if one.startswith(prefix)}
    yield from (f"{prefix}{BUT}{name}" for name in own - contract()[schema].keys() if "." not in name)
    for name, kind in contract()[schema].items():
        path = f"{prefix}{name}"
        if path in wanted:
            continue
        below = kind.strip("[]")
        if any(one.startswith(f"{path}.") for one in wanted) and contract().get(below):
            yield from _rest(below, f"{path}.", wanted)
        else:
            yield path


def _body(
    row: Resource, options: Mapping[str, Any], without: Sequence[str], only: Sequence[str]
) -> Mapping[str, Any]:
    """The body of the resource's requests, with the API's own means to leave fields out."""
    body: dict[str, Any] = {
        name: dict(one) if isinstance(one, Mapping) else one for name, one in row.body.items()
    }
    for name, fields in row.optional.items():
        if options.get(name):
            body.pop(fields.flag, None)
            body.get("excludedFields", {}).pop(fields.flag, None)
    if "excludedFields" in row.body:
        if only:
            body["excludedFields"] = {"isEverythingExcluded": True}
            body["includedFields"] = {"specificFields": sorted(set(only))}
        elif without:
            body["excludedFields"]["specificFields"] = sorted(without)
    return body
