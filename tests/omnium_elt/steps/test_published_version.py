"""warehouse.duckdb is for whoever has an older DuckDB: tools and drivers lag a year behind."""

import json
import os
import subprocess
import venv
from pathlib import Path

import duckdb
import pytest
from omnium_elt.warehouse.database import STORAGE_VERSION, make_readable, new_file_options

GIVEN = os.environ.get("OLD_DUCKDB_PYTHON")
READ_ALL = """
import json, sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    relations = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal "
        "union all select schema_name, view_name from duckdb_views() where not internal order by all"
    ).fetchall()
    failed = {}
    for schema, name in relations:
        try:
            connection.execute(f'select * from "{schema}"."{name}"').fetchall()
        except Exception as error:
            failed[f"{schema}.{name}"] = str(error)[:200]
print(json.dumps({"version": duckdb.__version__, "read": [f"{s}.{n}" for s, n in relations], "failed": failed}))
"""


@pytest.fixture(scope="session")
def old_duckdb(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with DuckDB 1.4; .ci/run gives one."""
    if GIVEN:
        return GIVEN
    folder = tmp_path_factory.mktemp("duckdb-1.4")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "duckdb==1.4.*", "pytz"], capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip("DuckDB 1.4 cannot be installed here: no package index within reach has it")
    return python


@pytest.mark.slow
def test_duckdb_1_4_reads_every_table_and_view(finished_home: Path, old_duckdb: str) -> None:
    answer = subprocess.run(
        [old_duckdb, "-c", READ_ALL, str(finished_home / "warehouse.duckdb")],
        capture_output=True,
        text=True,
        check=True,
    )
    read = json.loads(answer.stdout)
    assert read["version"].startswith("1.4.")
    assert read["failed"] == {}
    assert {"omnium.orders", "staging.stg_orders", "marts.replenishment"} <= set(read["read"])
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        here = connection.execute("select count(*) from duckdb_tables() where not internal").fetchall()[0][0]
        here += connection.execute("select count(*) from duckdb_views() where not internal").fetchall()[0][0]
    assert len(read["read"]) == here


def version_of(path: Path) -> str:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where database_name = current_database()"
        ).fetchall()
    return str(found[0][0]).rstrip("+")


def test_published_and_working_database_have_the_old_version(finished_home: Path) -> None:
    assert version_of(finished_home / "warehouse.duckdb") == STORAGE_VERSION
    assert version_of(finished_home / "state" / "warehouse.duckdb") == STORAGE_VERSION


def test_a_database_of_an_earlier_release_is_written_anew_once(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made (storage_version 'latest')")
        connection.execute("create schema made.omnium")
        connection.execute("create table made.omnium.orders (id varchar primary key, amount decimal(38, 9))")
        connection.execute("insert into made.omnium.orders values ('a', 1.5), ('b', null)")
        connection.execute("comment on table made.omnium.orders is 'what was sold'")
        connection.execute("comment on column made.omnium.orders.id is 'its number'")
        connection.execute("create view made.omnium.sold as select id from omnium.orders where amount > 0")
    assert make_readable(path)
    assert version_of(path) == STORAGE_VERSION
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select id, amount::double from omnium.orders order by id").fetchall() == [
            ("a", 1.5),
            ("b", None),
        ]
        assert connection.execute("select * from omnium.sold").fetchall() == [("a",)]
        comments = connection.execute(
            "select comment from duckdb_tables() union all "
            "select comment from duckdb_columns() where not internal and comment is not null"
        ).fetchall()
        assert sorted(comments) == [("its number",), ("what was sold",)]
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert sorted(other.name for other in tmp_path.iterdir()) == ["warehouse.duckdb"]
    assert not make_readable(path)


def test_an_old_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made {new_file_options()}")
        connection.execute("create table made.numbers as select 1 as number")
    before = path.stat().st_ino
    assert not make_readable(path)
    assert path.stat().st_ino == before


def test_small_tables_take_little_room(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made {new_file_options()}")
        for number in range(100):
            connection.execute(f"create table made.small_{number} as select 1 as number")
    with duckdb.connect(str(path)) as connection:  # as dbt opens it
        connection.execute("create table another as select * from small_7")
        assert connection.execute("select * from another").fetchall() == [(1,)]
    assert path.stat().st_size < 100 * 100_000
