"""`--destination delta`: the raw tables as Delta tables, and a manifest of the versions that belong together.

    delta/<table>/            a Delta table; a run that changed it adds a version
    delta/manifest.json       the newest run: per table its version, rows and columns; and the versions of earlier runs

With `--publish-to`, they are written to the bucket, below `delta/`, instead of the home. A reader of the versions in
the manifest sees the tables of one run, for as long as that run is kept. The newest versions of all tables may belong
to two runs while one is being written, as each Delta table has its own log.
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
"""Number of runs whose versions stay readable; files that only older runs need are vacuumed."""
ROWS_AT_ONCE = 100_000


def check_place(settings: Settings) -> None:
    """Raise UsageError if deltalake, which writes Delta tables, is missing or cannot write to this home."""
    check_installed()
    # deltalake turns the path into a URL, in which these characters are invalid or have another meaning.
    odd = re.search(r"[\[\]|]|%[0-9a-fA-F]{2}", str(settings.home.root))
    if odd and not settings.publish_to:
        raise UsageError(
            f"Delta tables cannot lie in a folder whose path holds {odd.group()!r} ({settings.home.root})",
            "Choose another --home, or --destination parquet.",
        )


def check_installed() -> None:
    """Raise UsageError if deltalake, which writes Delta tables, is not installed."""
    if find_spec("deltalake") is None:
        raise UsageError(
            "the package deltalake, which writes Delta tables, is not installed",
            "Install it: python -m pip install 'omnium-elt[delta]'",
        )


@timed
def publish_delta(settings: Settings, progress: Progress) -> StepReport:
    """Write a new version of each raw table that changed since the last time, then the manifest that names them.

    Raises OmniumEltError if another run published to the same bucket meanwhile; its manifest then stays the newest.
    """
    check_installed()
    report = StepReport(STEP)
    place = _InBucket.opened(settings.publish_to) if settings.publish_to else _OnDisk(settings.home.delta)
    manifest = place.read()
    before: Mapping[str, Any] = manifest.get("tables", {})
    runs = manifest.get("runs", [])
    if runs:  # a table that a killed run began to delete cannot be written to
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
            # Bookkeeping tables are written whenever another table changed.
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
    """Write all rows of a raw table as its next version; return the version, the number of rows and the columns."""
    from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake

    described = database.described(connection, table)
    # Delta has no JSON type.
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
    # Look for this run's version, as another home may have written one since.
    history = DeltaTable(place.uri(table), storage_options=place.options).history(10)
    version = next(commit["version"] for commit in history if commit.get("run_id") == run_id)
    return {"version": version, **described}


def _remove_unnamed(place: "_OnDisk | _InBucket", runs: list[dict[str, Any]]) -> None:
    """Delete tables that are in none of the kept runs."""
    for table in place.tables() - {name for run in runs for name in run["versions"]}:
        place.remove(table)


def _tidy(place: "_OnDisk | _InBucket", runs: list[dict[str, Any]]) -> None:
    """Delete the files of versions that no kept run names."""
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
    """Whether files that no version names can be deleted: nobody else writes, so a killed run left them."""

    def uri(self, table: str) -> str:
        return str(self.folder / table)

    def holds(self, table: str) -> bool:
        return (self.folder / table / "_delta_log").is_dir()

    def tables(self) -> set[str]:
        """All tables in the folder, including remains of deleted ones."""
        return {path.name for path in self.folder.iterdir() if path.is_dir()}

    def read(self) -> dict[str, Any]:
        manifest = read_object(self.folder / "manifest.json")
        return manifest if manifest.get("format") == FORMAT else {}

    def mend(self, manifest: dict[str, Any]) -> None:
        """Do nothing, as there is only one manifest."""

    def commit(self, manifest: dict[str, Any]) -> None:
        make_folder(self.folder)
        write_json(self.folder / "manifest.json", manifest, mode=None)

    def remove(self, table: str) -> None:
        shutil.rmtree(self.folder / table, ignore_errors=True)


@dataclass(frozen=True)
class _InBucket:
    """Delta tables in a bucket. Of two runs that publish at once, one fails, as each manifest has its own number."""

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
        """The published tables; another home may be writing others."""
        manifests = map(self.bucket.manifest, self.numbers[1 - KEPT :])  # those that the next one keeps
        return {name for one in manifests for run in one["runs"] for name in run["versions"]}

    def read(self) -> dict[str, Any]:
        return self.bucket.manifest(self.numbers[-1]) if self.numbers else {}

    def mend(self, manifest: dict[str, Any]) -> None:
        """Make `manifest.json` the newest manifest, in case a killed run left it old."""
        self.bucket.show(json.dumps(manifest, indent=1).encode())

    def commit(self, manifest: dict[str, Any]) -> None:
        self.bucket.create_manifest(self.numbers, {**manifest, "files": {}})

    def remove(self, table: str) -> None:
        path = f"{self.bucket.root}/{table}"
        if self.bucket.files.exists(path):  # an earlier run may have deleted it
            self.bucket.files.rm(path, recursive=True)
