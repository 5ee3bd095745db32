"""publish: readers get a whole version, always; unchanged data cost nothing."""

import dataclasses
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import PARTIAL
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.inspect.status import status
from omnium_elt.steps import publish as publish_module
from omnium_elt.steps.lake import publish_lake
from omnium_elt.steps.publish import publish, publish_warehouse
from omnium_elt.steps.run import COMMANDS, perform
from omnium_sandbox import Sandbox

from tests.support import proposal
from tests.support.tenants import sandbox_settings


@pytest.fixture
def settings(home_after_run: Home) -> Settings:
    return Settings(home=home_after_run, run_id="20260131T000000Z-0001")


def change_a_mart(home: Home, warehouse_name: str) -> None:
    """As a load and a transform would: other raw rows, another mart, another mark."""
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute(f"update marts.dim_warehouse set warehouse_name = '{warehouse_name}'")
    marker = home.state / "transform.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "raw": warehouse_name}))


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if path.is_file()
    }


def test_the_warehouse_holds_raw_staging_and_marts_only(settings: Settings) -> None:
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        schemas = connection.execute(
            "select distinct schema_name from (select schema_name from duckdb_tables() union all "
            "select schema_name from duckdb_views() where not internal) order by 1"
        ).fetchall()
        assert schemas == [("marts",), ("omnium",), ("staging",)]
        for (view,) in connection.execute(
            "select view_name from duckdb_views() where schema_name = 'staging' and not internal"
        ).fetchall():
            connection.execute(f"select count(*) from staging.{view}")


def test_the_warehouse_can_be_attached_under_any_name(settings: Settings) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{settings.home.warehouse}' as mine (read_only)")
        raw = connection.execute("select count(*) from mine.omnium.suppliers").fetchone()
        assert connection.execute("select count(*) from mine.staging.stg_suppliers").fetchone() == raw != (0,)


def test_unchanged_data_are_not_copied(settings: Settings) -> None:
    before = contents(settings.home.root), contents(settings.home.exports)
    assert publish(settings, Silent()).status == "unchanged"
    assert (contents(settings.home.root), contents(settings.home.exports)) == before


def test_only_changed_marts_are_replaced_and_the_manifest_tells_the_truth(settings: Settings) -> None:
    home = settings.home
    before = contents(home.exports)
    change_a_mart(home, "Renamed")
    report = publish(settings, Silent())
    assert (report.status, report.details["exported"]) == ("ok", 1)
    after = contents(home.exports)
    replaced = {name for name in after if after[name] != before.get(name)}
    assert {name for name in replaced if name.endswith(".parquet")} == {"dim_warehouse.parquet"}
    assert "manifest.json" in replaced

    manifest = json.loads(home.manifest.read_text())
    assert manifest["run_id"] == "20260131T000000Z-0001"
    assert manifest["as_of"]
    assert {path.stem for path in home.exports.glob("*.parquet")} == set(manifest["marts"])
    for mart in manifest["marts"].values():
        path = home.exports / mart["file"]
        table = pyarrow.parquet.read_table(path)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == mart["sha256"]
        assert (table.num_rows, path.stat().st_size) == (mart["rows"], mart["bytes"])
        assert table.column_names == [column["name"] for column in mart["columns"]]
        assert all(column["description"] for column in mart["columns"]), path
        assert "decimal" not in mart["columns"][0]["type"].lower()
    assert home.manifest.stat().st_mtime_ns == max(at for _, at in after.values()), (
        "the manifest is written last"
    )
    assert home.manifest.stat().st_mode & 0o777 == 0o644


def test_marts_that_did_not_change_are_not_even_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings, Silent())
    written: list[str] = []

    def copy(connection: Any, mart: str, *arguments: Any) -> None:
        written.append(mart)
        copy_mart(connection, mart, *arguments)

    copy_mart = publish_module._copy
    monkeypatch.setattr(publish_module, "_copy", copy)
    change_a_mart(settings.home, "Renamed")
    publish(settings, Silent())
    assert written == ["dim_warehouse"]
    (settings.home.exports / "dim_supplier.parquet").write_bytes(b"cut")
    publish(settings, Silent())
    assert written == ["dim_warehouse", "dim_supplier"], "what is no longer the file that was written"


def test_exports_change_only_when_the_rest_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first new file and the manifest there is time for nothing else: readers would see a mix."""
    home = settings.home
    manifest = json.loads(home.manifest.read_text())
    report = home.exports / "report.html"
    seen: list[tuple[bool, str]] = []

    def copy(*arguments: Any, **options: Any) -> int:
        agree = all(
            hashlib.sha256((home.exports / mart["file"]).read_bytes()).hexdigest() == mart["sha256"]
            for mart in manifest["marts"].values()
        )
        seen.append((agree, report.read_text(encoding="utf-8")))
        return publish_warehouse(*arguments, **options)

    monkeypatch.setattr("omnium_elt.steps.publish.publish_warehouse", copy)
    before = report.read_text(encoding="utf-8")
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("update marts.lead_time_policy set supplier_name = 'Renamed'")
    change_a_mart(home, "Renamed")
    publish(settings, Silent())
    assert seen == [(True, before)]
    assert report.read_text(encoding="utf-8") != before


def test_marts_that_are_gone_leave_the_exports(settings: Settings) -> None:
    with duckdb.connect(str(settings.home.working_database)) as connection:
        connection.execute("drop table marts.dim_warehouse")
    change_nothing = settings.home.state / "transform.json"
    change_nothing.write_text(json.dumps({**json.loads(change_nothing.read_text()), "raw": "other"}))
    publish(settings, Silent())
    assert not (settings.home.exports / "dim_warehouse.parquet").exists()
    assert "dim_warehouse" not in json.loads(settings.home.manifest.read_text())["marts"]


def test_unfinished_marts_are_not_published(settings: Settings) -> None:
    (settings.home.state / "transform.json").unlink()
    before = contents(settings.home.root)
    with pytest.raises(UsageError, match="omnium-elt transform"):
        publish(settings, Silent())
    assert contents(settings.home.root) == before


def test_raw_data_are_published_without_models(home: Home, sandbox: Sandbox) -> None:
    settings = sandbox_settings(home, sandbox, resources=("suppliers", "stores"))
    for command in ("load", "publish"):
        assert perform(settings, Silent(), command, COMMANDS[command]).exit_status == 0
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) from omnium.suppliers").fetchall() == [
            (sandbox.tenant.count("suppliers"),)
        ]
    manifest = json.loads(home.manifest.read_text())
    assert (manifest["models"], manifest["as_of"], manifest["marts"]) == ("none", None, {})
    assert not (home.exports / "report.html").exists()
    assert publish(settings, Silent()).status == "unchanged"
    assert status(home).published_at == manifest["published_at"]


def test_newer_raw_data_are_published_with_older_models_and_the_manifest_says_so(
    settings: Settings,
) -> None:
    home = settings.home
    assert json.loads(home.manifest.read_text())["models"] == "current"
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("update omnium.suppliers set _dlt_load_id = '9999999999.0'")
    assert publish(settings, Silent()).status == "ok"
    assert json.loads(home.manifest.read_text())["models"] == "older than the raw data"
    assert publish(settings, Silent()).status == "unchanged"


def test_a_missing_file_is_published_again(settings: Settings) -> None:
    (settings.home.exports / "lead_time.parquet").unlink()
    assert publish(settings, Silent()).status == "ok"
    assert (settings.home.exports / "lead_time.parquet").exists()


def test_an_open_reader_keeps_its_version_and_the_next_sees_the_new_one(settings: Settings) -> None:
    home = settings.home
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import duckdb, sys
                connection = duckdb.connect({str(home.warehouse)!r}, read_only=True)
                query = "select count(*) from marts.dim_warehouse where warehouse_name = 'Renamed'"
                print(connection.execute(query).fetchone() == (0,), flush=True)
                sys.stdin.readline()
                print(connection.execute(query).fetchone() == (0,), flush=True)
            """),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "True\n"
    change_a_mart(home, "Renamed")
    publish(settings, Silent())
    assert reader.communicate("\n", timeout=60)[0] == "True\n"
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.execute("select distinct warehouse_name from marts.dim_warehouse").fetchall() == [
            ("Renamed",)
        ]


POLL = """
import hashlib, json, sys, time
from pathlib import Path
import duckdb
home, seen, until = Path(sys.argv[1]), set(), time.monotonic() + 180
print("ready", flush=True)
while len(seen) < int(sys.argv[2]) and time.monotonic() < until:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        names = connection.execute("select distinct warehouse_name from marts.dim_warehouse").fetchall()
        assert len(names) == 1, names
        seen.add(names[0][0])
        connection.execute("select count(*) from staging.stg_suppliers").fetchone()
    manifest = json.loads((home / "exports" / "manifest.json").read_text())
    for mart in manifest["marts"].values():
        duckdb.sql(f"select count(*), max(columns(*)) from '{home}/exports/{mart['file']}'").fetchall()
print(len(seen))
"""


@pytest.mark.slow
def test_readers_never_meet_an_error_or_a_half(settings: Settings) -> None:
    """However fast the machine is: new versions are published until the reader has seen eight of them."""
    home, versions = settings.home, 8
    change_a_mart(home, "version 0")
    publish(settings, Silent())
    with subprocess.Popen(
        [sys.executable, "-c", POLL, str(home.root), str(versions)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        number = 0
        while reader.poll() is None:
            number += 1
            change_a_mart(home, f"version {number}")
            publish(settings, Silent())
        seen, errors = reader.communicate()
    assert errors == ""
    assert int(seen) == versions


PUBLISH = """
import sys, time
from pathlib import Path
from omnium_elt.infra.home import Home, Settings
from omnium_elt.inspect.status import status
from omnium_elt.steps.publish import publish
from omnium_elt.infra.run_report import Silent
import duckdb, pyarrow
print("begins", flush=True)
publish(Settings(home=Home(Path(sys.argv[1])), run_id="killed"), Silent())
"""


@pytest.mark.slow
@pytest.mark.parametrize("after_seconds", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_killed_at_any_moment_it_leaves_whole_versions(
    settings: Settings, after_seconds: float, marts_of: Callable[[Path], dict[str, Any]]
) -> None:
    home = settings.home
    earlier = marts_of(home.warehouse)
    change_a_mart(home, "later")
    later = marts_of(home.working_database)
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(home.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        threading.Event().wait(after_seconds)
        os.kill(process.pid, signal.SIGKILL)

    assert marts_of(home.warehouse) in (earlier, later)
    for mart in json.loads(home.manifest.read_text())["marts"].values():
        pyarrow.parquet.read_table(home.exports / mart["file"])

    publish(settings, Silent())
    assert marts_of(home.warehouse) == later
    left = [path.name for path in (*home.root.iterdir(), *home.exports.iterdir()) if PARTIAL in path.name]
    assert left == []


def test_a_disk_that_fills_up_keeps_nothing_of_what_was_begun(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fills_up(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    home = settings.home
    before = {path: path.read_bytes() for path in (home.warehouse, home.manifest)}
    change_a_mart(home, "later")
    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "publish_warehouse", fills_up)
        with pytest.raises(OSError, match="No space"):
            publish(settings, Silent())
    assert [path.name for path in home.root.rglob(f"*{PARTIAL}*") if path.parent != home.dbt / "target"] == []
    assert {path: path.read_bytes() for path in before} == before
    assert publish(settings, Silent()).status == "ok"


def test_column_comments_travel_with_the_warehouse(settings: Settings) -> None:
    home = settings.home
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("comment on column marts.lead_time.mean_days is 'days'")
    publish_warehouse(home, proposal.VERSION)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        comment = connection.execute(
            "select comment from duckdb_columns() "
            "where table_name = 'lead_time' and column_name = 'mean_days'"
        ).fetchone()
    assert comment == ("days",)


# The lake


@pytest.fixture
def lake(settings: Settings) -> Settings:
    return dataclasses.replace(settings, destination="parquet")


def test_staging_over_the_lake_is_published_as_rows(lake: Settings) -> None:
    home = lake.home
    publish_lake(lake, Silent())
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute(
            f"create view staging.over_the_lake as from read_parquet('{home.lake}/stores/*.parquet')"
        )
    publish_warehouse(home, proposal.VERSION, materialise=True)
    for path in home.lake.glob("stores/*"):
        path.unlink()
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from staging.over_the_lake").fetchone() == (True,)
