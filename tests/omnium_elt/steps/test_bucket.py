"""What is published, in a bucket: whole versions by number, refused to two at once. On a disk, and on moto's S3."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.cli import main
from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.home import Home
from omnium_elt.steps.bucket import KEPT, Bucket

CREDENTIALS = "DESTINATION__FILESYSTEM__CREDENTIALS__"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 of this process."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["disk", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder to publish to, with credentials in the environment."""
    if request.param == "disk":
        return f"file://{tmp_path / 'bucket'}/omnium"
    import s3fs

    endpoint = request.getfixturevalue("s3")
    known = {
        "AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "ENDPOINT_URL": endpoint,
    }
    for name, value in known.items():
        monkeypatch.setenv(CREDENTIALS + name, value)
    name = f"shop-{secrets.token_hex(4)}"
    keys = {"key": known["AWS_ACCESS_KEY_ID"], "secret": known["AWS_SECRET_ACCESS_KEY"]}
    s3fs.S3FileSystem(**keys, client_kwargs={"endpoint_url": endpoint}).mkdir(name)
    return f"s3://{name}/omnium"


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
    bucket = Bucket.opened(url)
    how = "open" if url.startswith("file") else "pipe_file"
    own, lost = getattr(bucket.files, how), list[str]()

    def losing(path: str, *arguments: Any, **named: Any) -> Any:
        if "manifests/" not in path or lost:
            return own(path, *arguments, **named)
        lost.append(path)
        if how == "open":
            Path(path).write_bytes(texts[0])
        else:
            own(path, *arguments, **named)
        raise ConnectionError("the answer got lost")

    texts: list[bytes] = []
    commit = Bucket._commit

    def noted(bucket: Bucket, number: int, text: bytes) -> None:
        texts.append(text)
        commit(bucket, number, text)

    monkeypatch.setattr(Bucket, "_commit", noted)
    monkeypatch.setattr(bucket.files, how, losing)
    assert bucket.publish(published)["number"] == 1
    assert lost
    assert bucket.numbers() == [1]


@pytest.mark.parametrize("wrong", ["ftp://host/folder", "/srv/folder", "bucket"])
def test_an_address_that_does_not_do_is_refused_before_anything_is_done(
    wrong: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--home", str(home.root), "--publish-to", wrong]) == 2
    assert f"{wrong}: files cannot be published there" in capsys.readouterr().err
    assert not home.root.exists()


def test_a_bucket_that_is_not_there_is_told_without_the_secret(
    s3: str, published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omnium_elt.infra.home import Settings
    from omnium_elt.infra.run_report import Silent
    from omnium_elt.steps.bucket import publish_to_bucket

    secret = secrets.token_hex(20)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIA" + secrets.token_hex(8)),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("ENDPOINT_URL", s3),
    ):
        monkeypatch.setenv(CREDENTIALS + name, value)
    with pytest.raises(OmniumEltError, match="s3://nosuch/omnium cannot be written") as raised:
        publish_to_bucket(Settings(home=published, publish_to="s3://nosuch/omnium"), Silent())
    assert secret not in str(raised.value)


@pytest.mark.slow
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
