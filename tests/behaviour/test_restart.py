"""After accidents that leave something behind, or take something away, the next run goes on rightly."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_sandbox import Sandbox
from omnium_source import omnium_source

from tests.support import accidents
from tests.support.tenants import environment_of, sandbox_settings

SOME = ("suppliers", "orders", "purchase_orders", "private_customers", "stores")
SELECTED = ("--resources", ",".join(SOME))


def load_once(home: Home, sandbox: Sandbox, steps: Any = COMMANDS["load"], **more: Any) -> RunReport:
    return perform(sandbox_settings(home, sandbox, **{"resources": SOME, **more}), Silent(), "load", steps)


def rows_of(home: Home, sql: str) -> Any:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def searches_of(sandbox: Sandbox, path: str) -> list[Any]:
    return [request.body for request in sandbox.requests if path in request.path]


# State travels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["dlt", "everything"])
def test_without_its_state_the_next_run_goes_on_where_the_last_ended(
    lost: str, home: Home, sandbox: Sandbox
) -> None:
    key = Secret("kept in a vault, not under the home")
    assert load_once(home, sandbox, personal_key=key).status == "ok"
    before = rows_of(home, "select count(*), max(_dlt_load_id) from omnium.orders")
    for path in list(home.state.iterdir()):
        if path.name == "dlt" or (lost == "everything" and path != home.working_database):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    sandbox.clear_requests()
    report = load_once(home, sandbox, personal_key=key)
    assert report.status == "unchanged"
    assert all("modifiedFrom" in body for body in searches_of(sandbox, "/Suppliers/Search"))
    assert all("modifiedFrom" in body for body in searches_of(sandbox, "/Orders/"))
    assert rows_of(home, "select count(*), max(_dlt_load_id) from omnium.orders") == before


def test_a_lost_key_is_an_error_and_not_other_hashes(home: Home, sandbox: Sandbox) -> None:
    assert load_once(home, sandbox).status == "ok"
    kept = home.personal_key.read_bytes()
    hashes = rows_of(home, "select _dlt_id, email from omnium.private_customers order by all")
    home.personal_key.unlink()
    sandbox.clear_requests()
    for steps in (COMMANDS["load"], (reconcile_step(True),)):
        report = load_once(home, sandbox, steps)
        assert report.exit_status == 2
        assert "the key that personal data were hashed with is missing" in str(report.error)
        assert "Restore the file" in str(report.error)
    assert sandbox.requests == []
    assert not home.personal_key.exists()
    home.personal_key.write_bytes(kept)
    assert load_once(home, sandbox).status == "unchanged"
    assert rows_of(home, "select _dlt_id, email from omnium.private_customers order by all") == hashes


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"personal_key": Secret("another key of sixteen")}, "were hashed with another key"),
        ({"personal": "include"}, "were loaded with SOURCES__OMNIUM__PII=hash, and now it is include"),
        ({"personal": "exclude"}, "were loaded with SOURCES__OMNIUM__PII=hash, and now it is exclude"),
        ({"personal": "include", "full_refresh": True}, "and now it is include"),
    ],
)
def test_personal_data_treated_otherwise_are_an_error(
    more: dict[str, Any], says: str, home: Home, sandbox: Sandbox
) -> None:
    assert load_once(home, sandbox, resources=("stores", "private_customers")).status == "ok"
    sandbox.clear_requests()
    for steps in (COMMANDS["load"], (reconcile_step(True),)):
        report = load_once(home, sandbox, steps, resources=("private_customers",), **more)
        assert report.exit_status == 2
        assert says in str(report.error)
        assert len(str(report.error).splitlines()) == 2
    assert sandbox.requests == []
    assert load_once(home, sandbox, resources=("private_customers",)).status == "unchanged"


def test_a_pipeline_of_ones_own_keeps_its_key_too(tmp_path: Path, configured: Sandbox) -> None:
    def pipeline() -> dlt.Pipeline:
        database = dlt.destinations.duckdb(str(tmp_path / "own.duckdb"))
        return dlt.pipeline(
            "own", pipelines_dir=str(tmp_path / "dlt"), destination=database, dataset_name="omnium"
        )

    os.environ["NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID"] = "false"
    pipeline().run(omnium_source().with_resources("private_customers"))
    shutil.rmtree(tmp_path / "dlt")
    with pytest.raises(PipelineStepFailed, match="the key that personal data were hashed with is missing"):
        pipeline().run(omnium_source().with_resources("private_customers"))


# One at a time ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_run_ends_at_once_with_75_and_a_dead_ones_lock_is_taken_over(
    home: Home, sandbox: Sandbox
) -> None:
    sandbox.behaviour.latency_seconds = 15.0
    first = accidents.start(sandbox, home, "load", "--resources", "stores,suppliers")
    while not home.lock.exists() or not home.lock.read_text():
        assert first.poll() is None
    second = accidents.run(sandbox, home, "load", "--resources", "stores")
    assert second.returncode == 75
    assert f"omnium-elt load (process {first.pid}" in second.err
    assert json.loads(second.out)["status"] == "failed"
    first.kill()
    first.communicate()
    assert f'"pid": {first.pid}' in home.lock.read_text()
    sandbox.behaviour.latency_seconds = 0.0
    third = accidents.run(sandbox, home, "load", "--resources", "stores")
    assert third.returncode == 0, third.err


def test_a_lock_file_that_somebody_else_wrote_stops_nobody(home: Home, sandbox: Sandbox) -> None:
    home.create()
    home.lock.write_text(json.dumps({"pid": 1, "command": "run", "started_at": "long ago"}))
    assert load_once(home, sandbox, resources=("stores",)).status == "ok"
    with home.lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert load_once(home, sandbox, resources=("stores",)).exit_status == 75


# No room ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("megabytes", [0.3, pytest.param(1.0, marks=pytest.mark.slow)])
def test_files_that_may_not_grow(megabytes: float, home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    """The nearest to a full disk that needs no rights: no file may become larger than this."""
    most = int(megabytes * 1_000_000)
    ended = subprocess.run(
        [sys.executable, "-m", "omnium_elt", "load", "--home", str(home.root), "--json", *SELECTED],
        cwd=accidents.ROOT,
        env={
            **os.environ,
            **environment_of(sandbox),
            "SOURCES__OMNIUM__PII_KEY": "one key for both homes",
            "PYTHONDONTWRITEBYTECODE": "1",  # half of a compiled module would fail whoever reads it next
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    assert_told_clearly(json.loads(ended.stdout)["error"])
    assert "Traceback" not in ended.stderr
    assert_next_run_is_right(home, sandbox, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Any]:
    """Mounts a disk of so many bytes; skips where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()

    @contextmanager
    def mounted(size: int) -> Iterator[Path]:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)

    return mounted


@pytest.mark.parametrize("megabytes", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_disk_that_fills_up(
    megabytes: int, small_disk: Any, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnium_elt.steps.run.LEAST_FREE_BYTES", 0)
    key = Secret("one key for both homes")
    with small_disk(megabytes * 1_000_000) as folder:
        home = Home(folder / "home")
        report = load_once(home, sandbox, personal_key=key)
        assert report.exit_status == 1, report
        assert_told_clearly(report.error)
        subprocess.run(["mount", "-o", "remount,size=300000000", str(folder)], check=True)
        assert_next_run_is_right(home, sandbox, tmp_path)


def test_too_little_room_is_said_before_anything_begins(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnium_elt.steps.run.LEAST_FREE_BYTES", 10**18)
    report = load_once(home, sandbox)
    assert report.exit_status == 1
    assert "MB are left on the disk" in str(report.error)
    assert sandbox.requests == []


def assert_told_clearly(error: Any) -> None:
    lines = str(error).splitlines()
    assert 1 <= len(lines) <= 2, error
    assert any(word in error for word in ("disk", "File too large", "space", "room")), error
    assert len(error) < 500, error


def assert_next_run_is_right(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    key = Secret("one key for both homes")
    mended = load_once(home, sandbox, personal_key=key)
    assert mended.exit_status == 0, mended.error
    undisturbed = Home(tmp_path / "undisturbed")
    load_once(undisturbed, sandbox, personal_key=key)
    assert accidents.differences(home.working_database, undisturbed.working_database) == []
