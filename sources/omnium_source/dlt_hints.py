"""Which of dlt's hints a resource of this source follows. Any other hint raises an error instead of being ignored.

check_hints   raises for a hint that cannot be followed
key_columns   the columns of the primary key
with_hints    the columns of a root table, merged with the hints
"""

from collections.abc import Mapping
from typing import Any

from omnium_source.errors import ConfigurationError
from omnium_source.normalize.buffer import Columns
from omnium_source.normalize.naming import column_name_of
from omnium_source.resources import Resource

_REFUSED: Mapping[str, str] = {
    "parent_table_name": "its tables have their places: lists of objects are children of their row",
    "merge_key": "rows are replaced by their key; by another key, rows that did not come again would be deleted",
    "incremental": "it keeps a cursor of its own, in windows that are counted against the server; `since` is a setting",
    "create_table_variant": "each of its tables has one form",
    "nested_hints": "children follow their root's hints; describe their columns in the destination",
}


def check_hints(row: Resource, given: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first hint that a resource of this source cannot follow."""
    for name, value in given.items():
        if not value:
            continue
        if reason := _REFUSED.get(name):
            raise _refused(row, name, reason)
        if callable(value):
            raise _refused(
                row, name, "a hint that depends on the row needs rows one by one, and they come as tables"
            )
    disposition = given.get("write_disposition")
    if disposition:
        _check_disposition(row, disposition)
    if given.get("primary_key") is not None:
        key_columns(row, given["primary_key"])


def _check_disposition(row: Resource, wanted: Any) -> None:
    kind = wanted.get("disposition") if isinstance(wanted, Mapping) else wanted
    strategy = wanted.get("strategy", "delete-insert") if isinstance(wanted, Mapping) else "delete-insert"
    if kind not in ("append", "replace", "merge"):
        raise _refused(
            row, "write_disposition", f"{kind!r} would keep a cursor without its rows; deselect it instead"
        )
    if kind == "merge" and strategy != "delete-insert":
        raise _refused(
            row,
            "write_disposition",
            f"with the strategy {strategy!r} removed children would stay, or rows that did not change would count as "
            "gone; there are merge (delete-insert), append and replace",
        )


def key_columns(row: Resource, wanted: Any) -> str | list[str]:
    """The columns of a primary key. Raises ConfigurationError unless it is the API's own key or `_dlt_id`."""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    own = list(map(column_name_of, row.key))
    if names == ["_dlt_id"]:
        return "_dlt_id"
    if not row.has_own_id or sorted(names) != sorted(own):
        there = " + ".join(own) + ", or _dlt_id" if row.has_own_id else "_dlt_id alone"
        raise _refused(
            row, "primary_key", f"rows are told apart by {there}; by {' + '.join(names)} some would be lost"
        )
    return own


def _refused(row: Resource, name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{row.name}: the hint {name} is not for this source: {reason}")


_TYPE_HINTS = ("data_type", "precision", "scale", "timezone")


def with_hints(columns: Columns, hinted: Mapping[str, Any], table: str) -> Columns:
    """The columns of a root table, merged with the hints. Raises ConfigurationError for a hint of another type."""
    merged = dict(columns)
    for name, hint in hinted["columns"].items():
        own = merged.get(name, {})
        for kind in _TYPE_HINTS:
            if hint.get(kind) is not None and own and hint[kind] != own.get(kind):
                raise ConfigurationError(
                    f"{table}.{name} comes with {kind} {own.get(kind)}, and a hint cannot make it {hint[kind]}: cast "
                    "it in a map (`add_map`), or in SQL"
                )
        merged[name] = {**hint, **own, **{key: value for key, value in hint.items() if value is not None}}
    return merged
