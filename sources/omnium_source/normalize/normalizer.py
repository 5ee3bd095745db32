"""Pages → Arrow tables, one per database table.

    shape_of(...)          a resource's tables and columns, walked from the contract's schemas
    Parser(shape).parse    rows of several pages → Batch: tables, keys, and what nobody expected (Drift)
    newest(batches)        one version of every key, the newest, and its children alone

A page's JSON objects are turned over field by field: all values of one field become one Arrow column, nested
objects flatten into their parent's table, lists of objects become child tables down to the second level, and
everything deeper or free-form becomes JSON. Python touches a value once, to pick it out; types, times,
decimals and ids are worked on by column.

Nothing is lost and nothing stops: an unknown field becomes a new column, and a value that does not fit its
column stands in `<column>__v_text` or `<column>__v_json` beside it. Personal data are treated here
(`pii/masking.py`), before anything leaves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from importlib import resources
from itertools import chain
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.columns import (
    ARROW,
    FITS,
    TIMESTAMP,
    AmbiguousNumber,
    Bodies,
    Kind,
    Spelling,
    is_container,
    json_bytes,
    kind_of,
)
from omnium_source.normalize.decoding import Fault, page_of, whole
from omnium_source.normalize.drift import Drift, Notes, named
from omnium_source.pii.masking import (
    EMAIL_SIGN,
    PHONE_SIGN,
    PersonalData,
    Position,
    is_person_container,
    is_personal_name,
    says_personal,
)

CHILD_LEVELS = 2
"""Lists of objects become tables down to this level; what lies deeper becomes JSON."""

DLT_TYPES: Mapping[Kind, dict[str, Any]] = {
    "text": {"data_type": "text"},
    "bigint": {"data_type": "bigint"},
    "decimal": {"data_type": "decimal", "precision": 38, "scale": 9},
    "boolean": {"data_type": "bool"},
    "timestamp": {"data_type": "timestamp", "precision": 6},
    "json": {"data_type": "json"},
}
_KINDS: Mapping[str, Kind] = {str(hint["data_type"]): kind for kind, hint in DLT_TYPES.items()} | {
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

_TEXT_TYPES: set[object] = {str, type(None)}
_NOTHING: dict[str, Any] = {}


# ---------------------------------------------------------------------------------------------------- shapes


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and where its values stand in a row's object.

    `personal`: the values are hashed. `sibling`: the field beside it that says whether a value is personal.
    `watched`: e-mail addresses and phone numbers in it are hashed. `by_name`: JSON of a field that the
    contract does not have, so that its own name counts as those inside it do.
    """

    name: str
    path: tuple[str, ...]
    kind: Kind
    personal: bool = False
    sibling: str | None = None
    watched: bool = False
    by_name: bool = False


Found = dict[tuple[str, tuple[str, ...]], Column]
"""Columns made for fields that the contract does not have, by table and by path from its row."""


@dataclass(frozen=True, slots=True)
class Child:
    """A field that holds a list of objects: the rows of another table."""

    column: Column
    table: str


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a row, the row itself or one nested in it: what becomes of its fields."""

    path: tuple[str, ...]
    prefix: str
    fields: "dict[str, Column | Child | Node]"
    ignored: frozenset[str]
    position: Position
    personal: bool


@dataclass(frozen=True, slots=True)
class TableShape:
    """A database table: its columns as the contract has them."""

    name: str
    parent: str | None
    path: tuple[str, ...]
    node: Node
    columns: tuple[Column, ...]
    schema: pa.Schema
    children: tuple[str, ...]

    @property
    def hints(self) -> dict[str, dict[str, Any]]:
        """The columns as dlt describes them."""
        return hints_of(self.schema)


@dataclass(frozen=True, slots=True)
class ResourceShape:
    """The tables of a resource, the root first."""

    root: str
    tables: dict[str, TableShape]
    key: tuple[Column, ...]
    personal: PersonalData


@lru_cache(maxsize=1)
def contract() -> dict[str, dict[str, str]]:
    """The response schemas: schema → field → its kind, the schema of the object, or `[schema]` of a list."""
    text = resources.files("omnium_source").joinpath("contract.json").read_text(encoding="utf-8")
    schemas: dict[str, dict[str, str]] = json.loads(text)
    return schemas


@lru_cache(maxsize=256)
def shape_of(
    resource_name: str,
    schema_name: str,
    *,
    personal: PersonalData,
    key: tuple[str, ...],
    excluded: frozenset[str] = frozenset(),
) -> ResourceShape:
    """The tables of a resource. `key` and `excluded` are JSON paths from the row, levels joined by dots.

    Raises:
        KeyError: the contract has no such schema.
    """
    walk = _Walk(personal, excluded)
    walk.table(resource_name, None, (), Position((schema_name,)), (), level=0)
    tables = {name: walk.tables[name] for name in sorted(walk.tables, key=lambda name: walk.order[name])}
    by_path = {column.path: column for column in tables[resource_name].columns}
    keys = []
    for path in (tuple(dotted.split(".")) for dotted in key):
        known = by_path.get(path)
        position = walk.positions.get(path[:-1], Position((schema_name,)))
        keys.append(
            Column(
                name="__".join(map(column_name, path)),
                path=path,
                kind=known.kind if known else "text",
                personal=position.is_personal(path[-1]),
            )
        )
    return ResourceShape(resource_name, tables, tuple(keys), personal)


@lru_cache(maxsize=10_000)
def column_name(json_name: str) -> str:
    """A field's name as dlt writes it."""
    # Here, because importing dlt takes a second, and a worker meets a new name seldom.
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    name: str = NamingConvention().normalize_identifier(json_name)
    return name


class _Walk:
    """Walks the contract from a resource's schema and notes its tables."""

    def __init__(self, personal: PersonalData, excluded: frozenset[str]) -> None:
        self.personal = personal
        self.excluded = excluded
        self.tables: dict[str, TableShape] = {}
        self.order: dict[str, int] = {}
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
        self.order[name] = len(self.order)
        columns: list[Column] = []
        children: list[str] = []
        node = self.node((), full_path, "", position, name, level, columns, children)
        fields = [arrow_field(column.name, column.kind) for column in columns]
        schema = pa.schema([*fields, *(ROOT_FIELDS if parent is None else CHILD_FIELDS)])
        self.tables[name] = TableShape(name, parent, path, node, tuple(columns), schema, tuple(children))

    def node(
        self,
        path: tuple[str, ...],
        full_path: tuple[str, ...],
        prefix: str,
        position: Position,
        table: str,
        level: int,
        columns: list[Column],
        children: list[str],
    ) -> Node:
        if level == 0:
            self.positions[path] = position
        fields: dict[str, Column | Child | Node] = {}
        ignored: set[str] = set()
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
                    children,
                )
                fields[name] = below
                personal_below |= below.personal
                continue
            made = self.column(column, field_path, kind, position, personal)
            if listed and flat and level < CHILD_LEVELS:
                child = f"{table}__{column}"
                children.append(child)
                self.table(child, table, field_path, position.below(name, schema), here, level + 1)
                suspect = self.tables[child].node.personal
                fields[name] = Child(Column(column, field_path, "json", suspect, None, made.watched), child)
            else:
                fields[name] = made
                columns.append(made)
        return Node(path, prefix, fields, frozenset(ignored), position, personal_below)

    def column(
        self, name: str, path: tuple[str, ...], kind: str, position: Position, personal: bool
    ) -> Column:
        known = contract().get(kind)
        typed: Kind
        if kind.startswith("[") or known:
            typed = "json"
        elif known is not None:
            # A schema without fields is an enumeration.
            typed = "text"
        else:
            typed = kind  # type: ignore[assignment]
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
        )


_JSON_FIELD = {"omnium": "json"}


def arrow_field(name: str, kind: Kind) -> pa.Field:
    """A column of an Arrow table. JSON is text to Arrow; the field's metadata tell."""
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


# ------------------------------------------------------------------------------------------------- what comes


class Page(Protocol):
    """One answer of the server."""

    @property
    def body(self) -> bytes:
        """Its bytes."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows as JSON has them, in the order of the bytes."""

    @property
    def faults(self) -> Sequence[Fault]:
        """What of them could not be read as it stands."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page whose rows are parsed already."""

    body: bytes
    rows: list[dict[str, Any]]
    faults: Sequence[Fault] = ()

    @classmethod
    def of(cls, body: bytes) -> "Parsed":
        """The page with these bytes. Raises Incomplete: they are no JSON."""
        decoded = page_of(body)
        return cls(body, decoded.rows, decoded.faults)


@dataclass(slots=True)
class Batch:
    """Arrow tables of some pages.

    `keys` are the `_dlt_id` of the root rows in the order they came; `roots` tells of every row of every
    table which root row it belongs to.
    """

    root: str
    tables: dict[str, pa.Table]
    keys: list[str]
    drift: list[Drift] = field(default_factory=list)
    roots: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def rows_of(self, table: str) -> np.ndarray:
        """The number of the root row that each row of a table belongs to."""
        known = self.roots.get(table)
        if known is not None:
            return known
        # Put together by hand: then its keys are distinct, and ids tell as much.
        ids = self.tables[table].column(ID.name if table == self.root else ROOT_ID.name)
        return np.asarray(pc.index_in(ids, pa.array(self.keys, pa.string())), dtype=np.int64)


@dataclass(slots=True)
class _Rows:
    """A table in the making."""

    shape: TableShape
    roots: np.ndarray
    spelling: Spelling
    ids: Any = None
    columns: dict[str, pa.Array] = field(default_factory=dict)
    children: "list[tuple[str, _Rows, list[dict[str, Any]], np.ndarray, np.ndarray]]" = field(
        default_factory=list
    )


# ----------------------------------------------------------------------------------------------- the parser


class Parser:
    """Turns pages of one resource into tables; remembers the columns that the contract does not have.

    `known_types`: table → column → dlt data type, as they are in the destination. A column that an earlier
    run added keeps its type. Not for use by several threads at once.
    """

    def __init__(
        self, shape: ResourceShape, known_types: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.shape = shape
        self._personal = shape.personal
        self._found: Found = {}
        self._told = 0
        self._extra: dict[str, dict[str, Kind]] = {}
        self._schemas: dict[str, tuple[int, pa.Schema]] = {}
        self._known: dict[str, dict[str, Kind]] = {}
        for name, table in shape.tables.items():
            own = set(table.schema.names)
            self._known[name] = {
                column: _KINDS.get(data_type, "text")
                for column, data_type in (known_types or {}).get(name, {}).items()
                if column not in own and not column.startswith(("_dlt_", "_omnium_"))
            }
            self._extra[name] = dict(self._known[name])
        self._contract_names = {
            name: {column.name for column in table.columns} | set(table.schema.names)
            for name, table in shape.tables.items()
        }

    def found(self) -> Found:
        """The fields that the contract does not have, met since this was asked before."""
        new = dict(list(self._found.items())[self._told :])
        self._told = len(self._found)
        return new

    def learn(self, found: Found) -> None:
        """Take over the columns that another parser made for such fields; those met already stay as they are."""
        for place, column in found.items():
            self._found.setdefault(place, column)
            if not (column.personal and self._personal.mode == "exclude"):
                self._extra[place[0]].setdefault(column.name, column.kind)
        self._told = len(self._found)

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        """All columns of a table met so far, as dlt describes them."""
        return hints_of(self._schema(table))

    def _schema(self, table: str) -> pa.Schema:
        # Columns are added and never taken away: as many of them are the same ones.
        extra = self._extra[table]
        known = self._schemas.get(table)
        if known is None or known[0] != len(extra):
            own = self.shape.tables[table].schema
            schema = pa.schema([*own, *(arrow_field(name, kind) for name, kind in extra.items())])
            self._schemas[table] = known = len(extra), schema
        return known[1]

    def parse(self, pages: Sequence[Page]) -> Batch:
        """The tables of some pages; the root table always, child tables where there are rows.

        A key that comes twice stands twice: see `newest`.
        """
        pages = list(pages)
        while True:
            try:
                return self._parse(pages)
            except AmbiguousNumber as error:
                pages[error.page] = _read_exactly(pages[error.page])

    def _parse(self, pages: Sequence[Page]) -> Batch:
        # What is no object is no row; whoever counts rows will see that one is missing.
        of_pages = [[row for row in page.rows if type(row) is dict] for page in pages]
        whole = list(chain.from_iterable(of_pages))
        if self.shape.tables[self.shape.root].node.position.schemas == ("OmniumSupplierVersion",):
            whole = [row if type(row.get("value")) is dict else _as_version(row) for row in whole]
        rows = self._without_ignored(whole)
        starts = np.cumsum([0, *map(len, of_pages)])[:-1]
        bodies = Bodies([page.body for page in pages], starts.tolist())
        roots = np.arange(len(rows), dtype=np.int64)
        batch, notes = Batch(self.shape.root, {}, []), Notes()
        build = _Rows(self.shape.tables[self.shape.root], roots, Spelling(bodies, roots))
        if rows:
            self._object(build.shape.node, rows, build, notes)
        hashes = self._row_hashes(rows)
        keys = self._keys(whole, build)
        batch.keys = self._ids(keys, hashes)
        build.ids = pa.array(batch.keys, pa.string())
        build.columns[ROW_HASH.name] = pa.array(hashes, pa.string())
        self._finish(build, build.ids, batch, notes)
        self._note_faults(pages, starts.tolist(), notes)
        batch.drift = notes.drift(lambda row: named(keys[row]))
        return batch

    def _note_faults(self, pages: Sequence[Page], starts: Sequence[int], notes: Notes) -> None:
        """Note what of the pages could not be read as it stands, with the field as it is named there."""
        for page, start in zip(pages, starts, strict=True):
            for fault in page.faults:
                # A single object is its own answer's row.
                at = fault.row or 0
                if at < len(page.rows) and type(page.rows[at]) is dict:
                    row = start + sum(type(row) is dict for row in page.rows[:at])
                    field_name = self._personal.hide_inside(".".join(fault.path))
                    notes.add(self.shape.root, field_name, fault.what, "text", [row])

    def _without_ignored(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows without the fields that get no column, so that their content hash does not see them either."""
        ignored = self.shape.tables[self.shape.root].node.ignored
        if not any(name in row for name in ignored for row in rows):
            return rows
        return [{name: value for name, value in row.items() if name not in ignored} for row in rows]

    # ---- objects, field by field

    def _object(self, node: Node, objects: Sequence[dict[str, Any]], build: _Rows, notes: Notes) -> None:
        """Put all fields of these objects, one per row of the table, into columns."""
        values_of = _turned(objects)
        for name, values in values_of.items():
            target = node.fields.get(name)
            if type(target) is Column:
                self._column(target, values, build, notes, values_of)
            elif type(target) is Node:
                self._nested(target, values, build, notes)
            elif type(target) is Child:
                self._list(target, values, build, notes)
        for name in sorted(values_of.keys() - node.fields.keys() - node.ignored):
            self._unknown(node, name, values_of[name], build, notes)

    def _nested(self, node: Node, values: Sequence[Any], build: _Rows, notes: Notes) -> None:
        types = set(map(type, values))
        if dict in types:
            nested = [value if type(value) is dict else _NOTHING for value in values]
            self._object(node, nested, build, notes)
        if types - {dict, type(None)}:
            misfits = [
                row for row, value in enumerate(values) if value is not None and type(value) is not dict
            ]
            column = Column(node.prefix[:-2], node.path, "json", node.personal, None, True)
            self._variants(column, values, misfits, build, notes)

    def _list(self, child: Child, values: Sequence[Any], build: _Rows, notes: Notes) -> None:
        types = set(map(type, values))
        if types - {list, type(None)}:
            misfits = [
                row for row, value in enumerate(values) if value is not None and type(value) is not list
            ]
            self._variants(child.column, values, misfits, build, notes)
            values = [value if type(value) is list else None for value in values]
        lengths = np.fromiter((len(value) if value else 0 for value in values), np.int64, len(values))
        total = int(lengths.sum())
        if total == 0:
            return
        rows: list[Any] = list(chain.from_iterable(value for value in values if value))
        parents = np.repeat(np.arange(len(values)), lengths)
        places = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if set(map(type, rows)) != {dict}:
            kept = [row is not None for row in rows]
            # dlt's own name for the column of a list's bare values.
            rows = [row if type(row) is dict else {"value": row} for row in rows if row is not None]
            parents, places = parents[kept], places[kept]
            if not rows:
                return
        roots = build.roots[parents]
        below = _Rows(self.shape.tables[child.table], roots, build.spelling.of(roots))
        build.children.append((child.table, below, rows, parents, places))

    def _column(
        self,
        column: Column,
        values: Sequence[Any],
        build: _Rows,
        notes: Notes,
        siblings: Mapping[str, Sequence[Any]] = _NOTHING,
    ) -> None:
        personal = self._personal
        if column.personal and column.kind in ("text", "json"):
            build.columns[column.name] = self._hidden(column, values, build.spelling)
            return
        if column.personal and column.kind != "boolean":
            # A hash does not fit a column that took the plain values in an earlier run.
            misfits = [row for row, value in enumerate(values) if value is not None]
            self._variants(column, values, misfits, build, notes)
            return
        if column.sibling is not None and column.sibling in siblings:
            values = [
                personal.hide_all(value, json_text)
                if type(says) is str and value is not None and says_personal(says)
                else value
                for value, says in zip(values, siblings[column.sibling], strict=True)
            ]
        if column.by_name:
            name = column.path[-1]
            values = [
                None if value is None else personal.clean({name: value}, json_text).get(name)
                for value in values
            ]
        elif column.kind == "json" and not personal.is_open and _hold_objects(values):
            inside = is_person_container(column.path[-1])
            values = [personal.clean(value, json_text, inside) for value in values]
        array, misfits = FITS[column.kind](values, build.spelling)
        build.columns[column.name] = self._without_contacts(array) if column.watched else array
        if misfits:
            self._variants(column, values, misfits, build, notes)

    def _hidden(self, column: Column, values: Sequence[Any], spelling: Spelling) -> pa.Array:
        personal = self._personal
        if column.kind == "json":
            values = [personal.hide_all(value, json_text) for value in values]
            return FITS["json"](values, spelling)[0]
        if not _TEXT_TYPES.issuperset(map(type, values)):
            # Whatever stands in place of a personal text is hashed as a whole, so that nothing of it shows.
            values = _spelled(values, spelling)
        return pa.array(personal.hide_column(values), pa.string())

    def _without_contacts(self, array: pa.Array) -> pa.Array:
        if not pa.types.is_string(array.type):
            return array
        # All texts at once: the signs are rare, and looking for them in each takes far longer.
        data = array.buffers()[2]
        together = data.to_pybytes() if data else b""
        if EMAIL_SIGN.encode() not in together and PHONE_SIGN.encode() not in together:
            return array
        texts = array.to_pylist()
        clean = {text: self._personal.hide_inside(text) for text in set(texts) if text is not None}
        return pa.array([None if text is None else clean[text] for text in texts], pa.string())

    # ---- what nobody expected

    def _unknown(self, node: Node, name: str, values: Sequence[Any], build: _Rows, notes: Notes) -> None:
        if all(value is None for value in values):
            return
        table = build.shape.name
        column = self._found.get((table, (*node.path, name)))
        if column is None:
            column = self._new_column(node, name, values, table)
            self._found[table, column.path] = column
        if column.personal and self._personal.mode == "exclude":
            return
        self._extra[table].setdefault(column.name, column.kind)
        self._column(column, values, build, notes)
        if column.name not in self._known[table]:
            present = [row for row, value in enumerate(values) if value is not None]
            notes.add(table, column.name, "new_field", column.kind, build.roots[present].tolist())

    def _new_column(self, node: Node, name: str, values: Sequence[Any], table: str) -> Column:
        """A column for a field that the contract does not have; a name that is taken gets a suffix."""
        column = node.prefix + column_name(name)
        taken = self._contract_names[table] | {
            found.name for (of, _), found in self._found.items() if of == table
        }
        if column in taken:
            column = f"{column}_{blake2b(name.encode(), digest_size=3).hexdigest()}"
        position = node.position
        personal = is_personal_name(name, position.describes_person, position.is_company)
        # A bare value in a list of persons is one of them.
        personal |= name == "value" and not node.path and position.describes_person
        personal &= not self._personal.is_open
        known = self._known[table].get(column)
        kind = known or kind_of(values)
        if personal and not known and kind not in ("json", "boolean"):
            kind = "text"
        return Column(
            column,
            (*node.path, name),
            kind,
            personal and kind != "json",
            None,
            not self._personal.is_open and position.may_hold_contacts(name),
            kind == "json" and not self._personal.is_open and (personal or not position.is_company),
        )

    def _variants(
        self, column: Column, values: Sequence[Any], misfits: Sequence[int], build: _Rows, notes: Notes
    ) -> None:
        """Keep values that do not fit their column in columns beside it."""
        table = build.shape.name
        texts: dict[Kind, list[str | None]] = {}
        for row in misfits:
            value = values[row]
            kind: Kind = "json" if is_container(value) else "text"
            if column.personal:
                value = self._personal.hide_all(value, json_text)
            elif kind == "json" and not self._personal.is_open:
                value = self._personal.clean(value, json_text)
            if value is not None:
                text = json_text(value) if kind == "json" else build.spelling.scalar(value, row)
                texts.setdefault(kind, [None] * len(values))[row] = text
        for kind, variant in texts.items():
            name = f"{column.name}__v_{kind}"
            array = pa.array(variant, pa.string())
            build.columns[name] = array if self._personal.is_open else self._without_contacts(array)
            self._extra[table].setdefault(name, kind)
            kept = [row for row in misfits if variant[row] is not None]
            notes.add(table, column.name, "misfit", kind, build.roots[kept].tolist())

    # ---- ids

    def _row_hashes(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """A hash of each row's content, whatever the order of its fields."""
        salt, dumps, sorted_keys = self._personal.salt, orjson.dumps, orjson.OPT_SORT_KEYS
        return [blake2b(dumps(row, float, sorted_keys), digest_size=8, key=salt).hexdigest() for row in rows]

    def _keys(self, rows: Sequence[dict[str, Any]], build: _Rows) -> list[tuple[str | None, ...]]:
        """The key of each root row."""
        return list(zip(*(self._key_part(column, rows, build) for column in self.shape.key), strict=True))

    def _ids(self, keys: Sequence[tuple[str | None, ...]], hashes: Sequence[str]) -> list[str]:
        """An id of each root row, the same in every run: the digest of its key."""
        ids = []
        for row, key in enumerate(keys):
            # A row without any key is told from others by what it holds.
            named = key if any(part is not None for part in key) else ("", hashes[row])
            ids.append(blake2b(orjson.dumps(named), digest_size=16).hexdigest())
        return ids

    def _key_part(self, column: Column, rows: Sequence[dict[str, Any]], build: _Rows) -> Sequence[str | None]:
        values: list[Any] = list(rows)
        for name in column.path:
            values = [value.get(name) if type(value) is dict else None for value in values]
        spelled = _spelled(values, build.spelling)
        if column.personal:
            return [None if text is None else self._personal.hash(text) for text in spelled]
        if column.kind == "text" or column.name not in build.columns:
            return spelled
        # 1 and 1.0, or Z and +00:00, are the same key.
        typed = build.columns[column.name].cast(pa.string()).to_pylist()
        return [text if same is None else same for same, text in zip(typed, spelled, strict=True)]

    # ---- assembling

    def _finish(self, build: _Rows, root_ids: pa.Array, batch: Batch, notes: Notes) -> None:
        """Complete a table and all tables below it."""
        shape, count = build.shape, len(build.roots)
        columns = build.columns
        columns[ID.name] = build.ids
        schema = self._schema(shape.name)
        empty = {kind: pa.nulls(count, kind) for kind in ARROW.values()}
        arrays = [
            columns[name] if name in columns else empty[kind]
            for name, kind in zip(schema.names, schema.types, strict=True)
        ]
        batch.tables[shape.name] = pa.Table.from_arrays(arrays, schema=schema)
        batch.roots[shape.name] = build.roots
        for name, below, rows, parents, places in build.children:
            self._object(self.shape.tables[name].node, rows, below, notes)
            parent_ids = build.ids.take(pa.array(parents))
            positions = pa.array(places)
            below.ids = pc.binary_join_element_wise(parent_ids, positions.cast(pa.string()), "_")
            below.columns[PARENT_ID.name] = parent_ids
            below.columns[ROOT_ID.name] = root_ids.take(pa.array(below.roots))
            below.columns[LIST_IDX.name] = positions
            self._finish(below, root_ids, batch, notes)


def _turned(objects: Sequence[dict[str, Any]]) -> Mapping[str, Sequence[Any]]:
    """Objects → field → the values of all objects, None where one lacks the field."""
    names = list(objects[0])
    # As one list, which the processor reads ahead; rows that take turns it cannot foresee.
    if list(chain.from_iterable(objects)) == names * len(objects):
        values = list(chain.from_iterable(map(dict.values, objects)))
        return {name: values[place :: len(names)] for place, name in enumerate(names)}
    all_names = dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, objects))))
    return {name: [value.get(name) for value in objects] for name in all_names}


def _hold_objects(values: Sequence[Any]) -> bool:
    """Whether any value is an object, or a list that holds an object or another list."""
    types: set[object] = set(map(type, values))
    if list in types:
        within: set[object] = set(map(type, chain.from_iterable(v for v in values if type(v) is list)))
        return dict in types or dict in within or list in within
    return dict in types


def _spelled(values: Sequence[Any], spelling: Spelling) -> list[str | None]:
    """Values of any type as text."""
    return [
        value
        if value is None or type(value) is str
        else json_text(value)
        if is_container(value)
        else spelling.scalar(value, row)
        for row, value in enumerate(values)
    ]


def json_text(value: Any) -> str:
    """A value as JSON."""
    return json_bytes(value).decode()


def _as_version(supplier: dict[str, Any]) -> dict[str, Any]:
    """A bare supplier, as the description promises it, in the form in which versions really come."""
    return {
        "id": supplier.get("id"),
        "versionId": supplier.get("versionId"),
        "created": supplier.get("modified"),
        "value": supplier,
    }


def _read_exactly(page: Page) -> Page:
    """The page with numbers as decimals. Slow: for pages whose numbers floats cannot tell apart."""
    document = json.loads(page.body, parse_float=Decimal, parse_int=whole)
    rows = document.get("result", [document]) if isinstance(document, dict) else document
    if not isinstance(rows, list) or len(rows) != len(page.rows):
        # The caller picked among the rows: without the bytes, what the floats tell has to do.
        return Parsed(b"", page.rows)
    return Parsed(page.body, rows)


# ------------------------------------------------------------------------------------ one version of each row


def newest(batches: Sequence[Batch], cursor: str | None = None) -> Batch:
    """All rows of some batches, of every key only the newest, with its own children.

    The newest is the one with the largest `cursor` (a timestamp column of the root table), among equals and
    without a cursor the one that came last.

    Raises:
        ValueError: there is no batch.
    """
    if not batches:
        raise ValueError("newest() needs at least one batch")
    root = batches[0].root
    kept = _kept(batches, cursor)
    names = dict.fromkeys(chain.from_iterable(batch.tables for batch in batches))
    result = Batch(root, {}, [], [drift for batch in batches for drift in batch.drift])
    tables: dict[str, list[pa.Table]] = {name: [] for name in names}
    roots: dict[str, list[np.ndarray]] = {name: [] for name in names}
    first = 0
    for batch, mask in zip(batches, kept, strict=True):
        renumbered = first + np.cumsum(mask) - 1
        result.keys += [key for key, keep in zip(batch.keys, mask, strict=True) if keep]
        for name, table in batch.tables.items():
            of_row = batch.rows_of(name)
            keep = mask[of_row]
            tables[name].append(table if keep.all() else table.filter(pa.array(keep)))
            roots[name].append(renumbered[of_row[keep]])
        first += int(mask.sum())
    for name in names:
        table = pa.concat_tables(tables[name], promote_options="default")
        if table.num_rows or name == root:
            result.tables[name] = table
            result.roots[name] = np.concatenate(roots[name])
    return result


def _kept(batches: Sequence[Batch], cursor: str | None) -> list[np.ndarray]:
    """Per batch, which of its root rows are the newest of their key."""
    masks = [np.ones(len(batch.keys), dtype=bool) for batch in batches]
    if len(set(chain.from_iterable(batch.keys for batch in batches))) == sum(map(len, masks)):
        return masks
    best: dict[str, tuple[int, int, int]] = {}
    for at, batch in enumerate(batches):
        stamps = _stamps(batch, cursor)
        for row, (key, stamp) in enumerate(zip(batch.keys, stamps, strict=True)):
            known = best.get(key)
            if known is None or stamp >= known[0]:
                best[key] = (stamp, at, row)
    for mask in masks:
        mask[:] = False
    for _, at, row in best.values():
        masks[at][row] = True
    return masks


def _stamps(batch: Batch, cursor: str | None) -> list[int]:
    table = batch.tables[batch.root]
    if cursor is None or cursor not in table.column_names:
        return [0] * table.num_rows
    column = table.column(cursor)
    stamps: list[int] = column.cast(pa.int64()).fill_null(-(2**63)).to_pylist()
    return stamps
