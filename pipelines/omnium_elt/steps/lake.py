"""The Parquet lake: the raw tables of each run as files that never change, written from the working database.

    lake/manifest.json             the newest run: its id, and per table the files with rows, bytes, checksum, columns
    lake/_runs/<run>/<table>/…     the files of a run; an unchanged table is a hard link to the file of an earlier run
    lake/<table>/data.parquet      the newest file of each table, for readers of single tables

Rows come from the database, so deletions, children and changed rows are right without merging files. A reader of the
files in the manifest sees all tables of one run, for as long as that run is kept.
"""

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omnium_elt.infra.files import (
    checksum,
    flush,
    make_folder,
    published_mode,
    read_object,
    replacing,
    sweep,
    write_json,
)
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, StepReport, new_run_id, timed
from omnium_elt.infra.text import in_utc
from omnium_elt.warehouse import database

STEP = "lake"
FILE = "data.parquet"
FORMAT = 2
RUNS = "_runs"
MARTS, MARTS_MANIFEST = "_marts", "marts.json"
"""Folder and manifest of the marts that Spark builds from the lake (`steps/spark.py`)."""
KEPT_RUNS = 3
"""Number of runs whose files are kept; only the third later run that changes something removes a reader's files."""


@timed
def publish_lake(settings: Settings, progress: Progress) -> StepReport:
    """Write the raw tables as a new run of the lake, unless none changed; unchanged tables become hard links.

    The manifest names the new run once all its files are there; what a run that is killed before leaves is never
    read.
    """
    report = StepReport(STEP)
    lake = settings.home.lake
    manifest = read_manifest(lake)
    before = manifest["tables"]
    with database.connect(settings.home.working_database) as connection:
        marks = database.fingerprint(connection)
        changed = [table for table in marks if not _is_held(lake, before, table, marks[table])]
        if changed or marks.keys() != {name for name in before if before[name]["mark"]}:
            progress.start(STEP, len(changed))
            try:
                manifest = _write_run(connection, settings, marks, manifest, progress)
            finally:
                # After a failure, such as a full disk, partial files must not take up space.
                for partial in (lake / RUNS).glob(".*"):
                    shutil.rmtree(partial, ignore_errors=True)
            report.status = "ok"
        else:
            report.status = "unchanged"
    _show_newest(lake, manifest["tables"])
    _clean_up(lake, manifest)
    report.details = {"tables": len(marks), "written": len(changed)}
    return report


def read_manifest(lake: Path) -> dict[str, Any]:
    """The manifest of the lake; without runs and tables if there is none of this format."""
    manifest = read_object(lake / "manifest.json")
    return manifest if manifest.get("format") == FORMAT else {"runs": [], "tables": {}}


def _is_held(lake: Path, before: Mapping[str, Any], table: str, mark: str) -> bool:
    held = before.get(table)
    return held is not None and held["mark"] == mark and (lake / held["files"][0]["path"]).exists()


def _write_run(
    connection: Any,
    settings: Settings,
    marks: Mapping[str, str],
    manifest: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """Write the files of a new run into its folder, then the manifest that names them; return the manifest."""
    lake, before = settings.home.lake, manifest["tables"]
    run_id = settings.run_id or new_run_id()
    make_folder(lake / RUNS)
    run, partial = lake / RUNS / run_id, lake / RUNS / f".{run_id}"
    tables = {}
    # Bookkeeping tables change with every run. They are written along with other tables, or if what the models read
    # of them changed.
    bookkeeping = {
        table: marks.get(table, "") for table in database.tables(connection) if table.startswith("_")
    }
    for table, mark in {**marks, **bookkeeping}.items():
        make_folder(partial / table)
        file = partial / table / FILE
        if table not in bookkeeping and _is_held(lake, before, table, mark):
            described = before[table]
            _link(lake / described["files"][0]["path"], file)
        else:
            described = write_table(connection, table, file)
            file.chmod(published_mode())
            progress.advance(STEP, 1)
        path = f"{RUNS}/{run_id}/{table}/{FILE}"
        tables[table] = {**described, "mark": mark, "files": [{**described["files"][0], "path": path}]}
        flush(partial / table)
    os.replace(partial, run)
    flush(run.parent)
    written = {
        "format": FORMAT,
        "run_id": run_id,
        "written_at": in_utc(datetime.now(UTC), "seconds"),
        "runs": [*manifest["runs"], run_id][-KEPT_RUNS:],
        "tables": tables,
    }
    write_json(lake / "manifest.json", written, mode=None)
    return written


def write_table(connection: Any, table: str, file: Path) -> dict[str, Any]:
    """Write a raw table as a Parquet file; return its rows, its columns, and the file's bytes and SHA-256."""
    source = f'"{database.RAW}"."{table}"'
    connection.execute(
        f"copy (from {source}) to {database.literal(str(file))} (format parquet, compression zstd)"
    )
    flush(file)
    described = database.described(connection, table)
    facts = {"rows": described["rows"], "bytes": file.stat().st_size, "sha256": checksum(file)}
    return {**described, "files": [facts]}


def _link(present: Path, file: Path) -> None:
    try:
        os.link(present, file)
    except OSError:  # a file system without hard links
        shutil.copy2(present, file)  # keeps the modification time, which `_facts` compares
    file.chmod(published_mode())


def _show_newest(lake: Path, tables: Mapping[str, Any]) -> None:
    """Make `lake/<table>/data.parquet` the newest file of each table, one table after the other."""
    for table, described in tables.items():
        newest, shown = lake / described["files"][0]["path"], lake / table / FILE
        if shown.exists() and _facts(shown) == _facts(newest):
            continue
        sweep(shown.parent)
        with replacing(shown) as partial:
            _link(newest, partial)


def _facts(file: Path) -> tuple[int, int]:
    """Size and modification time: equal for a file and its hard link or copy, different for versions of a table."""
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns


def _clean_up(lake: Path, manifest: Mapping[str, Any]) -> None:
    """Delete tables that no longer exist, runs that are not kept, and what a killed run left."""
    if not manifest["tables"]:
        return
    stale = [run for run in (lake / RUNS).iterdir() if run.name not in manifest["runs"]]
    stale += [
        folder
        for folder in lake.iterdir()
        if folder.is_dir() and folder.name not in (RUNS, MARTS) and folder.name not in manifest["tables"]
    ]
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
