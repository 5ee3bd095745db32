"""The working database: how it is opened."""

import os
from pathlib import Path

import duckdb
import pytest

from pipelines.home import Home
from pipelines.warehouse import ROWS_A_GROUP, Warehouse


def test_cursors_find_the_file_and_rows_go_into_it_in_full_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    home = Home(tmp_path / "it's a home")
    with Warehouse(home, "duckdb") as warehouse:
        catalogs = warehouse.query(
            "select current_catalog() as now, database_name from duckdb_databases() where not internal"
        )
        assert catalogs.to_pylist() == [{"now": "warehouse", "database_name": "warehouse"}]
        folder = warehouse.query("select current_setting('temp_directory') as folder").to_pylist()
        assert folder == [{"folder": f"{home.working_database}.tmp"}]
        warehouse.execute(
            f"create table main.numbers as select range as number from range({4 * ROWS_A_GROUP})"
        )
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        groups = connection.execute(
            "select row_group_id, sum(count) from pragma_storage_info('main.numbers') "
            "where segment_type <> 'VALIDITY' group by row_group_id order by row_group_id"
        ).fetchall()
    assert groups == [(number, ROWS_A_GROUP) for number in range(4)]
    assert os.listdir(elsewhere) == []


def test_a_new_column_can_be_filled_after_dbt_has_written_to_the_file(tmp_path: Path) -> None:
    """Opened with row groups of another size than in between, DuckDB could not commit, and called the file damaged."""
    home = Home(tmp_path / "home")
    with Warehouse(home, "duckdb") as warehouse:
        warehouse.execute(
            f"create table main.numbers as select range as number from range({6 * ROWS_A_GROUP})"
        )
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("create table main.mart as select 1 as figure")
        connection.execute("force checkpoint")
    with Warehouse(home, "duckdb") as warehouse:
        warehouse.execute("alter table main.numbers add column note varchar")
        warehouse.execute("delete from main.numbers where number % 100 = 7")
        warehouse.execute("insert into main.numbers values (7, 'again')")
        assert warehouse.query(
            "select count(*) as rows, count(note) as notes from main.numbers"
        ).to_pylist() == [{"rows": 6 * ROWS_A_GROUP - 983 + 1, "notes": 1}]
