"""How Arrow tables enter dlt: each with its own columns, child tables below their parents.

dlt nests only tables that it made itself out of dicts. Nested Arrow tables need two things that dlt's decorators do not
offer (dlt 1.31): a table schema that comes with the item, and a nested table that still names its resource. With them a
merge deletes and inserts children along with their root row, so a removed child disappears from the destination.

All use of dlt's private parts is in `dlt_private.py`.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from dlt.extract import DltResource
from dlt.extract.items import DataItemWithMeta
from dlt.extract.items_transform import LimitItem

from omnium_source.dlt_hints import check_hints, key_columns, with_hints
from omnium_source.dlt_private import ArrowTable, NestedTable, keep_empty_texts, mend_arrow
from omnium_source.dlt_run import WindowLimit, load_package, running
from omnium_source.errors import ConfigurationError
from omnium_source.normalize.buffer import Columns, Tables, with_required
from omnium_source.resources import Resource

log = logging.getLogger("omnium")

MERGE: dict[str, Any] = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
"""A row replaces the earlier row with its key. A window holds each key once, so dlt need not remove duplicates."""
TABLE = b"omnium_table"
"""Key in the metadata of an Arrow table that is read without a pipeline: the name of the table."""
SYSTEM_COLUMNS: Columns = {
    "_dlt_id": {"data_type": "text", "nullable": False, "row_key": True},
    "_dlt_load_id": {"data_type": "text", "nullable": True},
    "_dlt_root_id": {"data_type": "text", "nullable": False, "root_key": True},
    "_dlt_parent_id": {"data_type": "text", "nullable": False, "parent_key": True},
    "_dlt_list_idx": {"data_type": "bigint", "nullable": True},
}


mend_arrow()


class OmniumResource(DltResource):
    """A dlt resource whose items come with their own table schema. It refuses hints that it cannot follow."""

    row: Resource
    """The resource's row of the table of resources."""

    def _clone(self, **more: Any) -> Any:
        made = super()._clone(**more)
        made.row = self.row
        return made

    def apply_hints(self, table_name: Any = None, *arguments: Any, **hints: Any) -> Any:
        """Like dlt's `apply_hints`. Raises ConfigurationError for a hint that the source cannot follow."""
        names = list(inspect.signature(DltResource.apply_hints).parameters)[2:]
        given = {"table_name": table_name, **dict(zip(names, arguments, strict=False)), **hints}
        check_hints(self.row, given)
        if given.get("write_disposition") == "merge":
            given["write_disposition"] = MERGE
        if given.get("primary_key") is not None:
            given["primary_key"] = key_columns(self.row, given["primary_key"])
        return super().apply_hints(**given)

    def add_limit(
        self, max_items: int | None = None, max_time: float | None = None, count_rows: bool | None = False
    ) -> Any:
        """Stop after `max_items` windows that had rows to write, or after `max_time` seconds.

        With `count_rows`, `max_items` counts rows instead of windows. A window is always loaded with all its rows and
        their children, so a resource with a limit reads small ones, of a thousand rows if it can be split so far. Later
        runs read what is left.
        """
        self._pipe.remove_by_type(LimitItem)
        return self.add_step(WindowLimit(max_items, max_time, bool(count_rows)))

    def parallelize(self) -> Any:
        """Raise ConfigurationError: the source already reads windows side by side."""
        raise ConfigurationError(
            f"{self.name}: parallelize is not for this source, which reads windows side by side by itself\n"
            "Leave it out."
        )

    def compute_table_schema(self, item: Any = None, meta: Any = None) -> Any:
        """The table schema that comes with the item, or else dlt's."""
        if not issubclass(type(meta), ArrowTable):
            return super().compute_table_schema(item, meta)
        columns = _columns_of(item, meta)
        if meta.is_mapped and self.write_disposition not in ("append", "replace"):
            _check_ids_differ(item, meta.table_name)
        if meta.parent is None:
            hinted = super().compute_table_schema(None, None)
            return {
                **hinted,
                "name": meta.table_name,
                "columns": with_hints(columns, hinted, meta.table_name),
            }
        schema = dlt.current.source_schema()
        # The name in the destination: some destinations shorten long names.
        name, tables = schema.naming.normalize_tables_path(meta.table_name), schema.tables
        if name in tables:
            tables[name] = NestedTable(tables[name], self.name)
        return NestedTable({"name": meta.table_name, "parent": meta.parent, "columns": columns}, self.name)


def replacing(row: Resource, generate: Callable[[], Iterator[Any]]) -> DltResource:
    """The dlt resource for a row of the table; rows that `generate` yields (`items`) replace rows with the same id."""
    return ordinary(
        dlt.resource(generate, name=row.name, write_disposition=MERGE, primary_key="_dlt_id"), row
    )


def ordinary(resource: DltResource, row: Resource) -> DltResource:
    """Turn a dlt resource into an `OmniumResource` with its row of the table."""
    resource.__class__ = OmniumResource
    resource.row = row
    return resource


def _columns_of(item: Any, meta: ArrowTable) -> Columns:
    """The columns of a table at the end of dlt's pipe: a map may have added, dropped or changed some."""
    columns = {name: dict(column) for name, column in meta.columns.items()}
    if not meta.is_mapped or not isinstance(item, pa.Table):
        return columns
    required = ("_dlt_id",) if meta.parent is None else ("_dlt_id", "_dlt_parent_id", "_dlt_root_id")
    if missing := [name for name in required if name not in item.column_names]:
        raise ConfigurationError(
            f"a map left {', '.join(missing)} out of {meta.table_name}: without it rows cannot be replaced. Keep it."
        )
    came = py_arrow_to_table_schema_columns(item.schema)
    return {
        name: columns[name] if _is_same_type(columns.get(name), came[name]) else came[name]
        for name in item.column_names
    }


def _check_ids_differ(item: Any, table_name: str) -> None:
    """Raise ConfigurationError if a map duplicated rows: this source's merge does not remove duplicates (`MERGE`)."""
    if not isinstance(item, pa.Table):
        return
    doubled = item.num_rows - pc.count_distinct(item["_dlt_id"]).as_py()
    if doubled:
        raise ConfigurationError(
            f"a map gave {doubled:,} rows of {table_name} the _dlt_id of another row, and only one can be kept. "
            'Hand each on once, or ask for write_disposition "append".'
        )


def _is_same_type(known: Mapping[str, Any] | None, came: Mapping[str, Any]) -> bool:
    if known is None:
        return False
    return known["data_type"] == came.get("data_type") or (
        known["data_type"] == "json" and came.get("data_type") == "text"
    )


def items(tables: Tables, root: str) -> Iterator[DataItemWithMeta]:
    """What a resource yields for the tables of a window.

    Rows in files come as tables too, as dlt's maps, filters and schema contracts see only those. Rows of the root table
    get the id of the load package, which is known only now.
    """
    keep_empty_texts()
    package = load_package()
    load_id = str(package["load_id"]) if package else None
    schema, name_of = dlt.current.source_schema(), _renaming(root)
    known, naming = schema.tables, schema.naming
    is_mapped = any(not isinstance(step, WindowLimit) for step in dlt.current.pipe().steps[1:])
    for part in tables.parts:
        hints, name = tables.hints[part.name], name_of(part.name)
        parent = None if part.name == root else parent_of(name, name_of(root), known)
        doubled = _doubled(part.schema.names, naming)
        for table in part.tables():
            table = table.drop_columns(doubled)
            if parent is None and load_id is not None:
                stamp = pa.repeat(pa.scalar(load_id, pa.string()), table.num_rows)
                table = table.append_column("_dlt_load_id", stamp)
            table = with_required(table)
            if load_id is None:
                table = table.replace_schema_metadata({TABLE: name})
            columns = _columns(table.column_names, hints)
            yield DataItemWithMeta(ArrowTable(name, parent, columns, is_mapped), table)


def _renaming(root: str) -> Callable[[str], str]:
    """A function from a table's name in the contract to its name in dlt, which hints may have changed."""
    wanted = str(running().table_name)
    return lambda name: f"{wanted}{name.removeprefix(root)}"


def _doubled(names: Iterable[str], naming: Any) -> list[str]:
    """Columns that are present twice: under their full name, and under a name that the destination shortened.

    The shortened one comes from the schema of an earlier run, and holds nothing that the other lacks.
    """
    if naming.max_length is None:
        return []
    shortened = {naming.normalize_path(name) for name in names if len(name) > naming.max_length}
    return [name for name in names if name in shortened]


def _columns(names: Iterable[str], hints: Columns) -> Columns:
    return {name: {"name": name, **(SYSTEM_COLUMNS.get(name) or hints[name])} for name in names}


def parent_of(name: str, root: str, known: Mapping[str, Any]) -> str:
    """The parent of a child table: the known table with the longest name that the child's name begins with."""
    parents = [table for table in known if name.startswith(f"{table}__") and table.startswith(root)]
    return max(parents, key=len, default=root)
