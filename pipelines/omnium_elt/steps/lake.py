"""The Parquet lake: every run's tables as files that never change, made from the working database.

    lake/manifest.json             the newest run: its id, and per table the files with rows, bytes, checksum, columns
    lake/_runs/<run>/<table>/…     the files of a run; a table that did not change is a hard link to those of before
    lake/<table>/data.parquet      the newest file of each table, for whoever reads one table by its pattern

The rows are the database's own, so deletions, children and changed rows are right without any merging of files. Whoever
reads what the manifest names has one run's tables, all of them, for as long as that run is kept.
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
"""Folder and manifest of the marts that Spark built from here (`steps/spark.py`)."""
KEPT_RUNS = 3
"""Runs whose files stay: a reader that began with one has until the third next that changed something."""


@timed
def publish_lake(settings: Settings, progress: Progress) -> StepReport:
    """Write the raw tables that changed since the last time, as a run of their own beside those before.

    The manifest names the new run once all its files are there; a run that is killed before leaves nothing that
    anybody reads.
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
                # What was written before the disk was full would be in the way of whoever makes room.
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
    """What the manifest says; one without runs and tables where there is none of this format."""
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
    """Put the files of a new run in its folder, then the manifest that names them; return it."""
    lake, before = settings.home.lake, manifest["tables"]
    run_id = settings.run_id or new_run_id()
    make_folder(lake / RUNS)
    run, partial = lake / RUNS / run_id, lake / RUNS / f".{run_id}"
    tables = {}
    # What the program keeps of its loads changes with every run: it comes along when something else did, or when that
    # of it has changed which models tell.
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
        shutil.copy2(present, file)  # with its time, by which `_show_newest` knows it again
    file.chmod(published_mode())


def _show_newest(lake: Path, tables: Mapping[str, Any]) -> None:
    """Have `lake/<table>/data.parquet` be the newest file of each table, one after the other."""
    for table, described in tables.items():
        newest, shown = lake / described["files"][0]["path"], lake / table / FILE
        if shown.exists() and _facts(shown) == _facts(newest):
            continue
        sweep(shown.parent)
        with replacing(shown) as partial:
            _link(newest, partial)


def _facts(file: Path) -> tuple[int, int]:
    """What a file and its hard link or copy have in common, and no two versions of a table."""
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns


def _clean_up(lake: Path, manifest: Mapping[str, Any]) -> None:
    """Take away tables that are gone, runs beyond those that are kept, and what a killed run left."""
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
