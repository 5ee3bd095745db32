"""A bucket's address is no path: it is refused, instead of a local folder `s3:` being made."""

from pathlib import Path

import pytest
from omnium_elt.cli import main
from omnium_sandbox import Sandbox
from omnium_source.setting import is_url

URLS = (
    "s3://bucket/omnium",
    "az://container/omnium",
    "gs://bucket/omnium",
    "s3:/bucket",
    "file:///srv/omnium",
)
ODD = (
    "S3://bucket",
    "s3:bucket/omnium",
    "s3:\\\\bucket",
    " s3://bucket",
    "'gs://bucket'",
    "gs:///bucket",
    "abfss://container@shop.dfs.core.windows.net/omnium",
    "gcs://bucket",
    "http://host/omnium",
    "https://host/omnium",
    "hdfs://name/omnium",
    "hdfs:///omnium",
    "dbfs:/omnium",
    "file:omnium",
    "wasbs://container@shop/omnium",
)
"""Spellings of which each, taken as a path, is a folder here."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "arguments",
    [["run"], ["status"], ["demo"], ["publish"], ["sandbox"], ["check"]],
    ids=lambda arguments: arguments[0],
)
def test_a_home_is_on_this_machine(
    url: str, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--home", url]) == 2
    assert f"--home is a URL ({url}), and has to be a path on this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ODD)
def test_an_address_is_one_however_it_is_spelt(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--home", url]) == 2
    assert f"--home is a URL ({url})" in capsys.readouterr().err
    assert main(["export", "--output", f"{url}/order.csv"]) == 2
    assert "--output is a URL" in capsys.readouterr().err
    for name in ("OMNIUM_HOME", "SOURCES__OMNIUM__TOKEN_PATH", "TRANSFORM__LAKE_PATH"):
        with monkeypatch.context() as patch:
            patch.setenv(name, url)
            assert main(["status"]) == 2
            assert name in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["data/s3", "s3", "./s3:/omnium", "file", "https", "C:/omnium", "azure:d"])
def test_a_path_is_none(path: str) -> None:
    assert not is_url(path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--destination", "s3://bucket/omnium"], "unknown destination 's3://bucket/omnium'"),
        (["--publish-to", "/srv/omnium"], "/srv/omnium: files cannot be published there"),
    ],
)
def test_a_backfill_refuses_what_a_run_refuses(
    arguments: list[str], told: str, configured: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what in (["plan", "2"], ["commit"]):
        assert main(["backfill", *what, "--home", str(tmp_path / "home"), *arguments]) == 2
        assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", URLS)
def test_a_home_in_the_environment_is_on_this_machine(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMNIUM_HOME", url)
    assert main(["status"]) == 2
    assert f"OMNIUM_HOME is a URL ({url})" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SOURCES__OMNIUM__TOKEN_PATH", "TRANSFORM__LAKE_PATH", "OMNIUM_HOME"])
def test_a_setting_that_is_a_path_is_on_this_machine(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "s3://bucket/omnium")
    assert main(["status"]) == 2
    assert name in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_is_no_destination(
    configured: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("load", "run", "transform", "publish", "reconcile"):
        home = str(tmp_path / command)
        assert main([command, "--home", home, "--destination", "s3://bucket/omnium"]) == 2
        told = capsys.readouterr().err
        assert "unknown destination 's3://bucket/omnium'" in told
        assert "--publish-to" in told
        assert main([command, "--home", home, "--destination", "nosuch"]) == 2
        assert "unknown destination 'nosuch'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["--for-supplier"]])
def test_what_is_exported_goes_to_this_machine(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *more, "--output", "s3://bucket/order.csv"]) == 2
    assert "--output is a URL (s3://bucket/order.csv)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_be_called_so_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["status", "--home", "./s3:/omnium"])
    assert "URL" not in capsys.readouterr().err
