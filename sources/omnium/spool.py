"""The Arrow tables of one window: in memory, or on disk once they outgrow it.

A window is handed over only when it is known to be complete, so its tables have to wait somewhere. Small
windows (the everyday case) wait in memory; those of a backfill go to Arrow files, which are mapped and not
read, so that memory does not grow with the window.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

IN_MEMORY = 48 * 1024 * 1024


class Spool:
    """Tables by name, in the order in which they were first added (parents before their children).

    `folder` is where files may be made; None: a temporary folder of the system's.
    """

    def __init__(self, folder: Path | None = None, in_memory: int = IN_MEMORY) -> None:
        self._parent, self._limit, self._size = folder, in_memory, 0
        self._held: dict[str, list[pa.Table]] = {}
        self._files: list[tuple[str, Path]] = []
        self._folder: Path | None = None

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Add one batch."""
        for name, table in tables.items():
            if table.num_rows:
                self._held.setdefault(name, []).append(table)
                self._size += table.nbytes
        if self._size > self._limit:
            self._spill()

    @property
    def names(self) -> list[str]:
        """The names of the tables with rows in them."""
        return list(dict.fromkeys([*(name for name, _ in self._files), *self._held]))

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """All tables, each perhaps in several parts; a part of a parent before any part of its child."""
        for name, path in sorted(self._files, key=lambda file: file[0].count("__")):
            with pa.memory_map(str(path)) as source:
                yield name, pa.ipc.open_file(source).read_all()
        for name in list(self._held):
            parts = self._held[name]
            yield name, parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")

    def close(self) -> None:
        """Remove the files."""
        self._held.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _spill(self) -> None:
        if self._folder is None:
            if self._parent is not None:
                self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix="window-", dir=self._parent))
        for name, parts in self._held.items():
            table = pa.concat_tables(parts, promote_options="default")
            path = self._folder / f"{len(self._files):06}.arrow"
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self._files.append((name, path))
        self._held, self._size = {}, 0
