"""The Parquet lake: `lake/<table>/data.parquet`, made from the working database.

The rows are the database's own, so deletions, children and changed rows are right without any merging of
files. A table that did not change keeps its file. Files take their places together, at the end.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from omnium_elt.infra.files import PARTIAL, make_folder, put, read_object, sweep, write_json
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, StepReport
from omnium_elt.warehouse import database

STEP = "lake"
FILE = "data.parquet"


def publish_lake(settings: Settings, progress: Progress) -> StepReport:
    """Write the raw tables that changed since the last time; readers see each file old or new, never half."""
    started = time.monotonic()
    report = StepReport(STEP)
    lake = settings.home.lake
    manifest = lake / "manifest.json"
    before = read_object(manifest)
    with database.connect(settings.home.working_database) as connection:
        tables = database.fingerprint(connection)
        changed = [
            table
            for table, mark in tables.items()
            if before.get(table) != mark or not (lake / table / FILE).exists()
        ]
        gone = [table for table in before if table not in tables]
        if changed or gone:
            progress.start(STEP, len(changed))
            partials = [(_write(connection, table, lake, progress), table) for table in changed]
            for partial, table in partials:
                put(partial, lake / table / FILE)
            for table in gone:
                shutil.rmtree(lake / table, ignore_errors=True)
            write_json(manifest, tables, mode=None)
            progress.finish(STEP, "ok")
    report.status = "ok" if changed or gone else "unchanged"
    report.details = {"tables": len(tables), "written": len(changed)}
    report.seconds = time.monotonic() - started
    return report


def _write(connection: Any, table: str, lake: Path, progress: Progress) -> Path:
    folder = lake / table
    make_folder(lake)
    make_folder(folder)
    sweep(folder)
    # Not *.parquet: whoever reads the folder by its pattern must not find it yet.
    partial = folder / f".{FILE}.{os.getpid()}{PARTIAL}"
    target = database.literal(str(partial))
    connection.execute(
        f'copy (from "{database.RAW}"."{table}") to {target} (format parquet, compression zstd)'
    )
    progress.advance(STEP, 1)
    return partial
