"""Holds the tables of one window: in memory, or on disk once they outgrow it.

A window is handed over only when it is known to be complete, so its tables have to wait somewhere. Small windows (the
everyday case) wait in memory. Those of a backfill go to Parquet files, one for each table, so that memory does not grow
with the window and a destination can take the files as they are.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

IN_MEMORY_BYTES = 48 * 1024 * 1024
"""A window larger than this goes to files."""
WRITE_BYTES = 8 * 1024 * 1024
"""How much is written to the files at once; as much waits in memory for each window that is being read."""
REQUIRED = ("_dlt_id", "_dlt_root_id", "_dlt_parent_id")
"""Columns that are never null and are declared so, because dlt compares a file's schema with the table's."""

Columns = dict[str, dict[str, Any]]
"""Columns as dlt describes them."""


@dataclass(frozen=True)
class Part:
    """Some rows of one table: a table in memory or, if that is None, a Parquet file."""

    name: str
    rows: int
    table: pa.Table | None = None
    path: Path | None = None

    @property
    def schema(self) -> pa.Schema:
        """Its columns; those of a file are read from it."""
        return self.table.schema if self.table is not None else pq.read_schema(self.path)

    def column(self, name: str) -> pa.ChunkedArray:
        """All values of one column."""
        source = self.table if self.table is not None else pq.read_table(self.path, columns=[name])
        return source.column(name)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows; those of a file come in the row groups in which they were written."""
        if self.table is not None:
            yield self.table
        elif self.path is not None:
            with pq.ParquetFile(self.path) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group)


@dataclass(frozen=True)
class Tables:
    """A finished window: its parts, parents before their children, and the columns of each table for dlt."""

    parts: list[Part]
    hints: Mapping[str, Columns] = field(default_factory=dict)


def joined(several: Sequence[Tables]) -> Tables:
    """Join the tables of a window whose rows were gathered in several places."""
    parts = sorted((part for tables in several for part in tables.parts), key=_depth)
    hints: dict[str, Columns] = {}
    for tables in several:
        for name, columns in tables.hints.items():
            hints[name] = {**hints.get(name, {}), **columns}
    return Tables(parts, hints)


def _depth(part: Part) -> int:
    return part.name.count("__")


class Buffer:
    """Gathers the tables of one window.

    `folder` is where files may be made; the system's folder for temporary files if None. With `in_memory=0` everything
    goes to files.
    """

    def __init__(self, folder: Path | None = None, in_memory: int = IN_MEMORY_BYTES) -> None:
        self._parent, self._limit, self._size = folder, in_memory, 0
        self._held: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._files: dict[Path, Part] = {}
        self._open: dict[str, Path] = {}
        self._folder: Path | None = None

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Add one batch."""
        for name, table in tables.items():
            if table.num_rows:
                self._held.setdefault(name, []).append(table)
                self._size += table.get_total_buffer_size()
        if self._size > max(self._limit, WRITE_BYTES):
            self._spill()

    def finish(self) -> list[Part]:
        """All parts, with their files complete. Nothing can be added afterwards."""
        if self._files or not self._limit:
            self._spill()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        held = [
            Part(name, sum(table.num_rows for table in tables), _joined(tables))
            for name, tables in self._held.items()
        ]
        return sorted([*self._files.values(), *held], key=_depth)

    def close(self) -> None:
        """Drop the tables and remove the files."""
        self._held.clear()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _spill(self) -> None:
        if self._folder is None:
            if self._parent is not None:
                self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="window-", dir=self._parent))
        for name, tables in self._held.items():
            table = with_required(_joined(tables))
            path = self._file(name, table.schema)
            self._writers[name].write_table(table)
            self._files[path] = Part(name, self._files[path].rows + table.num_rows, path=path)
        self._held, self._size = {}, 0

    def _file(self, name: str, schema: pa.Schema) -> Path:
        """The table's file; another one if a new field has changed its columns."""
        writer = self._writers.get(name)
        if writer is None or not writer.schema.equals(schema):
            if writer is not None:
                writer.close()
            assert self._folder is not None
            path = self._folder / f"{len(self._files):06}.parquet"
            self._writers[name] = pq.ParquetWriter(path, schema)
            self._open[name], self._files[path] = path, Part(name, 0, path=path)
        return self._open[name]


def _joined(tables: list[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")


def with_required(table: pa.Table) -> pa.Table:
    """The table with `REQUIRED` columns declared as never null, and all others as nullable."""
    schema = pa.schema([column.with_nullable(column.name not in REQUIRED) for column in table.schema])
    return pa.Table.from_arrays(table.columns, schema=schema)
