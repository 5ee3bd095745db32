"""The tables of a resource, derived from the contract's schemas.

    shape_of(...)    a resource's tables and columns

Nested objects are flattened into their parent's table, lists of objects become child tables down to the second level,
and everything deeper or free-form becomes JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from omnium_source.contract import contract
from omnium_source.normalize.columns import ARROW, TIMESTAMP, Kind
from omnium_source.normalize.naming import column_name, column_name_of
from omnium_source.pii.masking import ANYWHERE, Inside, PersonalData
from omnium_source.pii.rules import Position
from omnium_source.resources import Resource

CHILD_LEVELS = 2
"""Lists of objects become tables down to this level; deeper ones become JSON."""

DLT_TYPES: Mapping[Kind, dict[str, Any]] = {
    "text": {"data_type": "text"},
    "bigint": {"data_type": "bigint"},
    "decimal": {"data_type": "decimal", "precision": 38, "scale": 9},
    "boolean": {"data_type": "bool"},
    "timestamp": {"data_type": "timestamp", "precision": 6},
    "json": {"data_type": "json"},
}
KINDS: Mapping[str, Kind] = {str(hint["data_type"]): kind for kind, hint in DLT_TYPES.items()} | {
    "double": "decimal",
    "date": "timestamp",
}

ID = pa.field("_dlt_id", pa.string())
PARENT_ID = pa.field("_dlt_parent_id", pa.string())
ROOT_ID = pa.field("_dlt_root_id", pa.string())
LIST_IDX = pa.field("_dlt_list_idx", pa.int64())
ROW_HASH = pa.field("_omnium_row_hash", pa.string())
DELETED_AT = pa.field("_omnium_deleted_at", TIMESTAMP)
ROOT_FIELDS = (ID, ROW_HASH, DELETED_AT)
CHILD_FIELDS = (ID, PARENT_ID, ROOT_ID, LIST_IDX)


FIELD = "x-omnium-field"
"""Hint of a column whose field the contract does not have: the field's path from its row, a JSON list. dlt keeps the
hint with the schema, in the destination too, so that a column holds the same field in every run."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and where its values are in a row's object.

    `personal`: the values are hashed. `sibling`: the field beside it that says whether a value is personal. `watched`:
    e-mail addresses and phone numbers in it are hashed. `by_name`: JSON of a field that the contract does not have, so
    that its own name is judged like the names inside it. `inside`: what is known of the objects in it or, if it is
    `by_name`, of the object around it.
    """

    name: str
    path: tuple[str, ...]
    kind: Kind
    personal: bool = False
    sibling: str | None = None
    watched: bool = False
    by_name: bool = False
    inside: Inside = ANYWHERE


@dataclass(frozen=True, slots=True)
class Child:
    """A field that holds a list of objects, which are the rows of another table."""

    column: Column
    table: str


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a row, the row itself or a nested one, and what becomes of its fields."""

    path: tuple[str, ...]
    prefix: str
    fields: "dict[str, Column | Child | Node]"
    ignored: frozenset[str]
    position: Position
    personal: bool

    @property
    def is_closed(self) -> bool:
        """Whether fields that the contract does not have are left out (`fields.CLOSED`)."""
        return "*" in self.ignored

    def ignores(self, name: str) -> bool:
        """Whether a closed object leaves a field out; `+name` in `ignored` keeps it."""
        return name not in self.fields and f"+{name}" not in self.ignored


@dataclass(frozen=True, slots=True)
class TableShape:
    """A database table with the columns that the contract has for it."""

    name: str
    parent: str | None
    path: tuple[str, ...]
    node: Node
    columns: tuple[Column, ...]
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class ResourceShape:
    """The tables of a resource, the root first."""

    root: str
    tables: dict[str, TableShape]
    key: tuple[Column, ...]
    personal: PersonalData


def shape_of(resource: Resource, personal: PersonalData) -> ResourceShape:
    """The tables that a resource becomes.

    Raises KeyError if the contract lacks the schema, or has a field of an unknown kind.
    """
    return _shape_of(resource.name, resource.schema, resource.key, resource.excluded, personal)


@lru_cache(maxsize=256)
def _shape_of(
    resource_name: str,
    schema_name: str,
    key: tuple[str, ...],
    excluded: frozenset[str],
    personal: PersonalData,
) -> ResourceShape:
    if schema_name not in contract():
        raise KeyError(f"{resource_name}: contract.json has no schema {schema_name}")
    walk = _Walk(personal, excluded)
    walk.table(resource_name, None, (), Position((schema_name,)), (), level=0)
    tables = {name: walk.tables[name] for name in walk.names}
    by_path = {column.path: column for column in tables[resource_name].columns}
    keys = []
    for dotted in key:
        path = tuple(dotted.split("."))
        known = by_path.get(path)
        position = walk.positions.get(path[:-1], Position((schema_name,)))
        keys.append(
            Column(
                name=column_name_of(dotted),
                path=path,
                kind=known.kind if known else "text",
                personal=position.is_personal(path[-1]),
            )
        )
    return ResourceShape(resource_name, tables, tuple(keys), personal)


class _Walk:
    """Walks the contract from a resource's schema and collects its tables."""

    def __init__(self, personal: PersonalData, excluded: frozenset[str]) -> None:
        self.personal = personal
        self.excluded = excluded
        self.names: list[str] = []
        self.tables: dict[str, TableShape] = {}
        self.positions: dict[tuple[str, ...], Position] = {}

    def table(
        self,
        name: str,
        parent: str | None,
        path: tuple[str, ...],
        position: Position,
        full_path: tuple[str, ...],
        level: int,
    ) -> None:
        self.names.append(name)
        columns: list[Column] = []
        node = self.node((), full_path, "", position, name, level, columns)
        fields = [arrow_field(column.name, column.kind) for column in columns]
        schema = pa.schema([*fields, *(ROOT_FIELDS if parent is None else CHILD_FIELDS)])
        self.tables[name] = TableShape(name, parent, path, node, tuple(columns), schema)

    def node(
        self,
        path: tuple[str, ...],
        full_path: tuple[str, ...],
        prefix: str,
        position: Position,
        table: str,
        level: int,
        columns: list[Column],
    ) -> Node:
        """What becomes of the fields of one object; adds to `columns`, the columns of its table.

        One function, as a field becomes a column, a child table or a nested object by one decision.
        """
        if level == 0:
            self.positions[path] = position
        fields: dict[str, Column | Child | Node] = {}
        around, inside = Inside.of(position), ".".join((*full_path, ""))
        # Also fields that the contract does not have; `*` stands for all of those.
        ignored = {path[len(inside) :] for path in self.excluded if path.startswith(inside)}
        ignored = {name for name in ignored if "." not in name}
        personal_below = False
        for name, kind in contract()[position.schemas[-1]].items():
            here = (*full_path, name)
            personal = position.is_personal(name) and not self.personal.is_open
            personal_below |= personal
            if ".".join(here) in self.excluded or (personal and self.personal.mode == "exclude"):
                ignored.add(name)
                continue
            field_path, column = (*path, name), prefix + column_name(name)
            listed = kind[1:-1] if kind.startswith("[") else None
            schema = listed or kind
            flat = bool(contract().get(schema)) and schema not in position.schemas
            if listed is None and flat:
                below = self.node(
                    field_path,
                    here,
                    f"{column}__",
                    position.below(name, schema),
                    table,
                    level,
                    columns,
                )
                fields[name] = below
                personal_below |= below.personal
                continue
            made = self.column(column, field_path, kind, position, personal, around)
            if listed and flat and level < CHILD_LEVELS:
                child = f"{table}__{column}"
                self.table(child, table, field_path, position.below(name, schema), here, level + 1)
                suspect = self.tables[child].node.personal
                fields[name] = Child(Column(column, field_path, "json", suspect, None, made.watched), child)
            else:
                fields[name] = made
                columns.append(made)
        return Node(path, prefix, fields, frozenset(ignored), position, personal_below)

    def column(
        self,
        name: str,
        path: tuple[str, ...],
        kind: str,
        position: Position,
        personal: bool,
        around: Inside,
    ) -> Column:
        """The column of a field; `around`: the object that it stands in."""
        known = contract().get(kind)
        typed: Kind
        if kind.startswith("[") or known:
            typed = "json"
        elif known is not None:
            # A schema without fields is an enumeration.
            typed = "text"
        elif kind in DLT_TYPES:
            typed = kind  # type: ignore[assignment]
        else:
            where = f"{position.schemas[-1]}.{path[-1]}"
            raise KeyError(f"contract.json: {where} is {kind!r}, neither a kind nor a schema that it has")
        if personal and typed != "json":
            typed = "text"
        closed = not self.personal.is_open
        return Column(
            name,
            path,
            typed,
            personal,
            position.sibling(path[-1]) if closed else None,
            closed and position.may_hold_contacts(path[-1]),
            False,
            around.below(path[-1]) if typed == "json" else around,
        )


_JSON_FIELD = {"omnium": "json"}


def arrow_field(name: str, kind: Kind) -> pa.Field:
    """A column of an Arrow table. JSON is text to Arrow, so the field's metadata mark it."""
    return pa.field(name, ARROW[kind], metadata=_JSON_FIELD if kind == "json" else None)


def json_columns(schema: pa.Schema) -> list[str]:
    """The names of the columns that hold JSON."""
    return [column.name for column in schema if (column.metadata or {}).get(b"omnium") == b"json"]


def hints_of(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """The columns of a table as dlt describes them."""
    kinds = {arrow: kind for kind, arrow in ARROW.items() if kind != "json"}
    as_json = set(json_columns(schema))
    return {
        column.name: {
            "name": column.name,
            "nullable": True,
            **DLT_TYPES["json" if column.name in as_json else kinds[column.type]],
        }
        for column in schema
    }
