"""The working database: how it is opened."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport
from omnium_elt.warehouse.database import ROWS_A_GROUP
from omnium_elt.warehouse.destination import DUCKDB_CONFIG, Warehouse
from omnium_elt.warehouse.one_transaction import Package
from omnium_source.normalize.buffer import Part, Tables


def test_cursors_find_the_file_and_rows_go_into_it_in_full_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    home = Home(tmp_path / "it's a home")
    with Warehouse(home, "duckdb") as warehouse:
        catalogs = warehouse.query(
            "select current_catalog(), database_name from duckdb_databases() where not internal"
        )
        assert list(catalogs) == [("warehouse", "warehouse")]
        folder = warehouse.query("select current_setting('temp_directory')")
        assert list(folder) == [(f"{home.working_database}.tmp",)]
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


CUT_WHILE_IT_IS_MADE = """
import resource, signal, sys
from pathlib import Path
from omnium_elt.warehouse.database import attached
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
attached(Path(sys.argv[1]), {"memory_limit": "128MB"})
"""


@pytest.mark.parametrize("bytes_left", [0, 4_096, 8_192])
def test_a_file_whose_header_a_full_disk_cuts_does_not_stay(tmp_path: Path, bytes_left: int) -> None:
    """DuckDB writes the header of a new file in three steps, and could not open what is left of it."""
    path = tmp_path / "warehouse.duckdb"
    command = [sys.executable, "-B", "-c", CUT_WHILE_IT_IS_MADE, str(path), str(bytes_left)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "IOException" in done.stderr, path.exists()) == (1, True, False), done.stderr


def test_a_file_that_was_cut_beside_its_log_is_left_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    home.working_database.write_bytes(b"")
    log = home.working_database.with_name("warehouse.duckdb.wal")
    log.write_bytes(b"what was written since the last checkpoint")
    with pytest.raises(OmniumEltError, match="damaged"):
        Warehouse(home, "duckdb")
    assert log.exists()


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
        counts = warehouse.query("select count(*), count(note) from main.numbers")
        assert list(counts) == [(6 * ROWS_A_GROUP - 983 + 1, 1)]


def test_what_was_written_is_not_kept_in_memory(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    held = "select sum(memory_usage_bytes) from duckdb_memory()"
    with Warehouse(home, "duckdb") as warehouse:
        limit = list(warehouse.query("select current_setting('memory_limit')"))
        warehouse.execute("create schema omnium")
        warehouse.execute("create table omnium.orders as select hash(range) as id from range(8_000_000)")
        ((before,),) = warehouse.query(held)
        warehouse.forget_what_was_written()
        ((after,),) = warehouse.query(held)
        assert after < 33_000_000 < before
        assert list(warehouse.query("select current_setting('memory_limit')")) == limit


KILLED = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1], config={"checkpoint_threshold": "1GB"})
columns = ", ".join(f"{number}::varchar as field_{number}" for number in range(100))
connection.execute("begin")
for number in range(500):
    connection.execute(f"create table main.orders_{number} as select {columns} from range(10)")
connection.execute("commit")
os._exit(9)
"""


@pytest.mark.slow
def test_what_a_killed_process_left_to_be_repeated_may_take_more_than_a_load(tmp_path: Path) -> None:
    """DuckDB repeats a log of 11 MB in 200 MB of memory: with less, such a home could never be opened again."""
    home = Home(tmp_path / "home")
    with Warehouse(home, "duckdb") as warehouse:
        limit = list(warehouse.query("select current_setting('memory_limit')"))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(home.working_database)])
    log = Path(f"{home.working_database}.wal")
    assert (ended.returncode, log.exists()) == (9, True)
    with Warehouse(home, "duckdb") as warehouse:
        assert not log.exists()
        tables = warehouse.query("select count(*) from duckdb_tables() where schema_name = 'main'")
        assert list(tables) == [(500,)]
        assert list(warehouse.query("select current_setting('memory_limit')")) == limit


STORE = Package(
    {"stores": Tables([Part("stores", 1, pa.table({"_dlt_id": ["1"]}))], {"stores": {}})},
    {"stores": {}},
    "hash:0",
)


def test_rows_in_many_wide_tables_are_replaced_with_more_memory_than_new_ones_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each table that is written to takes memory until a checkpoint: a home with all resources could never go on."""
    monkeypatch.setattr("omnium_elt.warehouse.destination.LOADING", 16_000_000)
    monkeypatch.setitem(DUCKDB_CONFIG, "memory_limit", "16MB")
    names = [f"stores__list_{number}" for number in range(40)]
    hints = {f"field_{number}": {"data_type": "text"} for number in range(40)}

    def package(value: str) -> Package:
        root = Part("stores", 3, pa.table({"_dlt_id": ["1", "2", "3"]}))
        columns = {
            "_dlt_id": ["a", "b", "c"],
            "_dlt_root_id": ["1", "2", "3"],
            "_dlt_parent_id": ["1", "2", "3"],
        }
        child = pa.table({**columns, **dict.fromkeys(hints, [value] * 3)})
        parts = [root, *(Part(name, 3, child) for name in names)]
        return Package(
            {"stores": Tables(parts, {"stores": {}, **dict.fromkeys(names, hints)})}, {"stores": {}}, "hash:0"
        )

    home = Home(tmp_path / "home")
    for value in ("first", "second"):
        with Warehouse(home, "duckdb") as warehouse:
            warehouse.load(package(value))
            warehouse.forget_what_was_written()
            warehouse.execute("update omnium.stores set _dlt_load_id = _dlt_load_id")
    with duckdb.connect(str(home.working_database)) as connection:
        counted = connection.execute(
            " union ".join(
                f"select count(*), min(field_0), max(field_39) from omnium.{name}" for name in names
            )
        ).fetchall()
    assert counted == [(3, "second", "second")]


@pytest.mark.parametrize(
    ("merges", "runs", "groups"), [(False, 10, 8), (True, 0, 8), (True, 9, 8), (True, 10, 6)]
)
def test_every_tenth_run_that_replaced_rows_puts_small_groups_together(
    tmp_path: Path, merges: bool, runs: int, groups: int
) -> None:
    home = Home(tmp_path / "home")
    with Warehouse(home, "duckdb") as warehouse:
        for _ in range(1 + merges):
            warehouse.load(STORE)
        warehouse.execute("create table omnium.orders (id bigint)")
        for _ in range(4):
            warehouse.execute(f"insert into omnium.orders select range from range({ROWS_A_GROUP * 3 // 2})")
        for _ in range(runs):
            warehouse.record_run(RunReport.begin("load"))
    with duckdb.connect(str(home.working_database)) as connection:
        counted = connection.execute(
            "select count(distinct row_group_id) from pragma_storage_info('omnium.orders')"
        ).fetchall()
    assert counted == [(groups,)]
