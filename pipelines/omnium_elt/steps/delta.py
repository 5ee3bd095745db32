"""`--destination delta`: the raw tables as Delta tables, and a manifest that says which versions belong together.

    delta/<table>/            a Delta table; a run that changed it adds a version
    delta/manifest.json       the newest run: per table its version, rows and columns; and the versions of runs before

With `--publish-to` they are written into the bucket, below `delta/`, and not here. Whoever reads the versions that the
manifest names has one run's tables, for as long as that run is kept; whoever takes the newest version of each table may
meet two runs while one is being written, for a Delta table has a log of its own.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import make_folder, read_object, write_json
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, StepReport, new_run_id, timed
from omnium_elt.steps.bucket import KEPT, Bucket
from omnium_elt.warehouse import database

STEP = "delta"
FORMAT = 1
KEPT_RUNS = 3
"""Runs whose versions can be read; what only older ones need is vacuumed."""
ROWS_AT_ONCE = 100_000


def check_place(settings: Settings) -> None:
    """Raise UsageError where the library is missing that writes Delta tables, or cannot write them into this home."""
    check_installed()
    # It makes an address of a path, in which these have no place or another meaning.
    odd = re.search(r"[\[\]|]|%[0-9a-fA-F]{2}", str(settings.home.root))
    if odd and not settings.publish_to:
        raise UsageError(
            f"Delta tables cannot lie in a folder whose path holds {odd.group()!r} ({settings.home.root})",
            "Choose another --home, or --destination parquet.",
        )


def check_installed() -> None:
    """Raise UsageError where the library is missing that writes Delta tables."""
    if find_spec("deltalake") is None:
        raise UsageError(
            "what writes Delta tables is not installed",
            "Install it: python -m pip install 'omnium-elt[delta]'",
        )


@timed
def publish_delta(settings: Settings, progress: Progress) -> StepReport:
    """Write a version of each raw table that changed since the last time, then the manifest that names them.

    Raises OmniumEltError where another run published to the same bucket meanwhile: what is read stays that run's.
    """
    check_installed()
    report = StepReport(STEP)
    place = _InBucket.opened(settings.publish_to) if settings.publish_to else _OnDisk(settings.home.delta)
    manifest = place.read()
    before: Mapping[str, Any] = manifest.get("tables", {})
    runs = manifest.get("runs", [])
    if runs:  # what a run that was killed had begun to take away would be no table to write to
        place.mend(manifest)
        _remove_unnamed(place, runs)
    with database.connect(settings.home.working_database) as connection:
        marks = database.fingerprint(connection)
        changed = [
            table
            for table in marks
            if before.get(table, {}).get("mark") != marks[table] or not place.holds(table)
        ]
        report.details = {"tables": len(marks), "written": len(changed)}
        if not changed and marks.keys() == {name for name in before if before[name]["mark"]}:
            report.status = "unchanged"
            return report
        progress.start(STEP, len(changed))
        run_id = settings.run_id or new_run_id()
        tables = {table: before[table] for table in marks if table not in changed}
        for table in sorted(database.tables(connection)):
            # What the program keeps of its loads comes along when something else changed.
            if table in changed or table.startswith("_"):
                tables[table] = {
                    "mark": marks.get(table, ""),
                    **write_table(connection, place, table, run_id),
                }
                progress.advance(STEP, 1)
    versions = {table: described["version"] for table, described in tables.items()}
    runs = [*runs, {"run_id": run_id, "versions": versions}][-KEPT_RUNS:]
    place.commit({"format": FORMAT, "run_id": run_id, "runs": runs, "tables": tables})
    _remove_unnamed(place, runs)
    _tidy(place, runs)
    report.status = "ok"
    return report


def write_table(connection: Any, place: "_OnDisk | _InBucket", table: str, run_id: str) -> dict[str, Any]:
    """Write all rows of a table as its next version."""
    from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake

    described = database.described(connection, table)
    # Delta has no JSON.
    listed = ", ".join(
        f'cast("{name}" as varchar) as "{name}"' if kind == "JSON" else f'"{name}"'
        for name, kind in (column.values() for column in described["columns"])
    )
    write_deltalake(
        place.uri(table),
        connection.sql(f'select {listed} from "{database.RAW}"."{table}"').to_arrow_reader(ROWS_AT_ONCE),
        mode="overwrite",
        schema_mode="overwrite",
        storage_options=place.options,
        writer_properties=WriterProperties(compression="ZSTD"),
        commit_properties=CommitProperties(custom_metadata={"run_id": run_id}),
    )
    # Another home may have written a version since.
    history = DeltaTable(place.uri(table), storage_options=place.options).history(10)
    version = next(commit["version"] for commit in history if commit.get("run_id") == run_id)
    return {"version": version, **described}


def _remove_unnamed(place: "_OnDisk | _InBucket", runs: list[dict[str, Any]]) -> None:
    """Take away tables that are in none of the kept runs."""
    for table in place.tables() - {name for run in runs for name in run["versions"]}:
        place.remove(table)


def _tidy(place: "_OnDisk | _InBucket", runs: list[dict[str, Any]]) -> None:
    """Take away the files of versions that no kept run names."""
    from deltalake import DeltaTable

    for table in {name for run in runs for name in run["versions"]}:
        versions = {run["versions"].get(table) for run in runs}
        if len(versions) > 1:
            DeltaTable(place.uri(table), storage_options=place.options).vacuum(
                0,
                dry_run=False,
                enforce_retention_duration=False,
                keep_versions=sorted(version for version in versions if version is not None),
                full=place.is_ours_alone,
            )


@dataclass(frozen=True)
class _OnDisk:
    """Delta tables in a folder of this machine."""

    folder: Path
    options: dict[str, str] | None = None
    is_ours_alone: ClassVar[bool] = True
    """Whether files that no version names are of a run that was killed: nobody else can be writing them."""

    def uri(self, table: str) -> str:
        return str(self.folder / table)

    def holds(self, table: str) -> bool:
        return (self.folder / table / "_delta_log").is_dir()

    def tables(self) -> set[str]:
        """All that lie there, also what is left of one."""
        return {path.name for path in self.folder.iterdir() if path.is_dir()}

    def read(self) -> dict[str, Any]:
        manifest = read_object(self.folder / "manifest.json")
        return manifest if manifest.get("format") == FORMAT else {}

    def mend(self, manifest: dict[str, Any]) -> None:
        """There is one manifest, which is whole."""

    def commit(self, manifest: dict[str, Any]) -> None:
        make_folder(self.folder)
        write_json(self.folder / "manifest.json", manifest, mode=None)

    def remove(self, table: str) -> None:
        shutil.rmtree(self.folder / table, ignore_errors=True)


@dataclass(frozen=True)
class _InBucket:
    """Delta tables in a bucket; of two who publish at once one is refused, as a manifest's number is taken once."""

    url: str
    bucket: Bucket
    numbers: list[int]
    options: dict[str, str] = field(repr=False)
    is_ours_alone: ClassVar[bool] = False

    @classmethod
    def opened(cls, publish_to: str) -> "_InBucket":
        url = f"{publish_to.rstrip('/')}/delta"
        bucket = Bucket.opened(url)
        return cls(url, bucket, bucket.numbers(), bucket.delta_options())

    def uri(self, table: str) -> str:
        return f"{self.url}/{table}"

    def holds(self, table: str) -> bool:
        return True

    def tables(self) -> set[str]:
        """Those that were published: others may be another home's, which it is writing."""
        manifests = map(self.bucket.manifest, self.numbers[1 - KEPT :])  # those that the next one leaves
        return {name for one in manifests for run in one["runs"] for name in run["versions"]}

    def read(self) -> dict[str, Any]:
        return self.bucket.manifest(self.numbers[-1]) if self.numbers else {}

    def mend(self, manifest: dict[str, Any]) -> None:
        """Have `manifest.json` be the newest, where who wrote that was killed."""
        self.bucket.show(json.dumps(manifest, indent=1).encode())

    def commit(self, manifest: dict[str, Any]) -> None:
        self.bucket.create_manifest(self.numbers, {**manifest, "files": {}})

    def remove(self, table: str) -> None:
        path = f"{self.bucket.root}/{table}"
        if self.bucket.files.exists(path):  # it may have been taken away before
            self.bucket.files.rm(path, recursive=True)
