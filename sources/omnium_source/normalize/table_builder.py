"""Builds the tables of one batch: objects become columns, field by field.

TableBuilder    one table, and those below it
Work            what the tables of a batch share
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.json_values import is_container, json_text
from omnium_source.normalize import private_values
from omnium_source.normalize.batch import Batch
from omnium_source.normalize.columns import ARROW, FITS, Kind, kind_of
from omnium_source.normalize.drift import Notes
from omnium_source.normalize.found_columns import NEW_COLUMNS, REST, FoundColumns, Place
from omnium_source.normalize.schema import (
    ID,
    LIST_IDX,
    PARENT_ID,
    ROOT_ID,
    Child,
    Column,
    Node,
    TableShape,
)
from omnium_source.normalize.spelling import Spelling
from omnium_source.pii.masking import Inside, PersonalData, is_name_of_value
from omnium_source.pii.vocabulary import is_personal_name

Objects = Sequence[dict[str, Any]]
_NOTHING: dict[str, Any] = {}
MOST_NAMES = 2 * NEW_COLUMNS
"""Most names of fields in the objects of a batch that all become lists of values, one for each object. If names are
data, an id in each object, those lists would take the square of the number of objects."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the tables of a batch share: shapes, rules for personal data, columns that were found, and the drift."""

    tables: Mapping[str, TableShape]
    personal: PersonalData
    found: FoundColumns
    notes: Notes


@dataclass(frozen=True, slots=True)
class _Below:
    """A list of objects: the rows of a child table, each with its parent's row and its position in the list."""

    table: "TableBuilder"
    objects: Objects
    parents: np.ndarray
    places: np.ndarray


@dataclass(slots=True)
class TableBuilder:
    """A table in the making: `roots[i]` is the root row that row i belongs to, `columns` are those made so far."""

    shape: TableShape
    roots: np.ndarray
    spelling: Spelling
    work: Work
    columns: dict[str, pa.Array] = field(default_factory=dict)
    _below: list[_Below] = field(default_factory=list)
    _watched: dict[str, Column] = field(default_factory=dict)

    # -- objects, field by field -------------------------------------------------------------------

    def add(self, node: Node, objects: Objects) -> None:
        """Put all fields of these objects, one object for each row of the table, into columns."""
        values_of, others = _turned(objects, lambda names: self._apart(node, names))
        for name, values in values_of.items():
            target = node.fields.get(name)
            if type(target) is Column:
                self._column(target, values, values_of)
            elif type(target) is Node:
                self._nested(target, values)
            elif type(target) is Child:
                self._list(target, values)
        new = sorted(values_of.keys() - node.fields.keys() - node.ignored)
        if node.is_closed:
            new = [name for name in new if not node.ignores(name)]
        rest = [
            name for name in new if name == REST or not self._unknown(node, name, values_of[name], values_of)
        ]
        if rest or (others and not node.is_closed):
            together = [
                {name: values_of[name][row] for name in rest if values_of[name][row] is not None} | other
                for row, other in enumerate(others or [_NOTHING] * len(objects))
            ]
            self._unknown(node, REST, [one or None for one in together])

    def _apart(self, node: Node, names: Iterable[str]) -> set[str]:
        """The names among these, more than `MOST_NAMES`, that have no column and can get none."""
        new = set(names) - node.fields.keys() - node.ignored
        if node.is_closed:
            return {name for name in new if node.ignores(name)}
        has_column = self.work.found.has_column
        return set(sorted(name for name in new if not has_column(node, name, self.shape.name))[MOST_NAMES:])

    def _nested(self, node: Node, values: Sequence[Any]) -> None:
        types = set(map(type, values))
        if dict in types:
            self.add(node, [value if type(value) is dict else _NOTHING for value in values])
        if types - {dict, type(None)}:
            misfits = [
                row for row, value in enumerate(values) if value is not None and type(value) is not dict
            ]
            column = Column(node.prefix[:-2], node.path, "json", node.personal, None, True)
            self._variants(column, values, misfits)

    def _list(self, child: Child, values: Sequence[Any]) -> None:
        types = set(map(type, values))
        if types - {list, type(None)}:
            misfits = [
                row for row, value in enumerate(values) if value is not None and type(value) is not list
            ]
            self._variants(child.column, values, misfits)
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
            # dlt's own name for the column of bare values in a list.
            rows = [row if type(row) is dict else {"value": row} for row in rows if row is not None]
            parents, places = parents[kept], places[kept]
            if not rows:
                return
        roots = self.roots[parents]
        shape = self.work.tables[child.table]
        below = TableBuilder(shape, roots, self.spelling.of(roots), self.work)
        self._below.append(_Below(below, rows, parents, places))

    def _column(
        self, column: Column, values: Sequence[Any], siblings: Mapping[str, Sequence[Any]] = _NOTHING
    ) -> None:
        personal = self.work.personal
        if column.personal and column.kind in ("text", "json"):
            self.columns[column.name] = private_values.hidden(personal, column, values, self.spelling)
            return
        if column.personal and column.kind != "boolean":
            # A hash does not fit the type of a column that an earlier run filled with plain values.
            self._variants(column, values, [row for row, value in enumerate(values) if value is not None])
            return
        is_watched = column.watched
        if column.sibling is not None and column.sibling in siblings:
            values = private_values.by_sibling(personal, column, values, siblings)
            is_watched &= column.sibling != "key"
        if column.kind == "json" and not personal.is_open:
            values = private_values.cleaned(personal, column, values)
            is_watched = False
        fit = FITS[column.kind](values, self.spelling)
        self._put(column.name, fit.array, column if is_watched else None)
        if fit.misfits or fit.rounded:
            self._variants(column, values, fit.misfits, fit.rounded)
        if fit.clamped:
            self._note(column.name, "clamped", column.kind, fit.clamped)

    def _put(self, name: str, array: pa.Array, watched: Column | None) -> None:
        """Set a column of the table; if `watched`, e-mail addresses and phone numbers in it are masked at the end."""
        self.columns[name] = array
        if watched is not None:
            self._watched[name] = watched

    # -- drift -------------------------------------------------------------------------------------

    def _unknown(
        self, node: Node, name: str, values: Sequence[Any], siblings: Mapping[str, Sequence[Any]] = _NOTHING
    ) -> bool:
        """Put a field that the contract does not have into a column; False if it has to go into `other_fields`."""
        if all(value is None for value in values):
            return True
        found, place = self.work.found, (self.shape.name, (*node.path, name))
        column = found.column(place)
        if column is None:
            if not found.has_room(node, name, self.shape.name):
                return False
            column = self._new_column(node, place, values)
            found.take(place, column)
        if column.personal and self.work.personal.mode == "exclude":
            return True
        found.add(self.shape.name, column.name, column.kind)
        self._column(column, values, siblings)
        if found.kind_known(self.shape.name, column.name) is None:
            present = [row for row, value in enumerate(values) if value is not None]
            self._note(column.name, "new_field", column.kind, present)
        return True

    def _new_column(self, node: Node, place: Place, values: Sequence[Any]) -> Column:
        """A column for a field that the contract does not have."""
        name, position, is_open = place[1][-1], node.position, self.work.personal.is_open
        column = self.work.found.name_for(node, name, self.shape)
        personal = is_personal_name(name, position.describes_person, position.is_company)
        # A bare value in a list of persons is a person, too.
        personal |= name == "value" and not node.path and position.describes_person
        personal &= not is_open
        known = self.work.found.kind_known(self.shape.name, column)
        kind = known or kind_of(values)
        if personal and not known and kind not in ("json", "boolean"):
            kind = "text"
        return Column(
            column,
            place[1],
            kind,
            personal and kind != "json",
            position.sibling("value") if is_name_of_value(name) and not is_open else None,
            not is_open and position.may_hold_contacts(name),
            kind == "json" and name != REST,
            Inside.of(position).unknown(),
        )

    def _variants(
        self, column: Column, values: Sequence[Any], misfits: Sequence[int], rounded: Sequence[int] = ()
    ) -> None:
        """Keep values that do not fit their column, and those that are `rounded` in it, in columns beside it."""
        personal = self.work.personal
        texts: dict[Kind, list[str | None]] = {}
        for row in chain(misfits, rounded):
            value = values[row]
            kind: Kind = "json" if is_container(value) else "text"
            if column.personal:
                value = personal.hide_all(value)
            elif kind == "json" and not personal.is_open:
                value = personal.clean(value, column.inside)
            if value is not None:
                text = json_text(value) if kind == "json" else self.spelling.scalar(value, row)
                texts.setdefault(kind, [None] * len(values))[row] = text
        for kind, variant in texts.items():
            name, array = f"{column.name}__v_{kind}", pa.array(variant, pa.string())
            self._put(name, array, None if personal.is_open else column)
            self.work.found.add(self.shape.name, name, kind)
            self._note(column.name, "misfit", kind, [row for row in misfits if variant[row] is not None])
        if rounded:
            self._note(column.name, "rounded", "text", rounded)

    def _note(self, column: str, what: Any, example_type: str, rows: Sequence[int]) -> None:
        self.work.notes.add(self.shape.name, column, what, example_type, self.roots[list(rows)].tolist())

    # -- assembling --------------------------------------------------------------------------------

    def finish(self, ids: pa.Array, root_ids: pa.Array, batch: Batch) -> None:
        """Complete this table and all tables below it, and put them into the batch."""
        count, columns = len(self.roots), self.columns
        watched = [(column, columns[name]) for name, column in self._watched.items()]
        columns |= zip(
            self._watched, private_values.without_contacts(self.work.personal, watched), strict=True
        )
        columns[ID.name] = ids
        schema = self.work.found.schema(self.shape)
        empty = {kind: pa.nulls(count, kind) for kind in ARROW.values()}
        arrays = [
            columns[name] if name in columns else empty[kind]
            for name, kind in zip(schema.names, schema.types, strict=True)
        ]
        batch.tables[self.shape.name] = pa.Table.from_arrays(arrays, schema=schema)
        batch.roots[self.shape.name] = self.roots
        for below in self._below:
            table = below.table
            table.add(table.shape.node, below.objects)
            parent_ids, positions = ids.take(pa.array(below.parents)), pa.array(below.places)
            own_ids = pc.binary_join_element_wise(parent_ids, positions.cast(pa.string()), "_")
            table.columns[PARENT_ID.name] = parent_ids
            table.columns[ROOT_ID.name] = root_ids.take(pa.array(table.roots))
            table.columns[LIST_IDX.name] = positions
            table.finish(own_ids, root_ids, batch)


def _turned(
    objects: Objects, apart: Callable[[Iterable[str]], set[str]]
) -> tuple[Mapping[str, Sequence[Any]], Objects]:
    """Transpose objects: field → its value in each object, None if an object lacks the field.

    If the objects have more than `MOST_NAMES` names, those that `apart` picks are left together in an object for each
    object, the second result, which is empty otherwise.
    """
    names, values = list(objects[0]), list[Any]()
    # All values go into one list, which is sliced with a stride: the processor reads ahead, as it cannot in
    # rows that take turns.
    for row in objects:
        if list(row) != names:
            break
        values += row.values()
    else:
        return _cut(values, names), ()
    lacking, others = dict.fromkeys(chain.from_iterable(objects)), list[dict[str, Any]]()
    values = []
    if len(lacking) > MOST_NAMES and (picked := apart(lacking)):
        others = [
            {name: value for name, value in row.items() if name in picked and value is not None}
            for row in objects
        ]
        objects = [{name: value for name, value in row.items() if name not in picked} for row in objects]
        lacking = {name: None for name in lacking if name not in picked}
    for row in objects:
        values += (lacking | row).values()
    return _cut(values, list(lacking)), others


def _cut(values: list[Any], names: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """The values by field, from a list that holds those of one object after another."""
    return {name: values[place :: len(names)] for place, name in enumerate(names)}
