"""Opening the working or the published database."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow
import pytest
from omnium_elt.warehouse import database


def test_many_threads_open_one_file(tmp_path: Path) -> None:
    """As the dashboard's do: a request each, and an Arrow table in each."""
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()

    def rows(number: int) -> list[tuple[int]]:
        with database.connect(path, read_only=True) as connection:
            connection.register("numbers", pyarrow.table({"number": [number]}))
            found: list[tuple[int]] = connection.execute("select number from numbers").fetchall()
            return found

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(rows, range(500))) == [[(number,)] for number in range(500)]


def test_a_commit_that_fails_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "no log of changes here?"
    folder.mkdir()
    with (
        contextlib.closing(duckdb.connect(str(folder / "a.duckdb"))) as connection,
        pytest.raises(duckdb.Error, match="Cannot open file"),
        database.transaction(connection),
    ):
        connection.execute("create table one (id integer)")
