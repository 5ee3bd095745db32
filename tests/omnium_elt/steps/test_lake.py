"""The lake: each run's tables as files that never change, one manifest that names them, old runs kept for a while."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset
import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import lake as lake_module
from omnium_elt.steps.lake import KEPT_RUNS, publish_lake
from omnium_elt.steps.run import COMMANDS, perform
from omnium_sandbox import Sandbox

from tests.support.lakes import execute
from tests.support.tenants import environment_of


@pytest.fixture
def lake(home: Home) -> Settings:
    """A lake of two small tables, one the other's child, with what the program keeps of its loads."""
    home.create()
    execute(
        home,
        "create schema omnium",
        "create table omnium.stores (id varchar, name varchar, _dlt_id varchar, _dlt_load_id varchar, "
        "_omnium_deleted_at timestamptz)",
        "create table omnium.stores__opening_hours (day varchar, _dlt_parent_id varchar, _dlt_root_id varchar)",
        "create table omnium.suppliers (id varchar, amount decimal(38, 9), _dlt_load_id varchar)",
        "create table omnium._dlt_loads (load_id varchar, status bigint)",
        "insert into omnium.stores values ('S1', 'Oslo', 'a', '1', null), ('S2', 'Bergen', 'b', '1', null)",
        "insert into omnium.stores__opening_hours values ('monday', 'a', 'a')",
        "insert into omnium.suppliers values ('north', 0.1, '1')",
        "insert into omnium._dlt_loads values ('1', 0)",
    )
    return Settings(home=home, destination="parquet")


RENAME = "update omnium.stores set name = 'Trondheim', _dlt_load_id = '{0}' where id = 'S1'"


def manifest_of(lake: Settings) -> dict[str, Any]:
    return json.loads((lake.home.lake / "manifest.json").read_text())


def rows_of_run(lake: Settings, manifest: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """All tables of a run, as a reader meets them who holds its manifest."""
    return {
        table: pyarrow.dataset.dataset([lake.home.lake / file["path"] for file in described["files"]])
        .to_table()
        .to_pylist()
        for table, described in manifest["tables"].items()
    }


def test_the_manifest_names_all_tables_with_their_rows(lake: Settings) -> None:
    assert publish_lake(lake, Silent()).status == "ok"
    manifest = manifest_of(lake)
    rows = rows_of_run(lake, manifest)
    assert rows["stores__opening_hours"] == [{"day": "monday", "_dlt_parent_id": "a", "_dlt_root_id": "a"}]
    assert [row["name"] for row in rows["stores"]] == ["Oslo", "Bergen"]
    assert rows["_dlt_loads"] == [{"load_id": "1", "status": 0}]
    for table, described in manifest["tables"].items():
        (file,) = described["files"]
        path = lake.home.lake / file["path"]
        assert file["path"].startswith(f"_runs/{manifest['run_id']}/{table}/")
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (file["rows"], file["bytes"]) == (len(rows[table]), path.stat().st_size)
        shown = duckdb.sql(f"from read_parquet('{lake.home.lake}/{table}/*.parquet')").to_arrow_table()
        assert shown.to_pylist() == rows[table], "and under the table's own name"
    assert manifest["tables"]["suppliers"]["columns"][:2] == [
        {"name": "id", "type": "VARCHAR"},
        {"name": "amount", "type": "DECIMAL(38,9)"},
    ]


def test_a_run_without_news_writes_nothing_and_one_with_news_only_what_changed(lake: Settings) -> None:
    publish_lake(lake, Silent())
    first = manifest_of(lake)
    assert publish_lake(lake, Silent()).status == "unchanged"
    assert manifest_of(lake) == first
    execute(lake.home, RENAME.format("2"), "insert into omnium._dlt_loads values ('2', 0)")
    report = publish_lake(lake, Silent())
    second = manifest_of(lake)
    assert (report.status, report.details) == ("ok", {"tables": 3, "written": 2}), "stores, and their child"
    assert rows_of_run(lake, second)["_dlt_loads"][-1] == {"load_id": "2", "status": 0}
    paths = [lake.home.lake / one["tables"]["suppliers"]["files"][0]["path"] for one in (first, second)]
    assert paths[0].samefile(paths[1]), "what did not change takes no room again"


def test_a_reader_keeps_the_run_that_it_began_with(lake: Settings) -> None:
    """Rows change, a table and a column come, a table goes: three runs later the first is as it was."""
    publish_lake(lake, Silent())
    manifest, rows = manifest_of(lake), rows_of_run(lake, manifest_of(lake))
    for number, change in enumerate(
        (
            RENAME.format("2"),
            "alter table omnium.suppliers add column city varchar",
            "drop table omnium.suppliers",
        )
    ):
        assert rows_of_run(lake, manifest) == rows
        execute(lake.home, change)
        assert publish_lake(lake, Silent()).status == "ok"
        assert len(manifest_of(lake)["runs"]) == min(number + 2, KEPT_RUNS)
    with pytest.raises(FileNotFoundError):
        rows_of_run(lake, manifest)
    assert not (lake.home.lake / "suppliers").exists()
    kept = manifest_of(lake)["runs"]
    assert sorted(path.name for path in (lake.home.lake / "_runs").iterdir()) == sorted(kept)


@pytest.mark.parametrize(
    "step", ["write_table", "flush", "write_json", "_show_newest", "replacing", "_clean_up"]
)
def test_killed_at_any_step_readers_have_a_whole_run_and_the_next_mends_the_rest(
    lake: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish_lake(lake, Silent())
    before, rows = manifest_of(lake), rows_of_run(lake, manifest_of(lake))
    execute(lake.home, RENAME.format("2"))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake_module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            publish_lake(lake, Silent())
    assert list((lake.home.lake / "_runs").glob(".*")) == []
    named = manifest_of(lake)
    if named == before:
        assert rows_of_run(lake, named) == rows
    else:
        assert rows_of_run(lake, named)["stores"][0]["name"] == "Trondheim"
    publish_lake(lake, Silent())
    newest = rows_of_run(lake, manifest_of(lake))
    assert [row["name"] for row in newest["stores"]] == ["Trondheim", "Bergen"]
    shown = duckdb.sql(f"select name from read_parquet('{lake.home.lake}/stores/*.parquet')").fetchall()
    assert shown == [("Trondheim",), ("Bergen",)]
    assert {path.name for path in (lake.home.lake / "_runs").iterdir()} == set(manifest_of(lake)["runs"])
    assert [path for path in lake.home.lake.rglob("*") if ".partial" in path.name] == []


def test_a_lake_of_an_earlier_version_becomes_one_with_runs(lake: Settings) -> None:
    old = lake.home.lake / "stores" / "data.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"PAR1")
    (lake.home.lake / "manifest.json").write_text(json.dumps({"stores": "a digest"}))
    assert publish_lake(lake, Silent()).status == "ok"
    assert [row["name"] for row in rows_of_run(lake, manifest_of(lake))["stores"]] == ["Oslo", "Bergen"]
    assert duckdb.sql(f"select count(*) from read_parquet('{old}')").fetchall() == [(2,)]


def test_without_hard_links_files_are_copied(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path, __: Path) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(lake_module.os, "link", refused)
    publish_lake(lake, Silent())
    shown = (lake.home.lake / "suppliers" / "data.parquet").stat().st_ino
    execute(lake.home, RENAME.format("2"))
    publish_lake(lake, Silent())
    assert publish_lake(lake, Silent()).status == "unchanged"
    assert (lake.home.lake / "suppliers" / "data.parquet").stat().st_ino == shown
    assert rows_of_run(lake, manifest_of(lake))["suppliers"][0]["id"] == "north"


def differing(lake: Settings) -> dict[str, int]:
    """Table → rows that working database or lake alone has, or has more often; their columns are the same."""
    found = {}
    with duckdb.connect(str(lake.home.working_database), read_only=True) as connection:
        for table, described in manifest_of(lake)["tables"].items():
            (file,) = described["files"]
            there = f"from read_parquet('{lake.home.lake / file['path']}')"
            here = f'from omnium."{table}"'
            columns = [connection.execute(f"describe {rows}").fetchall() for rows in (there, here)]
            assert [column[:2] for column in columns[0]] == [column[:2] for column in columns[1]], table
            ((count,),) = connection.execute(
                f"select count(*) from (({there} except all {here}) union all ({here} except all {there}))"
            ).fetchall()
            found[table] = count
    return {table: count for table, count in found.items() if count}


def test_what_changed_came_and_went_in_the_tenant_is_so_in_the_lake(
    sandbox: Sandbox, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real loads: a row changed, its children gone, a field that is new, a row gone; and what is kept of the loads."""
    lake = settings_for(sandbox, resources=("suppliers", "stores"), destination="parquet")
    assert perform(lake, Silent(), "load", COMMANDS["load"]).status == "ok"
    assert differing(lake) == {}
    first = manifest_of(lake)
    contacts, rows = first["tables"]["suppliers__contacts"]["rows"], rows_of_run(lake, first)
    bookkeeping = {"_dlt_loads", "_dlt_pipeline_state", "_dlt_version", "_omnium_runs", "_omnium_windows"}
    assert bookkeeping <= set(first["tables"])

    changed, gone, *_ = (
        row for row in sandbox.tenant.rows("suppliers") if len(row.get("contacts") or ()) == 1
    )
    sandbox.tenant.put("suppliers", changed | {"contacts": [], "harbour": "Bergen"})
    assert perform(lake, Silent(), "load", COMMANDS["load"]).status == "ok"
    assert differing(lake) == {}
    second = manifest_of(lake)
    assert second["tables"]["suppliers__contacts"]["rows"] == contacts - 1
    harbours = {row["harbour"]: row["id"] for row in rows_of_run(lake, second)["suppliers"] if row["harbour"]}
    assert harbours == {"Bergen": changed["id"]}
    assert [len(rows_of_run(lake, run)["_omnium_runs"]) for run in (first, second)] == [1, 2]

    sandbox.tenant.delete("suppliers", gone["id"])
    for name, value in environment_of(sandbox).items():
        monkeypatch.setenv(name, value)
    bucket = lake.home.root.parent / "bucket"
    options = ["--destination", "parquet", "--publish-to", bucket.as_uri(), "--home", str(lake.home.root)]
    assert main(["reconcile", "--resources", "suppliers,stores", *options]) == 0
    assert differing(lake) == {}
    (described,) = manifest_of(lake)["tables"]["suppliers"]["files"]
    sent = [file.read_bytes() for file in bucket.rglob("*.parquet")]
    assert (lake.home.lake / described["path"]).read_bytes() in sent
    marked = [
        row["id"] for row in rows_of_run(lake, manifest_of(lake))["suppliers"] if row["_omnium_deleted_at"]
    ]
    assert marked == [gone["id"]]
    assert rows_of_run(lake, first) == rows, "who began with the first run still reads it"
