"""The columns of a resource that the contract does not have: for unknown fields, and for values of another type.

FoundColumns    those that the destination has, and those that pages have made necessary since
Found           what one batch added to them
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from omnium_source.normalize.columns import Kind
from omnium_source.normalize.naming import OWN_PREFIXES, column_name, free_name, suffixed
from omnium_source.normalize.schema import FIELD, KINDS, Column, Node, TableShape, arrow_field, hints_of

NEW_COLUMNS = 300
"""Fields that the contract does not have, as columns of one table; some destinations allow 1,600 columns in all.
Further fields go into one column of JSON, `other_fields`."""
REST = "*"
"""Stands for those further fields in place of a field's name."""

Known = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Table → column → its hints, as dlt knows them of the destination."""
Place = tuple[str, tuple[str, ...]]
"""Where a field stands: its table, and its path from the table's row."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch added: the columns of fields that the contract lacks, and the kind of every new column."""

    fields: dict[Place, Column] = field(default_factory=dict)
    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.kinds)


@dataclass(slots=True)
class FoundColumns:
    """Columns that the contract does not have, table by table.

    A column that an earlier run added keeps its type and its field (the hint `FIELD`). `added`: what was added since
    this object was made or copied.
    """

    _known: dict[str, dict[str, Kind]]
    _kinds: dict[str, dict[str, Kind]]
    _paths: dict[str, dict[str, str]]
    """Table → column → the path of its field, as JSON."""
    _names: dict[Place, str]
    """The columns of the destination whose field is known."""
    _fields: dict[Place, Column] = field(default_factory=dict)
    added: Found = field(default_factory=Found)

    @classmethod
    def of(cls, tables: Mapping[str, TableShape], known: Known | None = None) -> "FoundColumns":
        """Those that the destination has in addition to the columns of the contract's `tables`."""
        kinds: dict[str, dict[str, Kind]] = {}
        paths: dict[str, dict[str, str]] = {}
        for name, table in tables.items():
            own, columns = set(table.schema.names), (known or {}).get(name, {})
            kinds[name] = {
                column: KINDS.get(hints["data_type"], "text")
                for column, hints in columns.items()
                if "data_type" in hints and column not in own and not column.startswith(OWN_PREFIXES)
            }
            paths[name] = {
                column: columns[column][FIELD] for column in kinds[name] if FIELD in columns[column]
            }
        names = {
            (table, tuple(json.loads(path))): column
            for table, columns in paths.items()
            for column, path in columns.items()
        }
        return cls(kinds, {name: dict(columns) for name, columns in kinds.items()}, paths, names)

    def copy(self) -> "FoundColumns":
        """A copy, to which nothing has been added yet."""
        return replace(
            self,
            _kinds={name: dict(columns) for name, columns in self._kinds.items()},
            _paths={name: dict(columns) for name, columns in self._paths.items()},
            _fields=dict(self._fields),
            added=Found(),
        )

    def merge(self, found: Found) -> bool:
        """Take over what a batch added. Returns False, and takes nothing, if that contradicts the columns found so far.

        Batches become tables side by side: two of them may meet the same field for the first time, and choose different
        kinds or names for its column.
        """
        news = [place for place in found.fields if place not in self._fields]
        fits = (
            all(self._fields.get(place, column) == column for place, column in found.fields.items())
            and all(
                self._paths[place[0]].get(found.fields[place].name, path_text(place)) == path_text(place)
                for place in news
            )
            and all(self._kinds[table].get(name, kind) == kind for (table, name), kind in found.kinds.items())
            and all(
                len(self._paths[table]) + sum(place[0] == table for place in news) <= NEW_COLUMNS + 1
                for table in {place[0] for place in news}
            )
        )
        if fits:
            for place, column in found.fields.items():
                self.take(place, column)
            for (table, name), kind in found.kinds.items():
                self.add(table, name, kind)
        return fits

    def take(self, place: Place, column: Column) -> None:
        """Remember the column of a field; no other field gets it from now on."""
        self._fields[place] = self.added.fields[place] = column
        self._paths[place[0]][column.name] = path_text(place)

    def add(self, table: str, column: str, kind: Kind) -> None:
        """Add a column to the table."""
        if column not in self._kinds[table]:
            self._kinds[table][column] = self.added.kinds[table, column] = kind

    def column(self, place: Place) -> Column | None:
        """The column of a field, None if it has none yet."""
        return self._fields.get(place)

    def kind_known(self, table: str, column: str) -> Kind | None:
        """The kind of a column that the destination has, None if it lacks the column."""
        return self._known[table].get(column)

    def has_room(self, node: Node, name: str, table: str) -> bool:
        """Whether the table has a column for this field, or room for another one."""
        return len(self._paths[table]) < NEW_COLUMNS or name == REST or self.has_column(node, name, table)

    def has_column(self, node: Node, name: str, table: str) -> bool:
        """Whether the table has a column for this field."""
        place = (table, (*node.path, name))
        is_known = place in self._fields or place in self._names
        return is_known or node.prefix + column_name(name) in self._known[table]

    def name_for(self, node: Node, name: str, table: TableShape) -> str:
        """The name of a new field's column: the one it had before, else its own, else one with a suffix."""
        kept = self._names.get((table.name, (*node.path, name)))
        if kept is not None:
            return kept
        own = "other_fields" if name == REST else column_name(name)
        # `address__v_text` holds an address that is not an object.
        column = node.prefix + (f"field_{own}" if node.prefix and own in ("v_text", "v_json") else own)
        before, taken = suffixed(column, name), {*table.schema.names, *self._paths[table.name]}
        if before in self._known[table.name] and before not in taken:
            # It was loaded before fields were kept with their columns: only this field can have had that
            # suffix.
            return before
        return free_name(column, name, taken)

    def schema(self, table: TableShape) -> pa.Schema:
        """All columns of a table."""
        more = self._kinds[table.name]
        if not more:
            return table.schema
        return pa.schema([*table.schema, *(arrow_field(name, kind) for name, kind in more.items())])

    def hints(self, table: TableShape) -> dict[str, dict[str, Any]]:
        """All columns of a table as dlt describes them, with the fields of those that the contract lacks."""
        hints = hints_of(self.schema(table))
        for column, path in self._paths[table.name].items():
            if column in hints:
                hints[column][FIELD] = path
        return hints


def path_text(place: Place) -> str:
    """A field's path from its row, as the hint `FIELD` holds it."""
    return json.dumps(place[1])
