"""A package in one transaction of DuckDB's, without what dlt does for each table of it.

dlt makes of each table a file, a job, a staging table that is emptied, filled and merged from, and looks several times
at the schemas of all of them: fifteen seconds of CPU for 130 rows in 540 tables. Here rows are replaced by their keys
and come straight from where they lie, with the receipts, the state and the row of `_dlt_loads`: all of it or nothing.

Package     what goes in together
fits        whether the destination has all of its tables and columns already; dlt makes what it lacks
put         puts it in
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from omnium_source.dlt_adapter import SYSTEM_COLUMNS
from omnium_source.dlt_private import nested_tables
from omnium_source.normalize.buffer import Columns, Part, Tables

from omnium_elt.warehouse.database import RAW, literal, transaction
from omnium_elt.warehouse.database import tables as tables_of

LOAD_ID = "_dlt_load_id"


@dataclass(frozen=True)
class Package:
    """What goes in together: each resource's tables, parents before children, and its state afterwards."""

    rows: Mapping[str, Tables]
    states: Mapping[str, Mapping[str, Any]]
    mark: str
    """How personal data are treated (`PersonalData.mark`)."""
    beside: Mapping[str, pa.Table] = field(default_factory=dict)
    """Receipts and the like, which are only added."""
    new: Collection[str] = ()
    """Resources none of whose rows can be there yet: nothing is looked for to be replaced."""

    def columns(self) -> Iterator[tuple[str, pa.Schema, Columns]]:
        """Each table's columns as they come, with dlt's hints as far as there are any."""
        for root, tables in self.rows.items():
            for part in tables.parts:
                schema = part.schema
                yield part.name, schema if part.name != root else _stamped(schema), tables.hints[part.name]
        for name, table in self.beside.items():
            yield name, _stamped(table.schema), {}


def _stamped(schema: pa.Schema) -> pa.Schema:
    return schema if LOAD_ID in schema.names else schema.append(pa.field(LOAD_ID, pa.string()))


def fits(connection: Any, package: Package, known: Mapping[str, Any]) -> bool:
    """Whether all tables and columns are there, of the types that they come as. `known`: dlt's schemas of tables."""
    there = tables_of(connection)
    for table, schema, hints in package.columns():
        columns, described = there.get(table, {}), known.get(table, {}).get("columns", {})
        for column in schema:
            if column.name not in columns or pa.types.is_null(column.type):
                return False
            hinted = described.get(column.name)
            wanted = {} if column.name in SYSTEM_COLUMNS else hints.get(column.name, {})
            if hinted is None or any(hinted.get(name) != value for name, value in wanted.items()):
                return False
    return True


def put(
    connection: Any,
    package: Package,
    known: Mapping[str, Any],
    load_id: str,
    rows_of_dlt: Mapping[str, Mapping[str, Any]],
) -> None:
    """Replace the rows of a package that `fits`, and add what comes beside, and the rows of dlt's own tables."""
    with closing(connection.cursor()) as cursor, transaction(cursor):
        there = tables_of(cursor)
        for root, tables in package.rows.items():
            if root not in package.new:
                _delete(cursor, root, tables.parts, [name for name in _family(known, root) if name in there])
            for part in tables.parts:
                _insert(cursor, part, load_id if part.name == root else None)
        for name, table in package.beside.items():
            _insert(cursor, Part(name, table.num_rows, table), load_id)
        for name, row in rows_of_dlt.items():
            _add(cursor, name, row)


def _add(cursor: Any, table: str, row: Mapping[str, Any]) -> None:
    """Add one row of dlt's."""
    names, marks = ", ".join(f'"{column}"' for column in row), ", ".join("?" for _ in row)
    cursor.execute(f'insert into {RAW}."{table}" ({names}) values ({marks})', list(row.values()))


def _family(known: Mapping[str, Any], root: str) -> list[str]:
    """A root table and all below it."""
    return [str(table["name"]) for table in nested_tables(known, root)]


def _delete(cursor: Any, root: str, parts: Sequence[Part], family: Sequence[str]) -> None:
    """Take away the rows that come again, with their children: also those that the new version has no more."""
    keys = [table.column("_dlt_id") for part in parts if part.name == root for table in part.tables()]
    if not keys:
        return
    cursor.register(
        "keys_of_package", pa.table({"id": pa.chunked_array([one for some in keys for one in some.chunks])})
    )
    for name in family:
        column = "_dlt_id" if name == root else "_dlt_root_id"
        cursor.execute(f'delete from {RAW}."{name}" where {column} in (select id from keys_of_package)')
    cursor.unregister("keys_of_package")


def _insert(cursor: Any, part: Part, load_id: str | None) -> None:
    """Add rows of one table; of a root table with the package's id."""
    stamp = "" if load_id is None else f", {literal(load_id)} as {LOAD_ID}"
    if part.table is None:
        cursor.execute(
            f'insert into {RAW}."{part.name}" by name select *{stamp} from read_parquet(?)', [str(part.path)]
        )
        return
    cursor.register("rows_of_package", part.table)
    cursor.execute(f'insert into {RAW}."{part.name}" by name select *{stamp} from rows_of_package')
    cursor.unregister("rows_of_package")
