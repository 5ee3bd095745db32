"""Accidents on purpose: runs the command line in a process that dies at a named point, and looks at what is left.

    python -m tests.support.accidents merge:2 load --home …      dies within the second merge of a load package

rows:N                 after one transaction inserted the rows of N tables of a package
rows_of_dlt:N          after it inserted N of dlt's own rows as well
extract, normalize     after this step of dlt        merge:N      before the last statement of merge N
copied:N               after N files of a package were copied    merged:N     after merge N was committed
complete               before a package is marked as loaded
package:N              after package N               copy         when half of the warehouse is copied
replace:NAME           before the file NAME is replaced          replaced:NAME  after it is replaced
model:N                after dbt has built N models and tests

The points from `extract` to `complete` make dlt load the package in its own way.
"""

import dataclasses
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.infra import files
from omnium_elt.infra.home import Home
from omnium_elt.warehouse.manifest import TABLE
from omnium_sandbox import Sandbox

from tests.support.parsing import share_parsing_of_transforms
from tests.support.tenants import environment_of

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


def die() -> None:
    """End this process as a power cut would: nothing is flushed, closed or cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Make this process die at `point`."""
    name, _, argument = point.partition(":")
    if name in ("extract", "normalize", "complete", "copied", "merge", "merged"):
        _patch("omnium_elt.warehouse.destination", "lacking", lambda _: lambda *_: None)
    {
        "rows": lambda: _after("omnium_elt.warehouse.one_transaction", "_insert", int(argument)),
        "rows_of_dlt": lambda: _after("omnium_elt.warehouse.one_transaction", "_add", int(argument)),
        "extract": lambda: _after("dlt.pipeline.pipeline.Pipeline", "extract", 1),
        "normalize": lambda: _after("dlt.pipeline.pipeline.Pipeline", "normalize", 1),
        "complete": lambda: _after(
            "dlt.destinations.impl.duckdb.duck.DuckDbClient", "complete_load", 1, before=True
        ),
        "copied": lambda: _after("dlt.destinations.impl.duckdb.duck.DuckDbCopyJob", "run", int(argument)),
        "merge": lambda: _within_merge(int(argument)),
        "merged": lambda: _after("dlt.destinations.job_client_impl.SqlLoadJob", "run", int(argument)),
        "package": lambda: _after("omnium_elt.warehouse.destination.Warehouse", "load", int(argument)),
        "model": lambda: _after_models(int(argument)),
        "copy": _within_copy,
        "replace": lambda: _at_replace(argument, before=True),
        "replaced": lambda: _at_replace(argument, before=False),
    }[name]()


def _patch(owner: str, name: str, wrap: Callable[[Any], Any]) -> None:
    import importlib

    module, _, kind = owner.rpartition(".")
    holder = getattr(importlib.import_module(module), kind)
    setattr(holder, name, wrap(getattr(holder, name)))


def _after(owner: str, name: str, number: int, *, before: bool = False) -> None:
    """Die after the `number`th call of a function or, with `before`, instead of it."""
    calls = itertools.count(1)

    def wrap(original: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            is_it = next(calls) == number
            if is_it and before:
                die()
            answer = original(*arguments, **named)
            if is_it:
                die()
            return answer

        return wrapped

    _patch(owner, name, wrap)


def _within_merge(number: int) -> None:
    """Die when all statements of a merge except the last were executed and nothing was committed."""
    merges = itertools.count(1)

    def wrap(original: Any) -> Any:
        def wrapped(self: Any, statements: Any, *arguments: Any, **named: Any) -> Any:
            statements = list(statements)
            if any("delete from" in statement.lower() for statement in statements) and next(merges) == number:
                original(self, statements[:-1], *arguments, **named)
                die()
            return original(self, statements, *arguments, **named)

        return wrapped

    _patch("dlt.destinations.impl.duckdb.sql_client.DuckDbSqlClient", "execute_many", wrap)


def _after_models(number: int) -> None:
    built = itertools.count(1)

    def wrap(original: Any) -> Any:
        def wrapped(progress: Any) -> Any:
            count = original(progress)

            def counted(event: Any) -> None:
                if event.info.name == "NodeFinished" and next(built) == number:
                    die()
                count(event)

            return counted

        return wrapped

    _patch("omnium_elt.steps.dbt_commands", "_counting", wrap)


def _within_copy() -> None:
    def half(source: Any, target: Any) -> None:
        content = Path(source).read_bytes()
        Path(target).write_bytes(content[: len(content) // 2])
        die()

    shutil.copyfile = half  # type: ignore[assignment]
    files.cloned = lambda source, target: False


def _at_replace(name: str, *, before: bool) -> None:
    original = os.replace

    def replace(source: Any, target: Any, **named: Any) -> None:
        is_it = Path(target).name == name
        if is_it and before:
            die()
        original(source, target, **named)
        if is_it:
            die()

    os.replace = replace


def start(sandbox: Sandbox, home: Home, *arguments: str, point: str = "-", **environment: str) -> Any:
    """Start the command line in its own process and capture its output."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.accidents",
            point,
            *arguments,
            "--home",
            str(home.root),
            "--json",
        ],
        cwd=ROOT,
        env={**os.environ, **environment_of(sandbox), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(sandbox: Sandbox, home: Home, *arguments: str, point: str = "-", **environment: str) -> Any:
    """Start it and wait for it; `out` and `err` hold its output."""
    process = start(sandbox, home, *arguments, point=point, **environment)
    process.out, process.err = process.communicate()
    return process


def small_pages(monkeypatch: pytest.MonkeyPatch, take: int) -> None:
    """Let pages and batches hold few rows, so that a small tenant takes many requests."""
    from omnium_source.resources import select

    def selected(*names: Any) -> Any:
        return [dataclasses.replace(row, take=take, scroll_take=2 * take) for row in select(*names)]

    monkeypatch.setattr("omnium_elt.steps.load.select", selected)


# Looking at warehouses ------------------------------------------------------------------------------


def differences(one: Path, other: Path, resource: str = "") -> list[str]:
    """A line for each raw table (of a resource) that differs between two databases; load ids are ignored."""
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        found = [
            f"{table}: columns {mine} and {theirs}"
            for table, mine, theirs in connection.execute(_COLUMNS_THAT_DIFFER).fetchall()
        ]
        for table, columns in connection.execute(_TABLES).fetchall():
            if any(line.startswith(f"{table}:") for line in found) or not table.startswith(resource):
                continue
            listed = ", ".join(f'"{column}"' for column in sorted(columns))
            for mine, theirs in (("one", "other"), ("other", "one")):
                rows = connection.execute(
                    f'select count(*) from (select {listed} from {mine}.omnium."{table}" '
                    f'except all select {listed} from {theirs}.omnium."{table}")'
                ).fetchone()
                assert rows
                if rows[0]:
                    found.append(f"{table}: {rows[0]} rows are in {mine} only")
        assert connection.execute(_TABLES).fetchall()
        return found


_TABLES = """
    select table_name, list(column_name)
    from duckdb_columns()
    where database_name = 'one' and schema_name = 'omnium' and table_name not like '\\_%' escape '\\'
        and column_name <> '_dlt_load_id'
    group by table_name order by table_name
"""
_COLUMNS_THAT_DIFFER = """
    with shapes as (
        select
            database_name,
            table_name,
            string_agg(column_name || ' ' || data_type, ',' order by column_name) as shape
        from duckdb_columns()
        where schema_name = 'omnium' and table_name not like '\\_%' escape '\\'
        group by all
    )
    select coalesce(one.table_name, other.table_name), one.shape, other.shape
    from (from shapes where database_name = 'one') as one
    full join (from shapes where database_name = 'other') as other using (table_name)
    where one.shape is distinct from other.shape
"""


def version_of(warehouse: Path) -> str:
    """A digest of all rows of a published warehouse, load ids included, without the time of its publication."""
    return _digest(
        warehouse, f"table_name in (select table_name from duckdb_tables()) and table_name <> '{TABLE}'"
    )


def content_of(warehouse: Path) -> str:
    """The same without what differs from load to load: load ids, and the program's own tables."""
    return _digest(warehouse, "column_name <> '_dlt_load_id' and not starts_with(table_name, '_')")


def _digest(warehouse: Path, which_columns: str) -> str:
    digest = hashlib.sha256()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, string_agg('\"' || column_name || '\"', ', ' order by column_name) "
            f"from duckdb_columns() where schema_name in ('omnium', 'marts') and {which_columns} "
            "group by all order by all"
        ).fetchall()
        assert tables
        for schema, table, columns in tables:
            row = connection.execute(
                f'select count(*), bit_xor(hash(rows)) from (select {columns} from "{schema}"."{table}") as rows'
            ).fetchone()
            digest.update(f"{schema}.{table}{row}".encode())
    return digest.hexdigest()


def versions_of_exports(exports: Path) -> dict[str, str]:
    """The digest of each exported mart; asserts that each file is complete."""
    found = {}
    for path in sorted(exports.glob("*.parquet")):
        content = path.read_bytes()
        found[path.name] = hashlib.sha256(content).hexdigest()
        assert content[:4] == content[-4:] == b"PAR1", f"{path.name} is a half"
    return found


class Reader:
    """Looks at the warehouse and the exports of a home again and again, as analysts and BI tools do.

    `version` identifies what it saw: `version_of`, or `content_of` if the load ids of two runs may differ.
    """

    def __init__(self, home: Home, version: Callable[[Path], str] = version_of) -> None:
        self._home, self._version = home, version
        self.warehouses: set[str] = set()
        self.exports: dict[str, set[str]] = {}
        self.errors: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._end.is_set()
            began = time.monotonic()
            try:
                self.warehouses.add(self._version(self._home.warehouse))
                for name, version in versions_of_exports(self._home.exports).items():
                    self.exports.setdefault(name, set()).add(version)
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            # A reader that never paused would take half of the machine from the runs that it watches.
            self._end.wait(0.1 + 3 * (time.monotonic() - began))

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def everything_in(folder: Path, *, unpacked: bool = False) -> Iterator[tuple[Path, bytes]]:
    """Yield all files below a folder with their content; `unpacked` adds the rows of databases and Parquet files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path, content + (_rows_of(path).encode() if unpacked else b"")


def _rows_of(path: Path) -> str:
    """The rows of a file that stores them compressed."""
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
            ).fetchall()
            return "".join(
                repr(connection.execute(f'from "{schema}"."{table}"').fetchall()) for schema, table in tables
            )
    if path.suffix == ".parquet":
        if path.stat().st_size < 8 or not path.read_bytes().endswith(b"PAR1"):
            return ""  # the process was killed while writing this file, so nothing can read it
        with duckdb.connect() as connection:
            return repr(connection.execute(f"from '{path}'").fetchall())
    return ""


def main(arguments: list[str]) -> int:
    """Arm this process, then run the command line."""
    from omnium_elt.cli import main as command_line
    from omnium_elt.steps import load

    share_parsing_of_transforms()
    point, *rest = arguments
    if point != "-":
        # Many small packages give more moments to die at.
        load.ROWS_A_PACKAGE = 20
        arm(point)
    return command_line(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
