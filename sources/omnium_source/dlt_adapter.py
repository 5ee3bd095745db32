"""How Arrow tables enter dlt: each with the exact columns of its shape, children below their parents.

dlt nests only tables that it made itself out of dicts. Handing it nested Arrow tables needs two things that
its decorators do not offer (dlt 1.31): a table schema that comes with the item, and a nested table that still
tells which resource it belongs to. With them a merge deletes and inserts children along with their root row,
so that a removed child disappears and an emptied list leaves nothing.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.metrics import DataWriterMetrics
from dlt.extract import DltResource
from dlt.extract.extractors import ImportFileMeta
from dlt.extract.items import DataItemWithMeta, TableNameMeta

from omnium_source.normalize.buffer import Columns, Part, Tables, with_required

MERGE: dict[str, Any] = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
"""A row that comes again replaces the one before it. Windows bring each key once, so dlt need not look."""
APPEND = "append"
"""For rows that are not in the destination yet: half the work of a merge."""
FILES = b"omnium_files"
"""Where a Parquet file says which others it stands for."""
SYSTEM_COLUMNS: Columns = {
    "_dlt_id": {"data_type": "text", "nullable": False, "row_key": True},
    "_dlt_load_id": {"data_type": "text", "nullable": True},
    "_dlt_root_id": {"data_type": "text", "nullable": False, "root_key": True},
    "_dlt_parent_id": {"data_type": "text", "nullable": False, "parent_key": True},
    "_dlt_list_idx": {"data_type": "bigint", "nullable": True},
}


class _OursIsRight(logging.Filter):
    """dlt warns for each batch whose hints say more than its Arrow types, as they do of JSON in a string."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "several column hints were different" not in str(record.msg)


logging.getLogger("dlt").addFilter(_OursIsRight())


class _NestedTable(dict[str, Any]):
    """The schema of a nested table, which knows its resource without saying so.

    dlt asks a table it counts rows for `table["resource"]`, and refuses to merge a nested one where
    `table.get("resource")` answers.
    """

    def __init__(self, table: Mapping[str, Any], resource: str) -> None:
        super().__init__(table)
        self._resource = resource

    def __missing__(self, key: str) -> str:
        if key == "resource":
            return self._resource
        raise KeyError(key)


class _Table(TableNameMeta):
    """Goes with an Arrow table: its name, its parent's, and its columns."""

    def __init__(self, name: str, parent: str | None, columns: Columns) -> None:
        super().__init__(name)
        self.parent, self.columns = parent, columns


class _File(_Table):
    """Stands for a Parquet file, which dlt takes over as it is.

    dlt asks both kinds of its `meta` objects with isinstance, and its classes do not let one inherit from both.
    """

    hints = None
    file_format = "parquet"

    def __init__(self, name: str, parent: str | None, columns: Columns, part: Part) -> None:
        super().__init__(name, parent, columns)
        self.file_path = str(part.path)
        self.metrics = DataWriterMetrics(self.file_path, part.rows, 0, 0, 0)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ImportFileMeta


class OmniumResource(DltResource):
    """A dlt resource whose items bring their own table schema."""

    def compute_table_schema(self, item: Any = None, meta: Any = None) -> Any:
        """The schema of the item's own table, where it brings one."""
        if not issubclass(type(meta), _Table):
            return super().compute_table_schema(item, meta)
        columns = {name: dict(column) for name, column in meta.columns.items()}
        if meta.parent is None:
            return {**super().compute_table_schema(item, None), "name": meta.table_name, "columns": columns}
        schema = dlt.current.source_schema()
        # The name there: some destinations have no room for all of it.
        name, tables = schema.naming.normalize_tables_path(meta.table_name), schema.tables
        if name in tables:
            tables[name] = _NestedTable(tables[name], self.name)
        return _NestedTable({"name": meta.table_name, "parent": meta.parent, "columns": columns}, self.name)


def items(tables: Tables, root: str) -> Iterator[DataItemWithMeta]:
    """What a resource yields for the tables of a window.

    The root's rows carry the package's id, which is known only now: a file of theirs is written a second time.
    """
    load_id = dlt.current.load_package_state()["load_id"]
    known, naming = dlt.current.source_schema().tables, dlt.current.source_schema().naming
    for part in tables.parts:
        hints = tables.hints[part.name]
        parent = None if part.name == root else _parent_of(part.name, root, known)
        names = part.schema.names
        doubled = _doubled(names, naming)
        if part.path and parent and not doubled:
            columns = _columns(names, hints, parent)
            yield DataItemWithMeta(_File(part.name, parent, columns, part), None)
            continue
        for table in part.tables():
            table = table.drop_columns(doubled)
            if parent is None:
                stamp = pa.repeat(pa.scalar(load_id, pa.string()), table.num_rows)
                table = table.append_column("_dlt_load_id", stamp)
            table = with_required(table)
            columns = _columns(table.column_names, hints, parent)
            yield DataItemWithMeta(_Table(part.name, parent, columns), table)


def listed(tables: Tables, root: str, folder: Path) -> Iterator[DataItemWithMeta]:
    """The same of several windows (`spool.joined`), for a destination that reads all files of a table at once.

    Each table's files come as one that has their columns, no rows, and their paths (`FILES`, a JSON list); it is made
    in `folder`. The destination adds the package's id to the root's rows. All these files have to stay until then.
    """
    in_memory = [part for part in tables.parts if part.path is None]
    yield from items(Tables(in_memory, tables.hints), root)
    files: dict[str, list[Part]] = {}
    for part in tables.parts:
        if part.path is not None:
            files.setdefault(part.name, []).append(part)
    known = dlt.current.source_schema().tables
    for name, parts in files.items():
        schema = pa.unify_schemas([part.schema for part in parts])
        paths = json.dumps([str(part.path) for part in parts])
        path = folder / f"{name}.parquet"
        pq.write_table(schema.with_metadata({FILES: paths}).empty_table(), path)
        parent = None if name == root else _parent_of(name, root, known)
        names = schema.names if parent else [*schema.names, "_dlt_load_id"]
        columns = _columns(names, tables.hints[name], parent)
        one = Part(name, sum(part.rows for part in parts), path=path)
        yield DataItemWithMeta(_File(name, parent, columns, one), None)


def _doubled(names: Iterable[str], naming: Any) -> list[str]:
    """Columns that stand there twice: under their name, and under one that the destination had room for.

    The short one is what an earlier run left in the schema; it holds nothing that the other lacks.
    """
    if naming.max_length is None:
        return []
    shortened = {naming.normalize_path(name) for name in names if len(name) > naming.max_length}
    return [name for name in names if name in shortened]


def _columns(names: Iterable[str], hints: Columns, parent: str | None) -> Columns:
    columns = {name: {"name": name, **(SYSTEM_COLUMNS.get(name) or hints[name])} for name in names}
    if parent is None:
        columns["_dlt_id"]["primary_key"] = True
    return columns


def _parent_of(name: str, root: str, known: Mapping[str, Any]) -> str:
    """The table whose rows a child's rows belong to: the longest one whose name begins its name."""
    parents = [table for table in known if name.startswith(f"{table}__") and table.startswith(root)]
    return max(parents, key=len, default=root)
