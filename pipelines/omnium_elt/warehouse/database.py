"""The working database: opening it, what it holds, and whether it changed."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import starmap
from pathlib import Path
from typing import Any

from omnium_elt.infra import memory
from omnium_elt.infra.errors import UnreadableError, is_damage
from omnium_elt.infra.files import partial_of, put_all

RAW = "omnium"
LOCAL = ("duckdb", "parquet", "delta")
"""Destinations whose raw data are in the working database of the home."""
IDS_A_STATEMENT = 1_000
"""Maximum number of ids in one statement."""


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def instant(moment: datetime) -> str:
    """A moment as an SQL literal."""
    return f"timestamp with time zone '{moment.isoformat(sep=' ')}'"


def id_lists(ids: Sequence[str]) -> Iterator[str]:
    """Ids as comma-separated SQL literals, `IDS_A_STATEMENT` at a time."""
    for start in range(0, len(ids), IDS_A_STATEMENT):
        yield ", ".join(map(literal, ids[start : start + IDS_A_STATEMENT]))


NO_VACUUM = 0
"""DuckDB's `max_vacuum_tasks`. A checkpoint would merge row groups that are not full, which after a first load takes a
tenth of the load's time and saves nothing. `Warehouse.record_run` turns it on when it pays off."""


STORAGE_VERSION = "v1.4.0"
"""Storage version of the working database and its published copy; every DuckDB from 1.4 on opens it. v1.2.0 lacks the
compression of texts that combines dictionary and FSST; trying both separately takes two fifths of DuckDB's time in a
load. v1.3.0 has it, but DuckDB 1.3 reads some values that DuckDB 2.0 writes with it as null."""
READABLE_VERSIONS = ("v1.0.0", "v1.2.0", STORAGE_VERSION)
ROWS_A_GROUP = 16_384
"""Rows of a row group; few packages fill one of DuckDB's default size, 122,880. Full groups are compressed and written
to the file at once; others go uncompressed to the WAL first, and to the file at the checkpoint."""
BYTES_A_BLOCK = 131_072
"""Block size of the file. A table takes at least one block: with DuckDB's default, 262,144, the hundreds of tables of a
small tenant took a hundred megabytes. With half of this size, orders with all fields took half as much space again, as
the texts of a row group did not fit into a block."""
RECEIPTS = "_omnium_windows"
"""Table with a row for every complete window, and the package it came in."""
RUNS = "_omnium_runs"
"""Table with a row for every run: what it did."""
DECISIONS = "_omnium_decisions"
"""Table of the purchaser's decisions (`decide/kept.py`)."""
ODD_VALUES = "_omnium_odd_values"
BOOKKEEPING = (RECEIPTS, ODD_VALUES)
"""Tables to which a package adds rows about itself (`steps/receipts.py`)."""
APPENDING = "_omnium_appending"
"""Table of the schema `main` in which version 0.1 named the resources that an unfinished package was appending to."""


_opening = threading.Lock()
"""Threads that open the same file share one DuckDB instance. While the first thread still registers DuckDB's functions
for Python, a second one could already need them: DuckDB 2.0 then reports that `python_arrow_scan` does not exist."""


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """Run the `with` block in a transaction, which is rolled back if the block raises."""
    import duckdb

    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A failed commit (a full disk) has ended the transaction already; its error says why.
        with contextlib.suppress(duckdb.TransactionException):
            connection.execute("rollback")
        raise


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[Any]:
    """Open a DuckDB file within the `with` block; a missing file is not created, but opened as an empty database."""
    import duckdb

    with _opening:
        connection = duckdb.connect(str(path), read_only=read_only) if path.exists() else duckdb.connect()
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set max_vacuum_tasks = {NO_VACUUM}")
        yield connection
    finally:
        connection.close()


@contextmanager
def published(path: Path) -> Iterator[Any]:
    """Open the published warehouse for reading within the `with` block.

    Raises UnreadableError if it is damaged, or lacks a table or column that this version of the program reads.
    """
    import duckdb

    try:
        with connect(path, read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        if is_damage(error):
            raise UnreadableError(f"{path} is damaged", "Publish it anew: omnium-elt publish.") from error
        if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
            raise UnreadableError(
                f"{path} lacks something that is read of it: {str(error).splitlines()[0]}",
                "Where another version published it: omnium-elt transform, then omnium-elt publish.",
            ) from error
        raise


def attached(path: Path, config: Mapping[str, str]) -> Any:
    """A connection for a load. A new file gets row groups of `ROWS_A_GROUP`, which only `attach` can set.

    An existing file keeps its size. With another size, DuckDB 2.0 fails to commit ("corrupted segment tree") if another
    program, such as dbt, has written to the file with its own size in between.
    """
    import duckdb

    # A killed process leaves a WAL; DuckDB replays it in memory that it cannot spill.
    has_log = path.with_name(f"{path.name}.wal").exists()
    limit = memory.for_database() if has_log else config["memory_limit"]
    connection = duckdb.connect(
        ":memory:", config={**config, "memory_limit": limit, "temp_directory": f"{path}.tmp"}
    )
    options = "" if path.exists() else new_file_options()
    try:
        connection.execute(f"attach {literal(str(path))} as {path.stem} {options}")
        # Without the in-memory database, cursors of this connection use the attached one.
        connection.execute(f"use {path.stem}")
        connection.execute("detach memory")
        if has_log:
            connection.execute("checkpoint")
            connection.execute(f"set memory_limit = '{config['memory_limit']}'")
    except BaseException:
        connection.close()
        if options:  # a full disk cut the header of the new file, and DuckDB could not open it again
            path.unlink(missing_ok=True)
        raise
    return connection


def new_file_options() -> str:
    """Options of `attach` for a new working database; DuckDB takes them nowhere else."""
    return f"(row_group_size {ROWS_A_GROUP}, block_size {BYTES_A_BLOCK}, storage_version '{STORAGE_VERSION}')"


def make_readable(path: Path) -> bool:
    """Write a database anew if its storage version is newer than READABLE_VERSIONS; return whether it was.

    An earlier version of this program wrote such files. The database must not be open, and the disk needs room for a
    second one.
    """
    import duckdb

    partial = partial_of(path)
    partial.unlink(missing_ok=True)
    with contextlib.closing(duckdb.connect()) as connection:
        connection.execute(f"attach {literal(str(path))} as old")
        (version,) = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where database_name = 'old'"
        ).fetchone()
        if str(version).rstrip("+") in READABLE_VERSIONS:
            return False
        try:
            connection.execute(f"attach {literal(str(partial))} as new {new_file_options()}")
            connection.execute("copy from database old to new")
            connection.execute("checkpoint new")
            connection.execute("detach new")
            connection.execute("checkpoint old")
            connection.execute("detach old")
            put_all([(partial, path)], mode=0o600)
        finally:
            for left in (partial, partial.with_name(partial.name + ".wal")):
                left.unlink(missing_ok=True)
    return True


def tables(connection: Any, schema: str = RAW) -> dict[str, dict[str, str]]:
    """The tables (not views) of a schema: table → column → type."""
    rows = connection.execute(
        """
        select table_name, list(column_name order by column_index), list(data_type order by column_index)
        from duckdb_columns()
        where schema_name = ? and not internal
            and table_name in (select table_name from duckdb_tables() where schema_name = ?)
        group by table_name
        order by table_name
        """,
        [schema, schema],
    ).fetchall()
    return {table: dict(zip(columns, types, strict=True)) for table, columns, types in rows}


def columns_of(connection: Any, table: str, schema: str = RAW) -> dict[str, str]:
    """The columns of one table, with their types; empty if it does not exist. `tables` takes ten times as long."""
    found = connection.execute(
        """
        select column_name, data_type
        from duckdb_columns()
        where schema_name = ? and table_name = ?
        order by column_index
        """,
        [schema, table],
    )
    return dict(found.fetchall())


def ids_of(connection: Any, table: str) -> set[str]:
    """The row ids of a raw table; empty if it does not exist."""
    if "_dlt_id" not in columns_of(connection, table):
        return set()
    return {id for (id,) in connection.execute(f'select _dlt_id from "{RAW}"."{table}"').fetchall()}


def sizes_of(connection: Any) -> dict[str, int]:
    """The approximate number of rows of each raw table."""
    found = connection.execute(
        "select table_name, estimated_size from duckdb_tables() where schema_name = ?", [RAW]
    )
    return dict(found.fetchall())


def described(connection: Any, table: str) -> dict[str, Any]:
    """The manifest's entry of a raw table: its number of rows, and its columns with their types."""
    source = f'"{RAW}"."{table}"'
    ((rows,),) = connection.execute(f"select count(*) from {source}").fetchall()
    columns = connection.execute(f"describe {source}").fetchall()
    return {"rows": rows, "columns": [{"name": name, "type": kind} for name, kind, *_ in columns]}


def clear_half_loaded(connection: Any) -> None:
    """Delete what an interrupted package left: appended rows, and bookkeeping such as receipts.

    Merged rows stay: a merge of a table and its children is one transaction, so they are complete, and the next run
    reads them again.
    """
    if not columns_of(connection, "_dlt_loads"):
        return
    whole_loads = f"select load_id from {RAW}._dlt_loads where status = 0"
    with transaction(connection):
        for table in BOOKKEEPING:
            if "_dlt_load_id" in columns_of(connection, table):
                connection.execute(f"delete from {RAW}.{table} where _dlt_load_id not in ({whole_loads})")
        if columns_of(connection, APPENDING, "main"):
            columns = tables(connection)
            for (root,) in connection.execute(f"select resource from main.{APPENDING}").fetchall():
                if root in columns:
                    _clear_half_appended(connection, root, columns, whole_loads)
            connection.execute(f"drop table main.{APPENDING}")


def _clear_half_appended(connection: Any, root: str, columns: Mapping[str, Any], whole_loads: str) -> None:
    complete = f'select _dlt_id from {RAW}."{root}" where _dlt_load_id in ({whole_loads})'
    for child in (name for name in columns if name.startswith(f"{root}__")):
        connection.execute(f'delete from {RAW}."{child}" where _dlt_root_id not in ({complete})')
    connection.execute(f'delete from {RAW}."{root}" where _dlt_id not in ({complete})')


def fingerprint(connection: Any) -> dict[str, str]:
    """A digest per raw table that changes with its rows; per bookkeeping table, one of what the models read of it.

    A changed row carries the id of the load that changed it, and children come with their root row. So columns,
    counts, the newest load and the deletion marks are enough; the rows need not be read.
    """
    columns = {table: of_table for table, of_table in tables(connection).items() if not table.startswith("_")}
    if not columns:
        return {}
    # One statement for hundreds of tables takes half as long as one for each.
    counted = connection.execute(" union all ".join(starmap(_figures, columns.items()))).fetchall()
    found = {table: digest([columns[table], figures]) for table, figures in counted}
    # A child may change without a change of its count.
    for table in found:
        root = table.split("__")[0]
        if root != table and root in found:
            found[table] = digest([found[table], found[root]])
    return {**found, **_of_bookkeeping(connection)}


def _figures(table: str, columns: Mapping[str, str]) -> str:
    """The query of a table's name, and of figures that change with its rows."""
    figures = ["count(*)"]
    if "_dlt_load_id" in columns:
        figures.append("max(_dlt_load_id)")
    if "_omnium_deleted_at" in columns:
        figures += ["count(_omnium_deleted_at)", "max(_omnium_deleted_at)"]
    texts = ", ".join(f"{figure}::varchar" for figure in figures)
    return f'select {literal(table)}, [{texts}] from "{RAW}"."{table}"'


_READ_BY_MARTS = {
    RECEIPTS: (
        "left_out_before",
        """
        select resource, max(left_out_before)
        from (
            select resource, left_out_before, rank() over (partition by resource order by _dlt_load_id desc) as place
            from {table}
        )
        where place = 1
        group by resource
        having count(*) = count(left_out_before)
        order by all
        """,
    ),
    ODD_VALUES: (
        "kind",
        "select distinct table_name, column_name, kind, example_keys from {table} order by all",
    ),
    DECISIONS: ("number", "select count(*), max(decided_at) from {table}"),
}
"""Bookkeeping table → a column that it must have, and the query of what the marts read there."""


def _of_bookkeeping(connection: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for table, (column, query) in _READ_BY_MARTS.items():
        if column in columns_of(connection, table):
            rows = connection.execute(query.format(table=f'"{RAW}"."{table}"')).fetchall()
            found[table] = digest([[str(value) for value in row] for row in rows])
    return found


@dataclass(frozen=True)
class Held:
    """What a database holds, per resource."""

    rows: dict[str, int] = field(default_factory=dict)
    """Root rows, including those marked as deleted."""
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The state as of the last complete package."""
    late: dict[str, int] = field(default_factory=dict)
    """Recommended settling lag in seconds, for resources whose receipts show rows that came late."""

    @property
    def cursors(self) -> dict[str, str]:
        """Per resource, the moment (ISO 8601) up to which it was read."""
        return {name: str(state["cursor"]) for name, state in self.states.items() if state.get("cursor")}


def held(connection: Any) -> Held:
    """Rows, states and recommended lags per resource, of a working or a published database."""
    columns = tables(connection)
    rows = {
        table: connection.execute(f'select count(*) from "{RAW}"."{table}"').fetchone()[0]
        for table in columns
        if not table.startswith("_") and "__" not in table
    }
    late: dict[str, int] = {}
    if "max_lateness_seconds" in columns.get(RECEIPTS, {}):
        measured = connection.execute(
            f"select resource, max(max_lateness_seconds) from {RAW}.{RECEIPTS} "
            "where max_lateness_seconds > 0 group by resource"
        ).fetchall()
        # One and a half times the largest lateness, rounded up to 30 seconds.
        late = {resource: int(-(-float(seconds) * 1.5 // 30) * 30) for resource, seconds in measured}
    return Held(rows, _states(connection, columns), late)


def _states(connection: Any, columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The states of the resources that dlt keeps beside the rows, as of the last complete package."""
    if not {"_dlt_pipeline_state", "_dlt_loads"} <= set(columns):
        return {}
    row = connection.execute(
        f"select state from {RAW}._dlt_pipeline_state join {RAW}._dlt_loads on load_id = _dlt_load_id "
        "where pipeline_name = ? and status = 0 order by load_id desc limit 1",
        [RAW],
    ).fetchone()
    if row is None:
        return {}
    from omnium_source.dlt_private import pipeline_state

    sources = pipeline_state(row[0]).get("sources", {})
    return {name: dict(state) for name, state in sources.get(RAW, {}).get("resources", {}).items()}


def newest_load(connection: Any, time_zone: str) -> tuple[date | None, bool]:
    """The calendar day of the newest load in `time_zone`, and whether half of that day had passed by then.

    The day is None before the first load. The second value is the models' variable `is_as_of_day_over`.
    """
    for table, column in (("_dlt_loads", "inserted_at"), (RUNS, "finished_at")):
        if columns := columns_of(connection, table):
            # The newest load has the highest id: an earlier one may have a later time if the clock was ahead.
            newest = (
                f'where load_id = (select max(load_id) from "{RAW}"."{table}")'
                if "load_id" in columns
                else ""
            )
            row = connection.execute(
                f"""
                select day, 2 * (epoch(loaded) - 1) >= epoch(second_before at time zone $zone)
                    + epoch((second_before + interval 1 day) at time zone $zone)
                from (
                    select loaded, cast(loaded at time zone $zone as date) as day,
                        cast(day as timestamp) - interval 1 second as second_before
                    from (select max("{column}") as loaded from "{RAW}"."{table}" {newest})
                )
                """,
                {"zone": time_zone},
            ).fetchone()
            if row and row[0]:
                return row
    return None, True


def digest(value: Any) -> str:
    """A short digest of a value that JSON can hold."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()
