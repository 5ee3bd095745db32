"""status: where resources stand, of a home and of what is none."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from omnium_elt.cli import main
from omnium_elt.infra import history
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import ResourceReport, RunReport
from omnium_sandbox import Sandbox
from omnium_source.resources import RESOURCES
from rich.console import Console

from tests.support.command_line import files_of, printed_json


@pytest.mark.parametrize("exists", [False, True], ids=["no folder", "another folder"])
@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["plain", "json"])
@pytest.mark.parametrize("command", ["status", "transform", "publish", "reconcile"])
def test_what_is_no_home_stays_as_it_is(
    command: str,
    exists: bool,
    json_too: list[str],
    home: Home,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"SOURCES__OMNIUM__{name}", "http://localhost:1")
    if exists:
        home.root.mkdir()
    assert main([command, "--home", str(home.root), *json_too]) == 2
    assert "is no home of omnium-elt" in capfd.readouterr().err
    assert home.root.exists() == exists
    assert not home.state.exists()


@pytest.mark.parametrize("command", [["write", "orders"], ["export"], ["dashboard"]], ids=" ".join)
def test_what_reads_a_warehouse_makes_no_home_where_there_is_none(
    command: list[str], home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--home", str(home.root)]) == 2
    assert "there is no warehouse at" in capfd.readouterr().err
    assert not home.root.exists()


def test_status_before_anything(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    home.create()
    assert main(["status", "--home", str(home.root)]) == 0
    assert "Nothing was loaded here yet" in capfd.readouterr().out


def test_status_after_a_run(home_after_run: Home, capfd: pytest.CaptureFixture[str]) -> None:
    before = files_of(home_after_run.root)
    assert main(["status", "--home", str(home_after_run.root), "--json"]) == 0
    status = printed_json(capfd)
    assert files_of(home_after_run.root) == before, "it only looks"
    assert status["running"] is None
    assert status["published_at"]
    suppliers = {resource["name"]: resource for resource in status["resources"]}["suppliers"]
    assert suppliers["last_status"] == "ok"
    assert suppliers["rows"] > 10
    assert suppliers["cursor"]
    assert suppliers["lag_seconds"] > 0
    assert suppliers["last_error"] is None
    (run,) = status["runs"]
    assert (run["command"], run["status"]) == ("run", "ok")
    assert main(["status", "--home", str(home_after_run.root)]) == 0
    assert run["run_id"] in capfd.readouterr().out


def test_status_tells_the_last_error(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    configured.behaviour.missing_roles = {"StoreRead"}
    main(["load", "--resources", "stores", "--home", str(home.root)])
    capfd.readouterr()
    main(["status", "--home", str(home.root), "--json"])
    (stores,) = printed_json(capfd)["resources"]
    assert stores["last_status"] == "forbidden"
    assert "StoreRead" in stores["last_error"]
    assert stores["last_success"] is None


def test_a_clock_that_was_set_back_during_a_run_makes_it_no_shorter(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a run that an earlier version noted, which kept no length, it is not told."""
    home.create()
    report = RunReport.begin("load", "20261025T033000Z-0002")
    report.began -= 90
    report.started_at += timedelta(hours=1)
    history.save(home, report.finish("ok"))
    old = json.loads((home.runs / "20261025T033000Z-0002.json").read_text()) | {
        "run_id": "20261025T023000Z-0001"
    }
    del old["seconds"]
    (home.runs / "20261025T023000Z-0001.json").write_text(json.dumps(old))
    assert main(["status", "--home", str(home.root), "--json"]) == 0
    assert [run["seconds"] for run in printed_json(capfd)["runs"]] == [pytest.approx(90, abs=5), None]
    assert main(["status", "--home", str(home.root)]) == 0
    rows = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert ["20261025T033000Z-0002", "load", "ok", "2", "min", "0", "0"] in rows
    assert ["20261025T023000Z-0001", "load", "ok", "–", "0", "0"] in rows


def test_a_success_that_lies_ahead_of_now_is_told(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    """The clock was a year ahead when stores were read; suppliers were read by one that is a second ahead of ours."""
    home.create()
    for name, ahead in (("suppliers", timedelta(seconds=1)), ("stores", timedelta(days=365))):
        report = RunReport.begin("load", history.next_run_id(home))
        report.resources = [ResourceReport(name, "ok")]
        report.committed = {name: {"cursor": "2026-11-30T08:00:00Z"}}
        report.finish()
        assert report.finished_at
        report.finished_at += ahead
        history.save(home, report)
    assert main(["status", "--home", str(home.root)]) == 0
    shown = capfd.readouterr().out
    moment = f"{report.finished_at:%Y-%m-%d %H:%M}"
    rows = [line.split() for line in shown.splitlines()]
    assert ["stores", "ok", "2026-11-30", "08:00", "–", *moment.split(), "ahead"] in [row[:8] for row in rows]
    assert [row[-2:] for row in rows if row[:1] == ["suppliers"]] == [["0.0", "s"]]
    assert f"stores: the last success, {moment} UTC, lies ahead of now: the clock was wrong then" in shown
    assert "suppliers: the last" not in shown
    assert "cursor (UTC)" in shown


def test_status_on_a_narrow_terminal_keeps_its_names_whole(
    finished_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=io.StringIO(), width=60)
    monkeypatch.setattr("omnium_elt.cli.commands.status.stdout", lambda: console)
    assert main(["status", "--home", str(finished_home)]) == 0
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines[1:])) <= 60
    told = {line.split()[0] for line in lines if line.split()}
    assert set(RESOURCES) <= told
