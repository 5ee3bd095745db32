"""What is published, in a bucket: whole versions by number, refused to two at once.

On a disk, moto's S3, Azurite, and fake-gcs-server.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra import files as files_module
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps import bucket as bucket_module
from omnium_elt.steps.bucket import KEPT, Bucket, publish_lake_to_bucket, publish_to_bucket
from omnium_elt.steps.lake import publish_lake

from tests.support import buckets
from tests.support.lakes import execute


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 of this process."""
    with buckets.s3_server() as address:
        yield address


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("s3", "azure", "google")]


@pytest.fixture(params=["disk", *SLOW])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder to publish to, with credentials in the environment."""
    if request.param == "disk":
        return f"file://{tmp_path / 'bucket'}/omnium"
    return buckets.new_folder(request.param, request.getfixturevalue(request.param), monkeypatch)


@pytest.fixture
def published(home: Home) -> Home:
    """A home that published two marts."""
    home.exports.mkdir(parents=True)
    home.warehouse.write_bytes(b"rows of run 1")
    (home.exports / "report.html").write_text("report of run 1")
    for mart in ("lead_time", "replenishment"):
        (home.exports / f"{mart}.parquet").write_text(f"{mart} of run 1")
    marts = {name: {"file": f"{name}.parquet"} for name in ("lead_time", "replenishment")}
    home.manifest.write_text(json.dumps({"run_id": "run 1", "as_of": "2026-01-01", "marts": marts}))
    return home


def next_run(home: Home, run: int) -> None:
    """What another run publishes: another warehouse, and one mart that changed."""
    home.warehouse.write_text(f"rows of run {run}")
    (home.exports / "lead_time.parquet").write_text(f"lead_time of run {run}")
    manifest = json.loads(home.manifest.read_text())
    home.manifest.write_text(json.dumps({**manifest, "run_id": f"run {run}"}))


def contents(bucket: Bucket, number: int) -> dict[str, str]:
    """What a reader of a publication gets: every file of its manifest, held against its checksum."""
    manifest = json.loads(bucket.files.cat_file(f"{bucket.root}/manifests/{number:08}.json"))
    found = {}
    for name, file in manifest["files"].items():
        content = bucket.files.cat_file(f"{bucket.root}/{file['path']}")
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
        found[name] = content.decode()
    return found


def test_a_publication_holds_every_file_and_the_next_what_changed(url: str, published: Home) -> None:
    bucket = Bucket.opened(url)
    assert bucket.numbers() == []
    assert bucket.publish(published)["files"] == 5
    first = contents(bucket, 1)
    assert first == {
        "warehouse.duckdb": "rows of run 1",
        "exports/report.html": "report of run 1",
        "exports/lead_time.parquet": "lead_time of run 1",
        "exports/replenishment.parquet": "replenishment of run 1",
        "exports/manifest.json": published.manifest.read_text(),
    }
    assert bucket.publish(published) == {}
    next_run(published, 2)
    details = bucket.publish(published)
    changed = (published.warehouse, published.exports / "lead_time.parquet", published.manifest)
    sent = sum(path.stat().st_size for path in changed)
    assert details == {"number": 2, "files": 5, "bytes_sent": sent}
    assert contents(bucket, 1) == first
    assert contents(bucket, 2)["exports/lead_time.parquet"] == "lead_time of run 2"
    assert contents(bucket, 2)["exports/replenishment.parquet"] == "replenishment of run 1"
    newest = json.loads(bucket.files.cat_file(f"{bucket.root}/manifest.json"))
    assert (newest["number"], newest["run_id"]) == (2, "run 2")


def test_the_last_publications_stay_whole_and_older_ones_go(url: str, published: Home) -> None:
    bucket = Bucket.opened(url)
    for run in range(1, KEPT + 4):
        next_run(published, run)
        bucket.publish(published)
    numbers = bucket.numbers()
    assert numbers == [4, 5, 6]
    for number in numbers:
        assert contents(bucket, number)["warehouse.duckdb"] == f"rows of run {number}"
        assert contents(bucket, number)["exports/replenishment.parquet"] == "replenishment of run 1"
    folders = bucket._names_in("files")
    assert len([folder for folder in folders if folder.startswith(("00000002", "00000003"))]) == 0


def test_of_two_who_publish_at_once_one_is_refused(
    url: str, published: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Home(tmp_path / "other")
    other.exports.mkdir(parents=True)
    other.warehouse.write_text("rows of another home")
    other.manifest.write_text(json.dumps({"run_id": "another", "marts": {}}))
    Bucket.opened(url).publish(published)
    next_run(published, 2)
    commit = Bucket._commit

    def overtaken(bucket: Bucket, number: int, text: bytes) -> None:
        monkeypatch.setattr(Bucket, "_commit", commit)
        Bucket.opened(url).publish(other)
        commit(bucket, number, text)

    monkeypatch.setattr(Bucket, "_commit", overtaken)
    with pytest.raises(OmniumEltError, match=r"another run published to .* meanwhile \(publication 2\)"):
        Bucket.opened(url).publish(published)
    bucket = Bucket.opened(url)
    assert bucket.numbers() == [1, 2]
    assert contents(bucket, 2)["warehouse.duckdb"] == "rows of another home"
    assert contents(bucket, 1)["warehouse.duckdb"] == "rows of run 1"
    bucket.publish(published)
    assert contents(bucket, 3)["warehouse.duckdb"] == "rows of run 2"


def test_who_is_killed_before_the_manifest_leaves_the_version_before(
    url: str, published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket.opened(url)
    bucket.publish(published)
    next_run(published, 2)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "_commit", killed)
        with pytest.raises(KeyboardInterrupt):
            bucket.publish(published)
    assert bucket.numbers() == [1]
    assert contents(bucket, 1)["warehouse.duckdb"] == "rows of run 1"
    bucket.publish(published)
    assert contents(bucket, 2)["warehouse.duckdb"] == "rows of run 2"


def test_an_answer_that_is_lost_is_no_refusal(
    url: str, published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url.startswith("file"):
        pytest.skip("a disk answers")
    bucket = Bucket.opened(url)
    own, lost = bucket.files.pipe_file, list[str]()

    def losing(path: str, *arguments: Any, **named: Any) -> None:
        own(path, *arguments, **named)
        if "manifests/" in path and not lost:
            lost.append(path)
            raise ConnectionError("the answer got lost")

    monkeypatch.setattr(bucket.files, "pipe_file", losing)
    assert bucket.publish(published)["number"] == 1
    assert lost
    assert bucket.numbers() == [1]


@pytest.mark.parametrize("url", ["disk", pytest.param("s3", marks=pytest.mark.slow)], indirect=True)
def test_killed_at_any_step_readers_have_a_whole_version_and_the_next_mends_the_rest(
    url: str, published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each request that changes something, and after each; on a disk each write of a file is one."""
    bucket, left = Bucket.opened(url), [10**9]

    def counting(own: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            for when in (lambda: None, lambda: own(*arguments, **named)):
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                answer = when()
            return answer

        return counted

    for name in ("put_file", "pipe_file", "rm", "rm_file"):
        monkeypatch.setattr(bucket.files, name, counting(getattr(bucket.files, name)))
    for owner, name in ((Path, "write_bytes"), (bucket_module, "_create"), (files_module, "put_all")):
        monkeypatch.setattr(owner, name, counting(getattr(owner, name)))
    for run in range(1, KEPT + 2):
        next_run(published, run)
        bucket.publish(published)
    run, steps, is_killed = KEPT + 1, 0, True
    while is_killed:
        run += 1
        next_run(published, run)
        left[0], is_killed = steps, False
        try:
            bucket.publish(published)
        except KeyboardInterrupt:
            is_killed = True
        left[0], steps = 10**9, steps + 1
        newest_number = bucket.numbers()[-1]
        assert contents(bucket, newest_number)["warehouse.duckdb"] in (
            f"rows of run {run}",
            f"rows of run {run - 1}",
        )
        shown = newest(bucket)["number"]
        assert contents(bucket, shown)["warehouse.duckdb"].startswith("rows of run")
        bucket.publish(published)
        assert newest(bucket)["number"] == bucket.numbers()[-1]
        assert contents(bucket, bucket.numbers()[-1])["warehouse.duckdb"] == f"rows of run {run}"
        assert len(bucket.numbers()) == KEPT
    assert steps > 8


RENAMED = "update omnium.stores set name = 'Trondheim', _dlt_load_id = '2' where id = 'S1'"
SHRUNK = "delete from omnium.stores where id = 'S2'"


@pytest.fixture
def lake(home: Home) -> Settings:
    """A lake of two tables; what `execute` changes of the stores, the next run writes."""
    home.create()
    execute(
        home,
        "create schema omnium",
        "create table omnium.stores (id varchar, name varchar, _dlt_load_id varchar)",
        "create table omnium.suppliers (id varchar, amount decimal(38, 9), _dlt_load_id varchar)",
        "insert into omnium.stores values ('S1', 'Oslo', '1'), ('S2', 'Bergen', '1')",
        "insert into omnium.suppliers values ('north', 0.1, '1')",
    )
    return Settings(home=home, destination="parquet")


def lake_rows(bucket: Bucket, manifest: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """All tables of a run in the bucket, as DuckDB reads them there: no extension, no copy."""
    with duckdb.connect() as connection:
        connection.register_filesystem(bucket.files)
        scheme = "" if "file" in bucket.files.protocol else f"{url_scheme(bucket)}://"
        return {
            table: connection.execute(
                "from read_parquet(?)",
                [[f"{scheme}{bucket.root}/{file['path']}" for file in described["files"]]],
            ).fetchall()
            for table, described in manifest["tables"].items()
        }


def url_scheme(bucket: Bucket) -> str:
    protocol = bucket.files.protocol
    return protocol if isinstance(protocol, str) else protocol[0]


def newest(bucket: Bucket) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(bucket.files.cat_file(f"{bucket.root}/manifest.json"))
    return manifest


def test_the_lake_in_the_bucket_is_one_run_for_each_reader(url: str, lake: Settings) -> None:
    """Rows change, a row goes, a column comes: who began with a run reads that one, and only what changed is sent."""
    there = dataclasses.replace(lake, publish_to=url)
    assert publish_lake_to_bucket(there, Silent()).status == "skipped", "no lake yet"
    publish_lake(lake, Silent())
    report = publish_lake_to_bucket(there, Silent())
    bucket = Bucket.opened(f"{url}/lake")
    first = newest(bucket)
    local = json.loads((lake.home.lake / "manifest.json").read_text())
    assert (report.status, report.details["files"]) == ("ok", 2)
    assert (first["format"], first["run_id"]) == (local["format"], local["run_id"])
    rows = lake_rows(bucket, first)
    assert rows["stores"] == [("S1", "Oslo", "1"), ("S2", "Bergen", "1")]
    assert rows["suppliers"] == [("north", Decimal("0.1"), "1")]
    assert publish_lake_to_bucket(there, Silent()).status == "unchanged"

    for number, change in enumerate((RENAMED, "alter table omnium.stores add column city varchar", SHRUNK)):
        assert lake_rows(bucket, first) == rows, number
        execute(lake.home, change)
        publish_lake(lake, Silent())
        report = publish_lake_to_bucket(there, Silent())
        manifest = newest(bucket)
        (changed,) = manifest["tables"]["stores"]["files"]
        assert report.details == {"number": number + 2, "files": 2, "bytes_sent": changed["bytes"]}
        assert (
            hashlib.sha256(bucket.files.cat_file(f"{bucket.root}/{changed['path']}")).hexdigest()
            == changed["sha256"]
        )
    assert lake_rows(bucket, newest(bucket)) == {
        "stores": [("S1", "Trondheim", "2", None)],
        "suppliers": rows["suppliers"],
    }
    assert bucket.numbers() == [2, 3, 4]
    with pytest.raises(FileNotFoundError):
        bucket.files.cat_file(f"{bucket.root}/{first['tables']['stores']['files'][0]['path']}")


def test_of_two_lakes_at_once_one_is_refused(
    url: str, lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = dataclasses.replace(lake, publish_to=url)
    publish_lake(lake, Silent())
    commit = Bucket._commit

    def overtaken(bucket: Bucket, number: int, text: bytes) -> None:
        monkeypatch.setattr(Bucket, "_commit", commit)
        bucket.put([], lambda _: {"run_id": "another", "tables": {}})
        commit(bucket, number, text)

    monkeypatch.setattr(Bucket, "_commit", overtaken)
    with pytest.raises(OmniumEltError, match=r"another run published to .*/lake meanwhile"):
        publish_lake_to_bucket(there, Silent())
    assert newest(Bucket.opened(f"{url}/lake"))["run_id"] == "another"
    publish_lake_to_bucket(there, Silent())
    assert sorted(newest(Bucket.opened(f"{url}/lake"))["tables"]) == ["stores", "suppliers"]


@pytest.mark.parametrize("wrong", ["ftp://host/folder", "/srv/folder", "bucket"])
def test_an_address_that_does_not_do_is_refused_before_anything_is_done(
    wrong: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--home", str(home.root), "--publish-to", wrong]) == 2
    assert f"{wrong}: files cannot be published there" in capsys.readouterr().err
    assert not home.root.exists()


@pytest.mark.parametrize("wrong", ["s3://", "s3:///", "s3:/bucket", "http://host/folder", "gs"])
def test_an_address_that_names_no_bucket(wrong: str) -> None:
    with pytest.raises(UsageError, match="files cannot be published there"):
        Bucket.opened(wrong)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA77:q7Zk0v@bucket/omnium",
        "az://container/omnium?sv=2026&sig=q7Zk0v",
        "gs://bucket/omnium#q7Zk0v",
        "https://shop.blob.core.windows.net/container?sig=q7Zk0v",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(
    address: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--home", str(home.root), "--publish-to", address, "--json"]) == 2
    told = capsys.readouterr()
    assert "an address holds no credentials" in told.out
    assert "q7Zk0v" not in told.out + told.err
    assert not home.root.exists()


def test_a_scheme_in_capitals_is_the_same(tmp_path: Path, published: Home) -> None:
    Bucket.opened(f"FILE://{tmp_path / 'bucket'}").publish(published)
    assert (tmp_path / "bucket" / "manifest.json").exists()


def test_what_a_bucket_answers_is_told_without_the_secrets(
    s3: str, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a client puts into its errors: nowhere on the screen, in the log, in the history, in status."""
    environment = buckets.s3_environment(s3)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    secret = environment[f"{buckets.CREDENTIALS}AWS_SECRET_ACCESS_KEY"]
    home.create()
    execute(home, "create schema omnium", "create table omnium.stores (id varchar)")

    def refuse(bucket: Bucket) -> list[int]:
        raise ConnectionError(f"GET https://b/x?X-Amz-Signature=5f0e77 with {secret}; sig=ab&sv=1&sig=5f0e77")

    monkeypatch.setattr(Bucket, "numbers", refuse)
    assert main(["publish", "--home", str(home.root), "--publish-to", "s3://shop/omnium", "-v"]) == 1
    assert main(["status", "--home", str(home.root), "--json"]) == 0
    told = capsys.readouterr()
    assert "s3://shop/omnium cannot be written: ConnectionError" in told.err
    kept = "".join(
        path.read_bytes().decode(errors="replace") for path in home.root.rglob("*") if path.is_file()
    )
    assert "ConnectionError" in kept
    for one in (secret, "5f0e77"):
        assert one not in told.out + told.err + kept


def test_a_bucket_that_is_not_there_is_told_without_the_secret(
    s3: str, published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = buckets.s3_environment(s3)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OmniumEltError, match="s3://nosuch/omnium cannot be written") as raised:
        publish_to_bucket(Settings(home=published, publish_to="s3://nosuch/omnium"), Silent())
    assert environment[f"{buckets.CREDENTIALS}AWS_SECRET_ACCESS_KEY"] not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["disk", "s3"], indirect=True)
def test_the_command_publishes_to_s3(
    s3: str, url: str, home_after_run: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--home", str(home_after_run.root), "--publish-to", url, "--json"]) == 0
    steps = {step["name"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert steps["publish"]["status"] == "unchanged"
    assert steps["bucket"]["details"]["number"] == 1
    bucket = Bucket.opened(url)
    manifest = json.loads(bucket.files.cat_file(f"{bucket.root}/manifest.json"))
    names = {path.relative_to(home_after_run.root).as_posix() for path in home_after_run.exports.iterdir()}
    assert set(manifest["files"]) == {*names, "warehouse.duckdb"}
    place = manifest["files"]["exports/purchase_proposal.parquet"]["path"]
    import pyarrow.parquet as pq

    with bucket.files.open(f"{bucket.root}/{place}") as file:
        assert pq.read_table(file).num_rows > 0
