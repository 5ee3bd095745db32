"""The files that a complete part of a backfill hands over: raw tables as Parquet, and a manifest that names them.

    state/backfill/part-2/lake/<table>.parquet   a raw table
    state/backfill/part-2/lake/manifest.json     written last: the plan, the states and columns of the part's resources,
                                                 and per table its file with rows, bytes and SHA-256

The files never change again, and the part's working database is deleted. A part can be copied between machines, or
through a bucket, like any files; the commit verifies the checksums, so it knows whether everything has arrived.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnium_source.normalize.buffer import Columns
from omnium_source.sync import known_columns

from omnium_elt.infra.files import checksum, flush, read_object, write_json
from omnium_elt.infra.home import Home
from omnium_elt.steps.lake import write_table
from omnium_elt.warehouse import database

FORMAT = 1


@dataclass(frozen=True)
class HandedOver:
    """What a part has handed over: the states of its resources, their columns with dlt's hints, and the table files.

    `mark`: how its personal data were treated (`PersonalData.mark`); None if nothing was loaded.
    """

    folder: Path
    mark: str | None
    states: Mapping[str, dict[str, Any]]
    columns: Mapping[str, Columns]
    tables: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, home: Home, plan_id: str) -> "HandedOver | None":
        """What the part with this home has handed over for a plan; None if it has not yet."""
        kept = read_object(manifest_file(home))
        if (kept.get("format"), kept.get("plan_id")) != (FORMAT, plan_id):
            return None
        return cls(home.lake, kept["mark"], kept["states"], kept["columns"], kept["tables"])

    def file(self, table: str) -> Path:
        """The file of a table."""
        return self.folder / str(self.tables[table]["files"][0]["path"])

    def names(self, table: str) -> list[str]:
        """The columns of a table's file."""
        return [column["name"] for column in self.tables[table]["columns"]]

    def damaged(self) -> list[str]:
        """The names of files that are missing, truncated or changed since they were handed over."""
        return [
            self.file(table).name
            for table, described in self.tables.items()
            if not _is_whole(self.file(table), described["files"][0])
        ]


def manifest_file(home: Home) -> Path:
    """The manifest of what the part with this home hands over."""
    return home.lake / "manifest.json"


def hand_over(home: Home, plan_id: str) -> HandedOver:
    """Write the tables of a complete part as files, then their manifest; then delete its working database.

    A hand-over that is interrupted before the manifest starts from the beginning the next time.
    """
    # Imported late, as it imports dlt.
    from omnium_elt.warehouse.destination import Warehouse

    with Warehouse(home, "duckdb") as warehouse:  # opening it deletes what an interrupted package left
        states, columns, mark = warehouse.states, known_columns(warehouse.tables), warehouse.personal_mark
    shutil.rmtree(home.lake, ignore_errors=True)
    home.lake.mkdir(mode=0o700)
    tables = {}
    with database.connect(home.working_database) as connection:
        for table in database.tables(connection):
            # The part's own tables of dlt and of the program's runs are not part of the commit.
            if not table.startswith("_") or table in database.BOOKKEEPING:
                file = home.lake / f"{table}.parquet"
                described = write_table(connection, table, file)
                file.chmod(0o600)
                tables[table] = {**described, "files": [{**described["files"][0], "path": file.name}]}
    flush(home.lake)
    columns = {table: columns[table] for table in tables if table in columns}
    manifest = {"format": FORMAT, "plan_id": plan_id, "mark": mark, "states": states, "columns": columns}
    write_json(manifest_file(home), {**manifest, "tables": tables})
    for ending in ("", ".wal"):
        home.working_database.with_name(home.working_database.name + ending).unlink(missing_ok=True)
    return HandedOver(home.lake, mark, states, columns, tables)


def _is_whole(file: Path, described: Mapping[str, Any]) -> bool:
    return (
        file.exists() and file.stat().st_size == described["bytes"] and checksum(file) == described["sha256"]
    )
