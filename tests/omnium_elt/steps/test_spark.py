"""`--engine spark` where Spark cannot be had: what is missing is said at once, with what to do, and status 2."""

import json
from pathlib import Path

import pytest
from omnium_elt.cli import main
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.steps import spark


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine on which everything is installed."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv(spark.REMOTE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    _java(tmp_path, 'openjdk version "17.0.15" 2025-04-15')
    monkeypatch.setattr(spark, "find_spec", lambda _: object())
    return Settings(Home(tmp_path / "home"), engine="spark")


def _java(folder: Path, says: str) -> None:
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)


def test_all_is_there(settings: Settings) -> None:
    spark.check(settings)


@pytest.mark.parametrize("package", ["pyspark", "dbt-spark"])
def test_a_package_is_missing(package: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    module = {"pyspark": "pyspark", "dbt-spark": "dbt.adapters.spark"}[package]
    monkeypatch.setattr(spark, "find_spec", lambda name: None if name == module else object())
    with pytest.raises(UsageError, match=f"needs {package}, which is not installed\nInstall it: pip install"):
        spark.check(settings)


def test_there_is_no_java(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "java").unlink()
    with pytest.raises(
        UsageError, match="needs Java, and there is none on the PATH\nInstall a Java of version 17"
    ):
        spark.check(settings)


def test_java_home_holds_none(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="there is none in JAVA_HOME"):
        spark.check(settings)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('java version "1.8.0_402"', "8"),
        ('openjdk version "11.0.2"', "11"),
        ("nothing", "an unknown version"),
    ],
)
def test_java_is_too_old(says: str, version: str, settings: Settings, tmp_path: Path) -> None:
    _java(tmp_path, says)
    with pytest.raises(UsageError, match=f"needs Java 17, and {tmp_path / 'java'} is {version}"):
        spark.check(settings)


@pytest.mark.parametrize("remote", ["host:15002", "http://host", "sc://", "thrift://host:10000"])
def test_an_address_that_is_none(remote: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(spark.REMOTE, remote)
    with pytest.raises(UsageError, match=r"Write it as sc://host:15002"):
        spark.check(settings)


def test_a_server_needs_no_java_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "java").unlink()
    monkeypatch.setenv(spark.REMOTE, "sc://spark.example.com:15002")
    spark.check(settings)


def test_a_server_of_another_kind_is_no_lake(settings: Settings) -> None:
    elsewhere = Settings(settings.home, engine="spark", destination="postgres")
    with pytest.raises(UsageError, match="reads the lake under the home, and not postgres"):
        spark.check(elsewhere)


def test_the_command_ends_with_2(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "java").unlink()
    settings.home.create()
    status = main(["transform", "--engine", "spark", "--home", str(settings.home.root), "--json"])
    assert status == 2
    report = json.loads(capsys.readouterr().out)
    assert "needs Java" in report["error"]


def test_another_engine_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transform", "--engine", "sparkle", "--home", str(tmp_path / "home")]) == 2
    assert "'sparkle' is not one of 'duckdb', 'spark'" in capsys.readouterr().err


def test_a_size_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMNIUM_SPARK_MEMORY", "plenty")
    assert main(["transform", "--engine", "spark", "--home", str(tmp_path / "home")]) == 2
    assert "OMNIUM_SPARK_MEMORY" in capsys.readouterr().err


def test_types_of_raw_columns() -> None:
    described = {
        "columns": [
            {"name": "id", "type": "VARCHAR"},
            {"name": "quantity", "type": "DECIMAL(38,9)"},
            {"name": "created", "type": "TIMESTAMP WITH TIME ZONE"},
            {"name": "properties", "type": "JSON"},
        ]
    }
    assert spark._columns(described) == (
        "(`id` string, `quantity` decimal(38,9), `created` timestamp, `properties` string)"
    )


def test_a_column_of_a_type_of_its_own_is_looked_up_in_the_file() -> None:
    assert spark._columns({"columns": [{"name": "id", "type": "HUGEINT"}]}) == ""
