"""`--destination delta`: a version of each table a run, and a manifest that says which belong together."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import delta as delta_module
from omnium_elt.steps.bucket import Bucket
from omnium_elt.steps.delta import KEPT_RUNS, check_place, publish_delta

from tests.support import buckets
from tests.support.lakes import execute, killed_half_way

deltalake = pytest.importorskip("deltalake")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with buckets.s3_server_elsewhere() as address:
        yield address


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("s3", "azure", "google")]


@pytest.fixture(params=["disk", *SLOW])
def settings(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two tables in a working database, to be written into the home, or into a bucket."""
    home.create()
    execute(
        home,
        "create schema omnium",
        "create table omnium.stores (id varchar, hours json, _dlt_load_id varchar)",
        "create table omnium.suppliers (id varchar, amount decimal(38, 9), since timestamptz, _dlt_load_id varchar)",
        "create table omnium._dlt_loads (load_id varchar, status bigint)",
        """insert into omnium.stores values ('S1', '{"monday": 8}', '1'), ('S2', null, '1')""",
        "insert into omnium.suppliers values ('north', 0.1, '2026-01-31 12:00:00+00', '1')",
        "insert into omnium._dlt_loads values ('1', 0)",
    )
    if request.param == "disk":
        return Settings(home=home, destination="delta")
    url = buckets.new_folder(request.param, request.getfixturevalue(request.param), monkeypatch)
    return Settings(home=home, destination="delta", publish_to=url)


def manifest_of(settings: Settings) -> dict[str, Any]:
    if not settings.publish_to:
        return json.loads((settings.home.root / "delta" / "manifest.json").read_text())
    bucket = Bucket.opened(f"{settings.publish_to}/delta")
    return json.loads(bucket.files.cat_file(f"{bucket.root}/manifest.json"))


def rows_of(settings: Settings, versions: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
    """All tables of a run, as a reader meets them who has its versions."""
    place, options = str(settings.home.root / "delta"), None
    if settings.publish_to:
        place = f"{settings.publish_to}/delta"
        options = Bucket.opened(place).delta_options()
    return {
        table: deltalake.DeltaTable(f"{place}/{table}", version=version, storage_options=options)
        .to_pyarrow_table()
        .to_pylist()
        for table, version in versions.items()
    }


def newest(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return rows_of(settings, manifest_of(settings)["runs"][-1]["versions"])


TABLES = ("stores", "suppliers")


def loads_of(reader: str, table: Any) -> set[str]:
    """The loads that the rows of a Delta table are of, as a reader of that name meets them."""
    if reader == "polars":
        import polars

        return set(polars.read_delta(table)["_dlt_load_id"].to_list())
    if reader == "pandas":
        return set(table.to_pandas()["_dlt_load_id"])
    found = duckdb.from_arrow(table.to_pyarrow_dataset()).project("_dlt_load_id").fetchall()
    return {load for (load,) in found}


RENAMED = """update omnium.stores set hours = '{"monday": 9}', _dlt_load_id = '2' where id = 'S1'"""
CHANGES = (
    RENAMED,
    "alter table omnium.stores add column city varchar",
    "delete from omnium.stores where id = 'S2'",
    "drop table omnium.suppliers",
)


def test_each_run_can_be_read_whole_while_it_is_kept(settings: Settings) -> None:
    """Rows change, a column comes, a row goes, a table goes."""
    assert publish_delta(settings, Silent()).status == "ok"
    first = manifest_of(settings)
    rows = newest(settings)
    (supplier,) = rows["suppliers"]
    assert (supplier["amount"], supplier["since"].isoformat()) == (
        Decimal("0.1"),
        "2026-01-31T12:00:00+00:00",
    )
    assert rows["stores"][0] == {"id": "S1", "hours": '{"monday": 8}', "_dlt_load_id": "1"}
    assert rows["_dlt_loads"] == [{"load_id": "1", "status": 0}]
    assert publish_delta(settings, Silent()).status == "unchanged"
    assert manifest_of(settings) == first

    seen = [rows]
    for change in CHANGES:
        execute(settings.home, change)
        report = publish_delta(settings, Silent())
        assert report.status == "ok"
        assert report.details["written"] == (0 if change.startswith("drop") else 1)
        seen.append(newest(settings))
        runs = manifest_of(settings)["runs"]
        assert [rows_of(settings, run["versions"]) for run in runs] == seen[-KEPT_RUNS:]
    assert seen[-1]["stores"] == [{"id": "S1", "hours": '{"monday": 9}', "_dlt_load_id": "2", "city": None}]
    assert "suppliers" not in seen[-1]
    with pytest.raises(Exception, match=r"not found|No such file|does not exist|NotFound"):
        rows_of(settings, {"stores": first["tables"]["stores"]["version"]})


def test_a_run_that_is_killed_leaves_the_one_before(settings: Settings) -> None:
    publish_delta(settings, Silent())
    before, rows = manifest_of(settings), newest(settings)
    execute(settings.home, RENAMED, "update omnium.suppliers set amount = 2, _dlt_load_id = '2'")
    with killed_half_way(delta_module):
        publish_delta(settings, Silent())
    assert manifest_of(settings) == before
    assert newest(settings) == rows
    assert publish_delta(settings, Silent()).status == "ok"
    assert newest(settings)["suppliers"][0]["amount"] == 2


@pytest.mark.parametrize("settings", ["disk"], indirect=True)
@pytest.mark.parametrize("reader", ["polars", "pandas", "duckdb"])
def test_who_has_a_run_open_keeps_it_over_three(reader: str, settings: Settings) -> None:
    """Of the runs that follow one is killed half way: never some tables of one run and some of another."""
    pytest.importorskip(reader)
    place = settings.home.root / "delta"

    def opened() -> dict[str, Any]:
        versions = manifest_of(settings)["runs"][-1]["versions"]
        return {name: deltalake.DeltaTable(place / name, version=versions[name]) for name in TABLES}

    def runs(tables: dict[str, Any]) -> dict[str, set[str]]:
        return {name: loads_of(reader, table) for name, table in tables.items()}

    publish_delta(settings, Silent())
    first = opened()
    execute(settings.home, *(f"update omnium.{name} set _dlt_load_id = '2'" for name in TABLES))
    with killed_half_way(delta_module):
        publish_delta(settings, Silent())
    assert runs(first) == runs(opened()) == {name: {"1"} for name in TABLES}
    execute(settings.home, *(f"update omnium.{name} set _dlt_load_id = '3'" for name in TABLES))
    publish_delta(settings, Silent())
    assert runs(opened()) == {name: {"3"} for name in TABLES}
    assert runs(first) == {name: {"1"} for name in TABLES}


def test_of_two_who_publish_at_once_one_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not settings.publish_to:
        pytest.skip("a home has a lock")
    publish_delta(settings, Silent())
    other = dataclasses.replace(settings, home=Home(tmp_path / "other"))
    other.home.create()
    execute(
        other.home,
        "create schema omnium",
        "create table omnium.stores (id varchar, _dlt_load_id varchar)",
        "insert into omnium.stores values ('of another', '9')",
    )
    execute(settings.home, RENAMED)
    create = Bucket.create_manifest

    def overtaken(bucket: Bucket, numbers: list[int], told: Any) -> None:
        monkeypatch.setattr(Bucket, "create_manifest", create)
        publish_delta(other, Silent())
        create(bucket, numbers, told)

    monkeypatch.setattr(Bucket, "create_manifest", overtaken)
    with pytest.raises(OmniumEltError, match=r"another run published to .*/delta meanwhile"):
        publish_delta(settings, Silent())
    assert newest(settings) == {"stores": [{"id": "of another", "_dlt_load_id": "9"}]}
    publish_delta(settings, Silent())
    assert newest(settings)["stores"][0]["hours"] == '{"monday": 9}'


@pytest.mark.parametrize("folder", ["[y]", "a|b", "%41"])
def test_a_home_in_which_no_delta_table_can_lie_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Delta tables cannot lie in a folder whose path holds"):
        check_place(Settings(Home(tmp_path / folder)))
    check_place(Settings(Home(tmp_path / folder), publish_to="s3://bucket/omnium"))
    check_place(Settings(Home(tmp_path / "50% of ñ'\"#;")))


def test_credentials_that_delta_cannot_use_are_told() -> None:
    from dlt.common.configuration.specs import GcpOAuthCredentials

    with pytest.raises(UsageError, match="Delta tables cannot be written with these credentials: OAuth"):
        Bucket(None, "shop/omnium", GcpOAuthCredentials()).delta_options()


@pytest.mark.parametrize("settings", ["disk"], indirect=True)
@pytest.mark.parametrize("comes_again", [True, False])
def test_what_a_kill_left_of_a_table_goes_with_the_next_run(
    comes_again: bool, settings: Settings, tmp_path: Path
) -> None:
    """Half of a log is none that a version can be added to: a table of that name failed every run from then on."""
    publish_delta(settings, Silent())
    execute(settings.home, "create table main.kept as from omnium.suppliers", "drop table omnium.suppliers")
    there = settings.home.root / "delta" / "suppliers"
    left = shutil.copytree(there, tmp_path / "left")
    for number in range(KEPT_RUNS):
        execute(settings.home, f"update omnium.stores set _dlt_load_id = '{number + 2}'")
        publish_delta(settings, Silent())
    assert not there.exists()
    shutil.copytree(left, there)
    (there / "_delta_log" / f"{0:020}.json").unlink()
    (there / "_delta_log" / f"{1:020}.json").write_text("{}\n")
    if comes_again:
        execute(settings.home, "create table omnium.suppliers as from main.kept")
    publish_delta(settings, Silent())
    assert there.exists() == comes_again
    assert set(newest(settings)) == {"stores", "_dlt_loads", *(["suppliers"] if comes_again else [])}


@pytest.mark.parametrize("settings", ["disk"], indirect=True)
def test_a_file_that_a_killed_run_had_written_goes(settings: Settings) -> None:
    """No version names it, so that it stayed for ever, as large as the table."""
    publish_delta(settings, Silent())
    orphan = settings.home.root / "delta" / "stores" / "part-00000-killed-c000.zstd.parquet"
    orphan.write_bytes(b"PAR1")
    execute(settings.home, RENAMED)
    publish_delta(settings, Silent())
    assert not orphan.exists()
    runs = manifest_of(settings)["runs"]
    assert [len(rows_of(settings, run["versions"])["stores"]) for run in runs] == [2, 2]


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["s3"], indirect=True)
def test_the_newest_manifest_is_shown_after_a_kill_though_nothing_is_new(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_delta(settings, Silent())
    execute(settings.home, RENAMED)

    show = Bucket.show

    def killed(self: Bucket, text: bytes) -> None:
        if json.loads(text)["number"] > 1:
            raise KeyboardInterrupt
        show(self, text)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "show", killed)
        with pytest.raises(KeyboardInterrupt):
            publish_delta(settings, Silent())
    assert len(manifest_of(settings)["runs"]) == 1
    assert publish_delta(settings, Silent()).status == "unchanged"
    assert len(manifest_of(settings)["runs"]) == 2
