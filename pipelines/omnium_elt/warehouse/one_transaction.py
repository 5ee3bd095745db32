"""Loads a package in one DuckDB transaction, without the work that dlt does for each table.

For each table, dlt writes a file, runs a job, empties and fills a staging table, merges from it, and reads the schemas
of all tables several times: fifteen seconds of CPU for 130 rows in 540 tables. This module replaces rows by their keys,
straight from Arrow or Parquet. Receipts, state and the row of `_dlt_loads` are part of the same transaction.

Package     what is loaded together
lacking     the tables and columns that the destination lacks; None if dlt has to load the package
put         loads the package
family      a root table and the tables below it
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from omnium_source.dlt_adapter import SYSTEM_COLUMNS, parent_of
from omnium_source.dlt_private import nested_tables
from omnium_source.normalize.buffer import Columns, Part, Tables

from omnium_elt.warehouse.database import RAW, literal, transaction
from omnium_elt.warehouse.database import tables as tables_of

LOAD_ID = "_dlt_load_id"
ROOT_KEY = "_dlt_id"
"""Primary key of all root tables."""
TableSchema = dict[str, Any]
"""A table, or some columns of one, as dlt describes it."""


@dataclass(frozen=True)
class Package:
    """What is loaded together: the tables of each resource, parents before children, and its state afterwards."""

    rows: Mapping[str, Tables]
    states: Mapping[str, Mapping[str, Any]]
    mark: str
    """How personal data are treated (`PersonalData.mark`)."""
    beside: Mapping[str, pa.Table] = field(default_factory=dict)
    """Receipts and odd values by table; their rows are only added."""

    def columns(self) -> Iterator[tuple[str, str, pa.Schema, Columns]]:
        """The root, name, Arrow schema and dlt's hints of each table."""
        for root, tables in self.rows.items():
            for part in tables.parts:
                schema = part.schema if part.name != root else _stamped(part.schema)
                yield root, part.name, schema, tables.hints[part.name]
        for name, table in self.beside.items():
            yield name, name, _stamped(table.schema), _hints_of(table.schema)


def _hints_of(schema: pa.Schema) -> Columns:
    """dlt's hints for the columns of a table; without `precision`, as dlt's schemas omit the default (microseconds)."""
    return {
        name: {hint: value for hint, value in column.items() if hint != "precision"}
        for name, column in py_arrow_to_table_schema_columns(schema).items()
    }


def _stamped(schema: pa.Schema) -> pa.Schema:
    return schema if LOAD_ID in schema.names else schema.append(pa.field(LOAD_ID, pa.string()))


def lacking(connection: Any, package: Package, known: Mapping[str, Any]) -> dict[str, TableSchema] | None:
    """The tables and columns that the destination lacks, by table, as dlt describes them; parents before children.

    None if a table or column differs from the package's, or from dlt's schemas (`known`): dlt then has to load the
    package.
    """
    there, found = tables_of(connection), dict[str, TableSchema]()
    for root, table, schema, hints in package.columns():
        columns, described = there.get(table, {}), known.get(table, {}).get("columns", {})
        if (table in there) != (table in known):
            return None
        if table not in there and table not in found:
            found[table] = _new_table(table, root, {**known, **found})
        for column in schema:
            name = column.name
            wanted = SYSTEM_COLUMNS.get(name) or hints.get(name, {})
            if pa.types.is_null(column.type) or (name in columns) != (name in described):
                return None
            if name not in columns:
                if "data_type" not in wanted:
                    return None
                lacks = found.setdefault(table, {"name": table, "columns": {}})
                is_key = table == root and name == ROOT_KEY
                lacks["columns"][name] = {"name": name, **wanted, **({"primary_key": True} if is_key else {})}
            elif name not in SYSTEM_COLUMNS and any(
                described[name].get(hint) != value for hint, value in wanted.items()
            ):
                return None
    return found


def _new_table(name: str, root: str, known: Mapping[str, Any]) -> TableSchema:
    """A table without columns, as dlt describes a table to which rows were appended."""
    seen = {"x-normalizer": {"seen-data": True}}
    if name == root:
        of_root = {"write_disposition": "append", "file_format": "parquet", "resource": name}
        return {"name": name, "columns": {}, **of_root, **seen}
    return {"name": name, "columns": {}, "parent": parent_of(name, root, known), **seen}


def put(
    connection: Any,
    package: Package,
    known: Mapping[str, Any],
    load_id: str,
    rows_of_dlt: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Replace the rows of a package, and add the rows beside it and those of dlt's own tables.

    Its tables and columns must exist. Returns whether any row was replaced.
    """
    has_replaced = False
    with closing(connection.cursor()) as cursor, transaction(cursor):
        there = tables_of(cursor)
        for root, tables in package.rows.items():
            has_replaced |= _delete(cursor, root, tables.parts, family(known, root, there))
            for name, parts in _by_table(tables.parts).items():
                _insert(cursor, name, parts, load_id if name == root else None)
        for name, table in package.beside.items():
            _insert(cursor, name, [Part(name, table.num_rows, table)], load_id)
        for name, row in rows_of_dlt.items():
            _add(cursor, name, row)
    return has_replaced


def _add(cursor: Any, table: str, row: Mapping[str, Any]) -> None:
    """Add one row to one of dlt's own tables."""
    names, marks = ", ".join(f'"{column}"' for column in row), ", ".join("?" for _ in row)
    cursor.execute(f'insert into {RAW}."{table}" ({names}) values ({marks})', list(row.values()))


def family(known: Mapping[str, Any], root: str, there: Container[str]) -> list[str]:
    """A root table and all tables below it that are in `there`."""
    return [name for table in nested_tables(known, root) if (name := str(table["name"])) in there]


def _delete(cursor: Any, root: str, parts: Sequence[Part], names: Sequence[str]) -> bool:
    """Delete existing rows with the keys of the new ones, and all their children, also those that do not come again.

    Returns whether there were any. `names`: the root table, and the tables below it.
    """
    keys = [part.column("_dlt_id") for part in parts if part.name == root]
    if not keys:
        return False
    cursor.register(
        "keys_of_package", pa.table({"id": pa.chunked_array([one for some in keys for one in some.chunks])})
    )
    are_there = False
    for name in names:
        column = "_dlt_id" if name == root else "_dlt_root_id"
        deleted = f'delete from {RAW}."{name}" where {column} in (select id from keys_of_package)'
        ((count,),) = cursor.execute(deleted).fetchall()
        if name == root and not count:
            break  # mostly a first load: the tables below it need not be searched
        are_there = True
    cursor.unregister("keys_of_package")
    return are_there


def _by_table(parts: Sequence[Part]) -> dict[str, list[Part]]:
    of_table: dict[str, list[Part]] = {}
    for part in parts:
        of_table.setdefault(part.name, []).append(part)
    return of_table


def _insert(cursor: Any, name: str, parts: Sequence[Part], load_id: str | None) -> None:
    """Add rows to one table; with `load_id`, each row is stamped with it.

    One statement reads all files in parallel, another one all tables in memory.
    """
    stamp = "" if load_id is None else f", {literal(load_id)} as {LOAD_ID}"
    into = f'insert into {RAW}."{name}" by name select *{stamp} from'
    if files := [str(part.path) for part in parts if part.table is None]:
        cursor.execute(f"{into} read_parquet(?, union_by_name = true)", [files])
    if tables := [part.table for part in parts if part.table is not None]:
        cursor.register("rows_of_package", pa.concat_tables(tables, promote_options="default"))
        cursor.execute(f"{into} rows_of_package")
        cursor.unregister("rows_of_package")
