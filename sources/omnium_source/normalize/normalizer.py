"""Pages → Arrow tables, one per database table.

    Parser(shape).parse    rows of several pages → Batch: tables, keys, and what nobody expected (Drift)

A page's JSON objects are turned over field by field: all values of one field become one Arrow column (`columns.py`),
in the tables that the contract has for them (`schema.py`). Python touches a value once, to pick it out; types, times,
decimals and ids are worked on by column.

Nothing is lost and nothing stops: an unknown field becomes a new column, and a value that does not fit its
column stands in `<column>__v_text` or `<column>__v_json` beside it. Personal data are treated here
(`pii/masking.py`), before anything leaves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.normalize.batch import Batch
from omnium_source.normalize.columns import (
    ARROW,
    FITS,
    AmbiguousNumber,
    Bodies,
    Kind,
    Spelling,
    kind_of,
)
from omnium_source.normalize.drift import Notes, named
from omnium_source.normalize.json_values import is_container, json_bytes
from omnium_source.normalize.naming import OWN_PREFIXES, column_name, free_name, suffixed
from omnium_source.normalize.pages import Page, as_version, read_exactly
from omnium_source.normalize.schema import (
    FIELD,
    ID,
    KINDS,
    LIST_IDX,
    PARENT_ID,
    ROOT_ID,
    ROW_HASH,
    Child,
    Column,
    Found,
    Node,
    ResourceShape,
    TableShape,
    arrow_field,
    hints_of,
)
from omnium_source.pii.forms import EMAIL_SIGN, PHONE_SIGN, may_hold_any
from omnium_source.pii.masking import JSON_IN_TEXT, Inside
from omnium_source.pii.vocabulary import is_identifier_name, is_personal_name, says_personal

NEW_COLUMNS = 300
"""Fields that the contract does not have, as columns of one table; some destinations allow 1,600 in all. More of them
go into one column of JSON, `other_fields`."""
REST = "*"
"""Stands for those fields where a field's name would stand."""

Known = Mapping[str, Mapping[str, Mapping[str, Any]]]
_TEXT_TYPES: set[object] = {str, type(None)}
_NOTHING: dict[str, Any] = {}


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


class Parser:
    """Turns pages of one resource into tables; remembers the columns that the contract does not have.

    `known`: table → column → its hints, as dlt has them of the destination. A column that an earlier run added keeps
    its type, and its field (`FIELD`). Not for use by several threads at once.
    """

    def __init__(self, shape: ResourceShape, known: Known | None = None) -> None:
        self.shape = shape
        self._personal = shape.personal
        self._found: Found = {}
        self._told = 0
        self._extra: dict[str, dict[str, Kind]] = {}
        self._schemas: dict[str, tuple[int, pa.Schema]] = {}
        self._known: dict[str, dict[str, Kind]] = {}
        self._names = {name: set(table.schema.names) for name, table in shape.tables.items()}
        self._fields: dict[str, dict[str, str]] = {}
        self._columns_of: dict[tuple[str, tuple[str, ...]], str] = {}
        for name in shape.tables:
            own, columns = self._names[name], (known or {}).get(name, {})
            self._known[name] = {
                column: KINDS.get(hints["data_type"], "text")
                for column, hints in columns.items()
                if "data_type" in hints and column not in own and not column.startswith(OWN_PREFIXES)
            }
            self._extra[name] = dict(self._known[name])
            self._fields[name] = {
                column: columns[column][FIELD] for column in self._known[name] if FIELD in columns[column]
            }
            own |= self._fields[name].keys()
            for column, field_path in self._fields[name].items():
                self._columns_of[name, tuple(json.loads(field_path))] = column

    def found(self) -> Found:
        """The fields that the contract does not have, met since this was asked before."""
        new = dict(list(self._found.items())[self._told :])
        self._told = len(self._found)
        return new

    def learn(self, found: Found) -> None:
        """Take over the columns that another parser made for such fields; those met already stay as they are."""
        for place, column in found.items():
            self._take(place, self._found.get(place, column))
            if not (column.personal and self._personal.mode == "exclude"):
                self._extra[place[0]].setdefault(column.name, column.kind)
        self._told = len(self._found)

    def hints(self, table: str) -> dict[str, dict[str, Any]]:
        """All columns of a table met so far, as dlt describes them, and the fields of those the contract lacks."""
        hints = hints_of(self._schema(table))
        for column, field_path in self._fields[table].items():
            if column in hints:
                hints[column][FIELD] = field_path
        return hints

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
                pages[error.page] = read_exactly(pages[error.page])

    def _parse(self, pages: Sequence[Page]) -> Batch:
        # What is no object is no row; whoever counts rows will see that one is missing.
        of_pages = [[row for row in page.rows if type(row) is dict] for page in pages]
        whole = list(chain.from_iterable(of_pages))
        if self.shape.tables[self.shape.root].node.position.schemas == ("OmniumSupplierVersion",):
            whole = [row if type(row.get("value")) is dict else as_version(row) for row in whole]
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
        node = self.shape.tables[self.shape.root].node
        if node.is_closed:
            return [{name: one for name, one in row.items() if not node.ignores(name)} for row in rows]
        ignored = node.ignored
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
        new = sorted(values_of.keys() - node.fields.keys() - node.ignored)
        if node.is_closed:
            new = [name for name in new if not node.ignores(name)]
        rest = [
            name
            for name in new
            if name == REST or not self._unknown(node, name, values_of[name], build, notes)
        ]
        if rest:
            together = [
                {name: values_of[name][row] for name in rest if values_of[name][row] is not None} or None
                for row in range(len(objects))
            ]
            self._unknown(node, REST, together, build, notes)

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
        is_watched = column.watched
        if column.sibling is not None and column.sibling in siblings:
            values = self._by_sibling(column, values, siblings)
            is_watched &= column.sibling != "key"
        if column.kind == "json" and not personal.is_open:
            values = self._cleaned(column, values)
            is_watched = False
        fit = FITS[column.kind](values, build.spelling)
        build.columns[column.name] = self._without_contacts(fit.array, column) if is_watched else fit.array
        if fit.misfits or fit.rounded:
            self._variants(column, values, fit.misfits, build, notes, fit.rounded)
        if fit.clamped:
            notes.add(
                build.shape.name, column.name, "clamped", column.kind, build.roots[fit.clamped].tolist()
            )

    def _by_sibling(
        self, column: Column, values: Sequence[Any], siblings: Mapping[str, Sequence[Any]]
    ) -> Sequence[Any]:
        """Values that are personal where the field beside them says so: of a property its key, of an id its type."""
        personal, says = self._personal, siblings[column.sibling or ""]
        if column.sibling != "key":
            return [
                personal.hide_all(value, json_text) if type(kind) is str and says_personal(kind) else value
                for value, kind in zip(values, says, strict=True)
            ]
        groups = siblings.get("keyGroup") or [None] * len(says)
        return personal.hide_properties(values, says, groups, json_text, column.inside)

    def _cleaned(self, column: Column, values: Sequence[Any]) -> Sequence[Any]:
        """JSON without personal data."""
        personal, inside = self._personal, column.inside
        if column.by_name:
            name = column.path[-1]
            return [
                None if value is None else personal.clean({name: value}, json_text, inside).get(name)
                for value in values
            ]
        if not any(values):
            return values
        # All of it at once: what is looked for in texts is rare, and looking for it in each takes far longer.
        together = b"".join(json_bytes(value) for value in values if value)
        if not _may_hold_any(together, column) and not any(sign in together for sign in JSON_IN_TEXT):
            if not _hold_objects(values):
                return values
            inside = inside.with_clean_texts()
        return [personal.clean(value, json_text, inside) if value else value for value in values]

    def _hidden(self, column: Column, values: Sequence[Any], spelling: Spelling) -> pa.Array:
        personal = self._personal
        if column.kind == "json":
            values = [personal.hide_all(value, json_text) for value in values]
            return FITS["json"](values, spelling).array
        if not _TEXT_TYPES.issuperset(map(type, values)):
            # Whatever stands in place of a personal text is hashed as a whole, so that nothing of it shows.
            values = _spelled(values, spelling)
        return pa.array(personal.hide_column(values), pa.string())

    def _without_contacts(self, array: pa.Array, column: Column) -> pa.Array:
        if not pa.types.is_string(array.type):
            return array
        # All texts at once: what is looked for is rare, and looking for it in each takes far longer.
        data = array.buffers()[2]
        together = data.to_pybytes() if data else b""
        if not _may_hold_any(together, column) and b'":' not in together:
            return array
        is_identifier = is_identifier_name(column.path[-1])
        hide, inside = self._personal.hide_in_text, column.inside
        texts = array.to_pylist()
        clean = {
            text: hide(text, json_text, inside, is_identifier) for text in set(texts) if text is not None
        }
        return pa.array([None if text is None else clean[text] for text in texts], pa.string())

    # ---- what nobody expected

    def _unknown(self, node: Node, name: str, values: Sequence[Any], build: _Rows, notes: Notes) -> bool:
        """Put a field that the contract does not have into a column; False: it has to go with the rest of them."""
        if all(value is None for value in values):
            return True
        table, place = build.shape.name, (build.shape.name, (*node.path, name))
        column = self._found.get(place)
        if column is None:
            if place not in self._columns_of and not self._has_room(node, name, table):
                return False
            column = self._new_column(node, name, values, table)
            self._take(place, column)
        if column.personal and self._personal.mode == "exclude":
            return True
        self._extra[table].setdefault(column.name, column.kind)
        self._column(column, values, build, notes)
        if column.name not in self._known[table]:
            present = [row for row, value in enumerate(values) if value is not None]
            notes.add(table, column.name, "new_field", column.kind, build.roots[present].tolist())
        return True

    def _has_room(self, node: Node, name: str, table: str) -> bool:
        """Whether the table has a column for another field, or room for one."""
        has_column = name == REST or node.prefix + column_name(name) in self._known[table]
        return has_column or len(self._fields[table]) < NEW_COLUMNS

    def _take(self, place: tuple[str, tuple[str, ...]], column: Column) -> None:
        """Remember the column of a field, which nobody else gets from now on."""
        table, path = place
        self._found[place] = column
        self._names[table].add(column.name)
        self._fields[table][column.name] = json.dumps(path)

    def _name_of(self, node: Node, name: str, table: str) -> str:
        """The name of a new field's column: the one that it had before, else its own, else one with a suffix."""
        kept = self._columns_of.get((table, (*node.path, name)))
        if kept is not None:
            return kept
        own = "other_fields" if name == REST else column_name(name)
        # `address__v_text` is where an address stands that is no object.
        column = node.prefix + (f"field_{own}" if node.prefix and own in ("v_text", "v_json") else own)
        before = suffixed(column, name)
        if before in self._known[table] and before not in self._names[table]:
            # Loaded before fields were kept with their columns: only this field can have had that suffix.
            return before
        return free_name(column, name, self._names[table])

    def _new_column(self, node: Node, name: str, values: Sequence[Any], table: str) -> Column:
        """A column for a field that the contract does not have."""
        column = self._name_of(node, name, table)
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
            kind == "json" and name != REST,
            Inside.of(position).unknown(),
        )

    def _variants(
        self,
        column: Column,
        values: Sequence[Any],
        misfits: Sequence[int],
        build: _Rows,
        notes: Notes,
        rounded: Sequence[int] = (),
    ) -> None:
        """Keep values that do not fit their column, and those that are `rounded` there, in columns beside it."""
        table = build.shape.name
        texts: dict[Kind, list[str | None]] = {}
        for row in chain(misfits, rounded):
            value = values[row]
            kind: Kind = "json" if is_container(value) else "text"
            if column.personal:
                value = self._personal.hide_all(value, json_text)
            elif kind == "json" and not self._personal.is_open:
                value = self._personal.clean(value, json_text, column.inside)
            if value is not None:
                text = json_text(value) if kind == "json" else build.spelling.scalar(value, row)
                texts.setdefault(kind, [None] * len(values))[row] = text
        for kind, variant in texts.items():
            name = f"{column.name}__v_{kind}"
            array = pa.array(variant, pa.string())
            build.columns[name] = array if self._personal.is_open else self._without_contacts(array, column)
            self._extra[table].setdefault(name, kind)
            kept = [row for row in misfits if variant[row] is not None]
            notes.add(table, column.name, "misfit", kind, build.roots[kept].tolist())
        if rounded:
            notes.add(table, column.name, "rounded", "text", build.roots[list(rounded)].tolist())

    # ---- ids

    def _row_hashes(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """A hash of each row's content, whatever the order of its fields."""
        salt, sorted_keys = self._personal.salt, orjson.OPT_SORT_KEYS
        return [
            blake2b(json_bytes(row, float, sorted_keys), digest_size=8, key=salt).hexdigest() for row in rows
        ]

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


def _may_hold_any(together: bytes, column: Column) -> bool:
    """Whether there may be something in these values that is personal by its form."""
    if is_identifier_name(column.path[-1]):
        return EMAIL_SIGN.encode() in together or PHONE_SIGN.encode() in together
    return may_hold_any(together)


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
