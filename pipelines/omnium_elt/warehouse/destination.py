"""The destination of a load through dlt: what it holds already, and how a package is loaded into it.

Only the destination knows what was loaded. Each run deletes dlt's local folder and restores it from the destination.
Rows of a package that an earlier run left half loaded or stuck are then read again from the API, and merged over
those that may have arrived.
"""

import contextlib
import difflib
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed
from omnium_source.dlt_adapter import items, replacing
from omnium_source.dlt_private import (
    extend,
    go_on_above,
    is_tried,
    mend_paths,
    new_load_id,
    next_state,
    take_shortcuts,
)
from omnium_source.dlt_probe import check_nesting
from omnium_source.resources import RESOURCES
from omnium_source.setting import is_url
from omnium_source.source import MARK, keep_mark, mark_personal
from omnium_source.windows.deletions import MARKED_HASH
from omnium_source.windows.resource_run import Hashes

from omnium_elt.infra import memory
from omnium_elt.infra.errors import OmniumEltError, UsageError, explain
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport
from omnium_elt.warehouse.database import (
    BOOKKEEPING,
    LOCAL,
    NO_VACUUM,
    RUNS,
    attached,
    clear_half_loaded,
    columns_of,
    instant,
    literal,
    sizes_of,
)
from omnium_elt.warehouse.one_transaction import Package, TableSchema, family, lacking, put

mend_paths()
take_shortcuts()
NAME = "omnium"
LOADING = 152 * 1024 * 1024
"""Bytes that DuckDB may use to load new rows; replacing rows may need more (`Warehouse._make_room`)."""
DUCKDB_CONFIG = {
    "memory_limit": f"{LOADING >> 20}MiB",
    "allocator_flush_threshold": "16MB",
    "checkpoint_threshold": "1GB",
    "preserve_insertion_order": "false",
    "max_vacuum_tasks": str(NO_VACUUM),
}
"""By default, DuckDB takes four fifths of the machine's memory; loading a package needs no more than this limit, and
spills to disk beyond it. The allocator returns what a statement has freed beyond a few megabytes. A checkpoint
compresses all new columns, so it should run once at the end, and not after each step of a package. A statement that
preserves the order of what it inserts would run in a single thread."""
MEMORY_WHERE_TIGHT = "128MB"
"""DuckDB's limit if the machine or the container has little memory; it spills to disk beyond it."""
A_COLUMN, A_ROW, A_VECTOR = 32 * 1024, 16 * 1024, 2048
"""Bytes that DuckDB keeps while it replaces rows of a table: A_COLUMN for each column, and A_ROW for each replaced row,
but at most once per `A_VECTOR` rows of the table. 20 rows in each of 444 tables with 8,858 columns took 280 MB; 20,000
among three million rows took 18 MB."""
AFTER_A_PACKAGE = "32MB"
"""What DuckDB may keep in memory after a package (`Warehouse.forget_what_was_written`)."""
RUNS_A_VACUUM = 10
"""Every tenth run lets its last checkpoint reclaim the space of replaced rows, if the run replaced any."""


class Warehouse:
    """An open destination, used in a `with` block. One thread loads packages; any thread may query.

    One class, as packages, states and queries share one connection: DuckDB opens a file only once.
    """

    def __init__(self, home: Home, destination: str) -> None:
        self._home, self._lock, self._asking = home, threading.Lock(), threading.Lock()
        self._connection: Any = None
        self._has_replaced = False
        self._memory = _memory_limit()
        self._replaced: Counter[str] = Counter()
        """Per table, the number of rows loaded in this run that may replace existing ones."""
        self._tables: Mapping[str, Any] | None = None
        _refuse_ignored_failures()
        home.create()
        shutil.rmtree(home.dlt / NAME, ignore_errors=True)
        self.pipeline = dlt.pipeline(
            NAME,
            destination=self._destination(destination),
            dataset_name=NAME,
            pipelines_dir=str(home.dlt),
        )
        # While dlt intercepts signals, one that comes when its last job has begun is lost: it would not stop the run.
        self.pipeline.runtime_config.intercept_signals = False
        try:
            self.pipeline.sync_destination()
            self._clear_half_loaded()
            self._go_on_above_newest()
        except BaseException:
            # This process could not open the file again while it stays attached.
            self.close()
            raise
        # Readers need the tables while packages are loaded, when dlt may be rewriting its schema.
        self._tables_at_first = frozenset(self.tables)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the database file."""
        self.pipeline.deactivate()
        if self._connection is not None:
            self._connection.close()

    def _destination(self, name: str) -> Any:
        if name not in LOCAL:
            return named_destination(name)()
        import duckdb

        try:
            self._connection = attached(
                self._home.working_database, {**DUCKDB_CONFIG, "memory_limit": self._memory}
            )
        except duckdb.Error as error:
            known = explain(error)
            if known.is_expected:
                raise known from error
            raise OmniumEltError(
                f"the working database cannot be opened: {str(error).splitlines()[0]}",
                f"If it is damaged, move {self._home.working_database} away: the next run loads all anew.",
            ) from None
        self._connection.execute("set TimeZone = 'UTC'")
        return dlt.destinations.duckdb(self._connection)

    # -- what the destination holds ----------------------------------------------------------------

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """The state of each resource, as of the last complete package."""
        sources = self.pipeline.state.get("sources", {})
        return {name: dict(state) for name, state in sources.get(NAME, {}).get("resources", {}).items()}

    @property
    def personal_mark(self) -> str | None:
        """How the loaded personal data were treated (`PersonalData.mark`); None before the first load."""
        mark = self.pipeline.state.get("sources", {}).get(NAME, {}).get(MARK)
        return None if mark is None else str(mark)

    @property
    def tables(self) -> Mapping[str, Any]:
        """The schemas of all tables with dlt's hints; cached per package, as dlt reads its file at every access."""
        if self._tables is None:
            self._tables = self.pipeline.schemas[NAME].tables if NAME in self.pipeline.schemas else {}
        return self._tables

    def query(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query. They are fetched by column, as many rows take less memory that way."""
        return zip(*(column.to_pylist() for column in self._columns_of(sql)), strict=True)

    def _columns_of(self, sql: str) -> list[pa.ChunkedArray]:
        if self._connection is not None:
            with self._asking:
                return self._connection.cursor().sql(sql).to_arrow_table().columns
        with self._lock, self.pipeline.sql_client() as client, client.execute_query(sql) as cursor:
            return cursor.arrow().columns

    def execute(self, sql: str) -> None:
        """Run a statement that changes rows."""
        if self._connection is not None:
            self._connection.cursor().execute(sql)
            return
        with self._lock, self.pipeline.sql_client() as client:
            client.execute_sql(sql)

    def name_of(self, table: str) -> str:
        """A table's name, qualified for this destination."""
        if self._connection is not None:
            return f'"{NAME}"."{table}"'
        with self._lock, self.pipeline.sql_client() as client:
            return client.make_qualified_table_name(table)

    def hashes(self, table: str) -> Hashes | None:
        """A lookup from row ids to the content hashes of rows that are not deleted, or were read as deleted ones.

        None if the table did not exist when the destination was opened, or has no such rows.
        """
        if table not in self._tables_at_first:
            return None
        held: dict[str, Any] = dict(
            self.query(
                f"select _dlt_id, _omnium_row_hash from {self.name_of(table)} "
                f"where _omnium_deleted_at is null or _omnium_row_hash like '{MARKED_HASH}%'"
            )
        )
        return (lambda keys: {key: held[key] for key in keys if key in held}) if held else None

    def ids(self, table: str) -> set[str]:
        """The row ids of a table, also those of rows marked as deleted; empty if the table does not exist."""
        if table not in self.tables or self._lacks(table):
            return set()
        with contextlib.suppress(DatabaseUndefinedRelation):  # somebody dropped the table
            return {id for (id,) in self.query(f"select _dlt_id from {self.name_of(table)}")}
        return set()

    def _clear_half_loaded(self) -> None:
        """Delete what interrupted packages left; on a server, only their bookkeeping."""
        if self._connection is not None:
            clear_half_loaded(self._connection.cursor())
            return
        for table in BOOKKEEPING:
            if "_dlt_load_id" in self.tables.get(table, {}).get("columns", {}):
                loads = f"select load_id from {self.name_of('_dlt_loads')} where status = 0"
                with contextlib.suppress(DatabaseUndefinedRelation):  # somebody dropped the table
                    self.execute(f"delete from {self.name_of(table)} where _dlt_load_id not in ({loads})")

    def _go_on_above_newest(self) -> None:
        """Number new packages above the loaded ones, even if the clock was set back since."""
        if "_dlt_loads" not in self.tables or self._lacks("_dlt_loads"):
            return
        with contextlib.suppress(DatabaseUndefinedRelation):  # somebody dropped the table
            ((newest,),) = self.query(f"select max(load_id) from {self.name_of('_dlt_loads')}")
            if newest:
                go_on_above(str(newest))

    def record_run(self, report: RunReport) -> None:
        """Add the run's row to `_omnium_runs` in this destination."""
        table = self.name_of(RUNS)
        columns = ", ".join(f"{name} {kind}" for name, kind in RUN_COLUMNS.items())
        failed = [one.name for one in report.resources if one.status in ("failed", "forbidden")]
        values = (
            literal(report.run_id),
            literal(report.command),
            instant(report.started_at),
            instant(datetime.now(UTC)),
            str(len(report.resources)),
            literal(", ".join(failed)),
            str(report.rows),
            str(report.requests),
        )
        self.execute(f"create table if not exists {table} ({columns})")
        self.execute(f"insert into {table} values ({', '.join(values)})")
        if self._connection is not None and self._has_replaced:
            ((counted,),) = self.query(f"select count(*) from {table}")
            if counted % RUNS_A_VACUUM == 0:
                self.execute("reset global max_vacuum_tasks")

    def has_run(self, run_id: str) -> bool:
        """Whether a run has its row in `_omnium_runs`."""
        if self._lacks(RUNS):
            return False
        with contextlib.suppress(DatabaseUndefinedRelation):
            return any(
                self.query(f"select run_id from {self.name_of(RUNS)} where run_id = {literal(run_id)}")
            )
        return False

    def _lacks(self, table: str) -> bool:
        """Whether DuckDB has no such table; a server says so when the table is queried."""
        return self._connection is not None and not columns_of(self._connection.cursor(), table)

    # -- loading packages --------------------------------------------------------------------------

    def load(self, package: Package) -> None:
        """Load one package: in one transaction if possible, otherwise through dlt.

        Raises OmniumEltError on failure; the next run then reads the package's windows again.
        """
        if self._connection is not None:
            self._make_room(package)
        if not self._put(package):
            self._have_dlt_load(package)

    def _make_room(self, package: Package) -> None:
        """Raise DuckDB's limit to what it needs to replace rows, as it fails with too little memory.

        All resources with all their fields are 600 tables. However few rows are replaced, DuckDB keeps some memory
        for each column, and for each part of a table that loses a row, until the next checkpoint.
        """
        sizes = sizes_of(self._connection.cursor())
        for root, tables in package.rows.items():
            if sizes.get(root):
                self._replaced.update(dict.fromkeys(family(self.tables, root, sizes), 0))
                for part in tables.parts:
                    self._replaced[part.name] += part.rows
        need = sum(
            len(self.tables[name].get("columns", ())) * A_COLUMN
            + min(rows, sizes[name] // A_VECTOR + 1) * A_ROW
            for name, rows in self._replaced.items()
            if name in sizes and name in self.tables
        )
        if need:
            self._memory = memory.for_database(LOADING + need)
            with self._asking:
                self._connection.cursor().execute(f"set memory_limit = '{self._memory}'")

    def _have_dlt_load(self, package: Package) -> None:
        self._has_replaced = True
        # Empty dlt's staging tables after the merge, so that the next checkpoint does not write their rows, too.
        dlt.config["load.truncate_staging_dataset"] = True
        if self._connection is not None:
            # DuckDB uses all cores for one statement; dlt's twenty workers would wait for each other and cost a
            # tenth more CPU.
            dlt.config["load.workers"] = os.cpu_count() or 1
        check_nesting()
        try:
            # Queries of other threads use the same pipeline, which only one thread may use at a time.
            with self._lock:
                self.pipeline.run(_source(_resources_of(package)), loader_file_format="parquet")
        except PipelineStepFailed as error:
            self._tables = None  # the package may have created some before it failed
            # Clear now, so that publish finds nothing half loaded; if the disk is full, the next run does it.
            with contextlib.suppress(Exception):
                self._clear_half_loaded()
            raise _load_error(error) from error
        finally:
            self._tables = None

    def _put(self, package: Package) -> bool:
        """Load a package in one transaction; return False if that is not possible and dlt has to load it."""
        if self._connection is None or not is_tried():
            return False
        missing = lacking(self._connection, package, self.tables)
        if missing is None:
            return False
        if missing:
            self._extend(missing)
        tables = self.tables
        load_id = new_load_id()
        with self._lock, next_state(self.pipeline, load_id) as (state, state_row):
            of_source = state.setdefault("sources", {}).setdefault(NAME, {})
            keep_mark(of_source, package.mark)
            of_source.setdefault("resources", {}).update(
                {name: dict(of_resource) for name, of_resource in package.states.items()}
            )
            loaded = {
                "load_id": load_id,
                "schema_name": NAME,
                "status": 0,
                "inserted_at": datetime.now(UTC),
                "schema_version_hash": self.pipeline.schemas[NAME].version_hash,
            }
            rows_of_dlt = {"_dlt_pipeline_state": state_row(), "_dlt_loads": loaded}
            try:
                self._has_replaced |= put(self._connection, package, tables, load_id, rows_of_dlt)
            except Exception as error:
                raise _load_error(error) from error
        return True

    def _extend(self, tables: Mapping[str, TableSchema]) -> None:
        """Create the dataset, missing tables and missing columns, as dlt would, before the rows that need them."""
        try:
            with self._lock:
                extend(self.pipeline, _source([]).schema, tables)
        except Exception as error:
            raise _load_error(error) from error
        finally:
            self._tables = None

    def forget_what_was_written(self) -> None:
        """Let DuckDB drop written data from memory, which it would otherwise keep up to its limit."""
        if self._connection is None:
            return
        import duckdb

        cursor = self._connection.cursor()
        # A query of a reader would fail for lack of memory meanwhile.
        with self._asking:
            # DuckDB drops what it can before it reports that the memory in use is above the limit, or that the disk is
            # full; the next package would report a full disk as well.
            with contextlib.suppress(duckdb.Error):
                cursor.execute(f"set memory_limit = '{AFTER_A_PACKAGE}'")
            cursor.execute(f"set memory_limit = '{self._memory}'")


@dlt.source(name=NAME, section=NAME, max_table_nesting=0)
def _source(resources: Iterable[DltResource]) -> Iterable[DltResource]:
    yield from resources


def _resources_of(package: Package) -> Iterator[DltResource]:
    """The contents of a package as dlt resources."""
    for name in package.rows:
        yield _replacing(package, name)
    for name, rows in package.beside.items():
        yield _adding(name, rows)


def _replacing(package: Package, name: str) -> DltResource:
    def generate() -> Iterator[Any]:
        mark_personal(package.mark)
        yield from items(package.rows[name], name)
        state = dlt.current.resource_state(name)
        state.clear()
        state.update(package.states[name])

    return replacing(RESOURCES[name], generate)


def _adding(name: str, rows: pa.Table) -> DltResource:
    def generate() -> Iterator[pa.Table]:
        # A package that fails may have written this table already; the id tells whether its rows are valid.
        load_id = pa.scalar(dlt.current.load_package_state()["load_id"], pa.string())
        yield rows.append_column("_dlt_load_id", pa.repeat(load_id, rows.num_rows))

    return dlt.resource(generate, name=name, write_disposition="append")


def named_destination(name: str) -> Any:
    """The class of one of dlt's destinations. Raises UsageError if dlt has none of that name."""
    kinds = {
        kind: made
        for kind, made in vars(dlt.destinations).items()
        if isinstance(made, type) and issubclass(made, Destination)
    }
    if name not in kinds:
        names = sorted({*kinds, *LOCAL})
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = (
            "To a bucket as well: --publish-to. "
            if is_url(name)
            else f"Did you mean {near[0]!r}? "
            if near
            else ""
        )
        raise UsageError(f"unknown destination {name!r}", f"{hint}There are {', '.join(names)}.")
    return kinds[name]


def _refuse_ignored_failures() -> None:
    """Raise UsageError if dlt is set to complete packages with failed jobs: rows would be lost."""
    for setting in (f"{NAME}.load.raise_on_failed_jobs", "load.raise_on_failed_jobs"):
        if str(dlt.config.get(setting)).lower() in ("false", "0"):
            raise UsageError(
                f"{setting.upper().replace('.', '__')} is false",
                "Leave it out: the cursor would move although rows are not loaded.",
            )


def _memory_limit() -> str:
    return MEMORY_WHERE_TIGHT if memory.is_tight() else DUCKDB_CONFIG["memory_limit"]


def _load_error(error: Exception) -> OmniumEltError:
    """Why a package failed, in two lines, as dlt's own message names every table and every step."""
    known = explain(error)
    if known.is_expected:
        return known
    cause: BaseException = error
    while inner := getattr(cause, "exception", None) or cause.__cause__:
        cause = inner
    text = " ".join(str(cause).split()) or type(cause).__name__
    return OmniumEltError(
        f"loading failed at {getattr(error, 'step', 'load')}: {text[:200]}",
        "Check the room on the disk and the permissions of the home; the next run reads this window again.",
    )


RUN_COLUMNS = {
    "run_id": "varchar(64)",
    "command": "varchar(64)",
    "started_at": "timestamp with time zone",
    "finished_at": "timestamp with time zone",
    "resources": "bigint",
    "failed_resources": "varchar(4000)",
    "rows_written": "bigint",
    "requests": "bigint",
}
