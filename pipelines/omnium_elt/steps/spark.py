"""Apache Spark as the engine of the models: `transform --engine spark`.

Spark reads the newest run of the lake, and builds into a partial folder beside it, which becomes a run of the marts
once it is complete:

    lake/marts.json                   the newest run of the marts: per table its rows, columns, files and checksums
    lake/_marts/<run>/<schema>/<table>/*.parquet

The working database gets the same tables, so that publish, export and decisions do not depend on Spark. It also keeps
the two tables that cannot be rebuilt, as they record history (promises, proposals): Spark starts with a copy of them
and writes them back, so a home may change its engine from run to run.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omnium_elt.infra.configuration import environment
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import checksum, flush, make_folder, published_mode, read_object, write_json
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import new_run_id
from omnium_elt.infra.text import in_utc
from omnium_elt.steps.lake import KEPT_RUNS, MARTS, MARTS_MANIFEST, read_manifest
from omnium_elt.warehouse import database

HISTORY = "snapshots"
"""Schema of the tables that each build continues."""
KEPT = ("marts", HISTORY)
"""Schemas whose tables are written back; only the build needs the others."""
RAW = "raw"
SCHEMAS = (*KEPT, RAW, "seeds", "staging", "intermediate")
DOCUMENTS = "_documents"
"""Table that lists the raw columns with JSON, as Spark has no such type (`spark__raw_documents`)."""
LEAST_JAVA = 17
FORMAT = 1
INSTALL = "Install it: pip install 'omnium-elt[spark]'."
REMOTE, LAKE, MEMORY, PARTITIONS = (
    "OMNIUM_SPARK_REMOTE",
    "OMNIUM_SPARK_LAKE",
    "OMNIUM_SPARK_MEMORY",
    "OMNIUM_SPARK_PARTITIONS",
)
SPARK_REMOTE = "SPARK_REMOTE"
"""Spark's own variable for the address of a server."""


def check(settings: Settings) -> None:
    """Raise UsageError if Spark cannot be used with these settings or on this machine."""
    if settings.destination not in database.LOCAL:
        raise UsageError(
            f"--engine spark reads the lake under the home, and not {settings.destination}",
            f"Leave --destination out, or choose one of {', '.join(database.LOCAL)}.",
        )
    for module, package in (("pyspark", "pyspark"), ("dbt.adapters.spark", "dbt-spark")):
        if find_spec(module) is None:
            raise UsageError(f"--engine spark needs {package}, which is not installed", INSTALL)
    remote = os.environ.get(REMOTE, "")
    if remote and not re.fullmatch(r"sc://[^/\s:]+(:\d+)?(/.*)?", remote):
        raise UsageError(
            f"{REMOTE} is {remote!r}, and has to be the address of a Spark Connect server",
            "Write it as sc://host:15002.",
        )
    if not remote:
        _check_java()


def _check_java() -> None:
    remedy = f"Install a Java of version {LEAST_JAVA} or newer (such as openjdk-17-jre-headless), or set JAVA_HOME."
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin")) if home else None)
    if java is None:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise UsageError(f"--engine spark needs Java, and there is none {where}", remedy)
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < LEAST_JAVA:
        version = found[1] if found else "an unknown version"
        raise UsageError(f"--engine spark needs Java {LEAST_JAVA}, and {java} is {version}", remedy)


@contextmanager
def session(settings: Settings) -> Iterator[Any]:
    """A Spark session within the `with` block, on this machine or on the cluster that OMNIUM_SPARK_REMOTE names.

    dbt uses the session, too, as it runs in the same process. A session that is open already is used, and stays open.
    A session that was started here is stopped at the end, together with Java, to free its memory.
    """
    check(settings)
    SparkSession = import_module("pyspark.sql").SparkSession

    remote = os.environ.get(REMOTE)
    active = SparkSession.getActiveSession()
    builder = SparkSession.builder.remote(remote) if remote else _local(SparkSession.builder, settings)
    try:
        spark = active or builder.getOrCreate()
    except Exception as error:
        where = remote or "on this machine"
        raise OmniumEltError(
            f"no Spark session {where}: {' '.join(str(error).split())[:200]}",
            "Check that it is running and has enough memory.",
        ) from error
    # The models need UTC for days and instants; most others make Spark as lenient, and as exact, as DuckDB.
    for name, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        # The optimizer would take minutes to infer constraints from the long conditions of some models.
        "spark.sql.constraintPropagation.enabled": "false",
        # The replay of history recurses once per day.
        "spark.sql.cteRecursionLevelLimit": "10000",
        "spark.sql.cteRecursionRowLimit": "-1",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }.items():
        spark.conf.set(name, value)
    if PARTITIONS in os.environ:
        spark.conf.set("spark.sql.shuffle.partitions", os.environ[PARTITIONS])
    try:
        # dbt-spark requests a session for each statement; this makes it use the server's.
        with environment({SPARK_REMOTE: remote} if remote else {}):
            yield spark
    finally:
        if active is None:
            spark.stop()
            if not remote:
                end_java()


def end_java() -> None:
    """End the Java process, which pyspark would keep with all its memory until Python ends.

    pyspark 4.1 has no public function for this; with a version without these private fields, Java keeps running.
    """
    context = import_module("pyspark").SparkContext
    gateway = getattr(context, "_gateway", None)
    java = getattr(gateway, "proc", None)
    if gateway is None or java is None:
        return
    gateway.shutdown()
    java.stdin.close()
    java.wait()
    context._gateway = context._jvm = None


def _local(builder: Any, settings: Settings) -> Any:
    scratch = settings.home.state / "spark"
    make_folder(scratch)
    memory = os.environ.get(MEMORY, "3GB")
    for name, value in {
        "spark.master": f"local[{os.environ.get('OMNIUM_DBT_THREADS', '2')}]",
        "spark.app.name": "omnium-elt",
        "spark.driver.memory": memory.replace(" ", "").lower().removesuffix("b").removesuffix("i"),
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(scratch / "spill"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        # One machine works best with few and large tasks.
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
        # Spark judges a table by its file; as a hash table it is fifty times as large, and all are in one heap.
        "spark.sql.autoBroadcastJoinThreshold": "1MB",
        # After the machine slept for two minutes, the default, Spark would take its own process for lost.
        "spark.network.timeout": "1d",
    }.items():
        builder = builder.config(name, value)
    return builder


def prefix(settings: Settings) -> str:
    """Prefix of the names of this home's databases in Spark, which every build creates anew."""
    return f"omnium_{database.digest(str(settings.home.lake))[:8]}_"


def variables(settings: Settings) -> dict[str, str]:
    """The variables of the dbt project that differ in Spark."""
    return {"schema_prefix": prefix(settings), "raw_schema": prefix(settings) + RAW}


_TYPES = {
    "VARCHAR": "string",
    "JSON": "string",
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


def _columns(described: Mapping[str, Any]) -> str:
    """The columns of a raw table as a Spark declaration; empty if a type is unknown and Spark must read the file."""
    columns = {column["name"]: column["type"] for column in described["columns"]}
    types = {
        name: kind.lower() if kind.startswith("DECIMAL") else _TYPES.get(kind)
        for name, kind in columns.items()
    }
    if None in types.values():
        return ""
    return "(" + ", ".join(f"`{name}` {kind}" for name, kind in types.items()) + ")"


class Build:
    """One build of the models in Spark: registers its input, keeps its tables, and copies them to the home."""

    def __init__(self, spark: Any, settings: Settings) -> None:
        self._spark = spark
        self._settings = settings
        self.run_id = settings.run_id or new_run_id()
        self._prefix = prefix(settings)
        self._runs = settings.home.lake / MARTS
        self._partial = self._runs / f".{self.run_id}"
        self._run = self._runs / self.run_id
        self._described: dict[str, Any] = {}

    def begin(self) -> None:
        """Create Spark's databases anew, with the raw tables of the lake's newest run and the history tables."""
        make_folder(self._runs)
        for stale in self._runs.glob(".*"):
            shutil.rmtree(stale, ignore_errors=True)
        make_folder(self._partial)
        for schema in SCHEMAS:
            name = self._prefix + schema
            self._spark.sql(f"drop database if exists `{name}` cascade")
            self._spark.sql(f"create database `{name}` location '{self._seen(self._partial / schema)}'")
        self._register_raw(self._prefix + RAW)
        self._take_over_history()

    def _register_raw(self, raw: str) -> None:
        lake = self._settings.home.lake
        documents = []
        for table, described in read_manifest(lake)["tables"].items():
            folder = (lake / described["files"][0]["path"]).parent
            self._spark.sql(
                f"create table `{raw}`.`{table}` {_columns(described)} using parquet "
                f"location '{self._seen(folder)}'"
            )
            documents += [
                (table, column["name"]) for column in described["columns"] if column["type"] == "JSON"
            ]
        values = ", ".join(f"('{table}', '{column}')" for table, column in documents) or "('', '')"
        self._spark.sql(
            f"create table `{raw}`.`{DOCUMENTS}` using parquet as "
            f"select * from values {values} as documents (table_name, column_name)"
        )

    def _take_over_history(self) -> None:
        with database.connect(self._settings.home.working_database) as connection:
            for table in database.tables(connection, HISTORY):
                folder = self._partial / "before" / table
                make_folder(folder)
                connection.execute(
                    f'copy (from "{HISTORY}"."{table}") to {database.literal(str(folder / "data.parquet"))} '
                    "(format parquet)"
                )
                self._spark.sql(
                    f"create table `{self._prefix}{HISTORY}`.`{table}` using parquet as "
                    f"select * from parquet.`{self._seen(folder)}`"
                )

    def _seen(self, path: Path) -> str:
        """The address of a path in the lake for Spark; a cluster may have the lake mounted elsewhere."""
        lake = os.environ.get(LAKE)
        if not lake:
            return path.as_uri()
        return f"{lake.rstrip('/')}/{path.relative_to(self._settings.home.lake).as_posix()}"

    def keep(self) -> list[str]:
        """Make the built tables a run of the marts; return the names of marts that are views.

        Spark is not needed afterwards.
        """
        tables = {schema: self._names("tables", schema) for schema in KEPT}
        views = {schema: self._names("views", schema) for schema in KEPT}
        for folder in self._partial.iterdir():
            if folder.name not in KEPT:
                shutil.rmtree(folder)
        self._described = {
            f"{schema}.{table}": self._describe(self._partial / schema / table)
            for schema in KEPT
            for table in sorted(tables[schema] - views[schema])
        }
        shutil.rmtree(self._run, ignore_errors=True)
        os.replace(self._partial, self._run)
        flush(self._runs)
        return sorted(views["marts"])

    def _names(self, kinds: str, schema: str) -> set[str]:
        """The names of all tables, including views (`kinds`: tables), or of the views only (views) in a schema."""
        found = self._spark.sql(f"show {kinds} in `{self._prefix}{schema}`").collect()
        return {row[1] for row in found if not row.isTemporary}

    def finish(self) -> None:
        """Copy the kept tables into the working database, then publish the run to readers of the lake.

        The database changes in one transaction. Readers of the lake see the run once `marts.json` names it.
        """
        self._bring_home()
        self._write_manifest()

    def _describe(self, folder: Path) -> dict[str, Any]:
        """The manifest's entry of a table: rows, columns, files. Deletes what else Spark left in the folder."""
        import pyarrow.parquet

        for other in folder.iterdir():
            if other.suffix != ".parquet" or other.name.startswith((".", "_")):
                other.unlink()
        files = []
        for file in sorted(folder.iterdir()):
            file.chmod(published_mode())
            found = pyarrow.parquet.read_metadata(file)
            files.append(
                {
                    "path": f"{folder.parent.name}/{folder.name}/{file.name}",
                    "rows": found.num_rows,
                    "bytes": file.stat().st_size,
                    "sha256": checksum(file),
                }
            )
        schema = pyarrow.parquet.read_schema(folder / Path(files[0]["path"]).name)
        return {
            "rows": sum(file["rows"] for file in files),
            "columns": [{"name": field.name, "type": str(field.type)} for field in schema],
            "files": files,
        }

    def _bring_home(self) -> None:
        with (
            database.connect(self._settings.home.working_database) as connection,
            database.transaction(connection),
        ):
            for schema in KEPT:
                connection.execute(f'create schema if not exists "{schema}"')
            views = {
                f"{schema}.{name}"
                for schema, name in connection.execute(
                    "select schema_name, view_name from duckdb_views() where not internal"
                ).fetchall()
            }
            for name in self._described:
                schema, table = name.split(".", 1)
                if name in views:
                    connection.execute(f'drop view "{schema}"."{table}"')
                files = database.literal(str(self._run / schema / table / "*.parquet"))
                connection.execute(
                    f'create or replace table "{schema}"."{table}" as from read_parquet({files})'
                )

    def _write_manifest(self) -> None:
        manifest = self._settings.home.lake / MARTS_MANIFEST
        before = read_object(manifest).get("runs", [])
        runs = [*(run for run in before if run != self.run_id), self.run_id][-KEPT_RUNS:]
        prefix = f"{MARTS}/{self.run_id}/"
        tables = {
            name: {
                **table,
                "files": [{**file, "path": prefix + file["path"]} for file in table["files"]],
            }
            for name, table in self._described.items()
        }
        written = {
            "format": FORMAT,
            "run_id": self.run_id,
            "raw_run_id": read_manifest(self._settings.home.lake).get("run_id"),
            "written_at": in_utc(datetime.now(UTC), "seconds"),
            "runs": runs,
            "tables": tables,
        }
        write_json(manifest, written, mode=None)
        for run in self._runs.iterdir():
            if run.name not in runs:
                shutil.rmtree(run, ignore_errors=True)
