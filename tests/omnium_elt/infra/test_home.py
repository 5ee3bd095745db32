"""Folders, settings, configuration and logs of a home."""

import contextlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.infra.configuration import home_of, read_settings
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import PARTIAL, replacing, sweep, write_json
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.log import Masker, logging_to, tidy
from omnium_elt.infra.run_report import ResourceReport, RunReport, Silent, StepReport
from omnium_elt.steps.run import perform
from omnium_sandbox import Sandbox
from omnium_source.errors import ConfigurationError


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


# Folders


def test_state_is_for_its_owner_alone(home: Home) -> None:
    home.create()
    assert mode_of(home.state) == 0o700
    home.state.chmod(0o755)
    home.create()
    assert mode_of(home.state) == 0o700


def test_naming_a_home_makes_nothing(tmp_path: Path) -> None:
    home = home_of(str(tmp_path / "there"))
    assert home.working_database == tmp_path / "there" / "state" / "warehouse.duckdb"
    assert not home.root.exists()


def test_home_by_option_then_environment_then_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_of(None).root == tmp_path / "omnium-data"
    monkeypatch.setenv("OMNIUM_HOME", str(tmp_path / "environment"))
    assert home_of(None).root == tmp_path / "environment"
    assert home_of("option").root == tmp_path / "option"


@pytest.mark.parametrize("folder", ["a?b", "a\\b", "a\nb", "a\x7fb", "a\udcffb"])
def test_a_home_in_which_no_database_can_lie_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--home: a database cannot lie in a folder whose path holds '"):
        home_of(str(tmp_path / folder))


@pytest.mark.parametrize("folder", ["a b", "a'b", 'a"b', "50%", "%41", "ñø日本", "{x}", "[y]", "$H", ";#&=*"])
def test_a_home_of_an_odd_name_is_one(folder: str, tmp_path: Path) -> None:
    assert home_of(str(tmp_path / folder)).root == tmp_path / folder


def test_quotation_marks_of_a_file_that_no_shell_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIUM_HOME", f'"{tmp_path}"')
    with pytest.raises(UsageError, match="OMNIUM_HOME begins with a quotation mark"):
        home_of(None)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"run": 1})
    assert mode_of(path) == 0o600
    with contextlib.suppress(KeyError), replacing(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert json.loads(path.read_text()) == {"run": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / f".warehouse.duckdb.7{PARTIAL}").touch()
    (tmp_path / f".warehouse.duckdb.7{PARTIAL}.wal").touch()
    (tmp_path / "warehouse.duckdb").touch()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse.duckdb"]


# Settings


def test_settings_show_no_secret(home: Home) -> None:
    settings = Settings(home=home, client_secret=Secret("hush-hush"), personal_key=Secret("whisper-whisper"))
    assert "hush" not in repr(settings)
    assert "whisper" not in repr(settings)
    assert settings.client_secret == "hush-hush"


def test_settings_come_from_the_environment(
    home: Home, configured: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__PII", "exclude")
    monkeypatch.setenv("SOURCES__OMNIUM__MAX_REQUESTS_PER_SECOND", "12.5")
    monkeypatch.setenv("TRANSFORM__SERVICE_LEVEL", "0.98")
    monkeypatch.setenv("TRANSFORM__TIME_ZONE", "Europe/Oslo")
    settings = read_settings(home, {"resources": ("stores",)}, needs_tenant=True)
    assert settings.base_url == configured.base_url
    assert settings.client_secret == configured.client_secret
    assert settings.personal == "exclude"
    assert settings.settling_lag_seconds == 0
    assert settings.max_requests_per_second == 12.5
    assert settings.resources == ("stores",)
    assert settings.variables == {"service_level": 0.98, "time_zone": "Europe/Oslo"}


def test_settings_come_from_files_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(
        '[sources.omnium]\nbase_url = "https://api.example.com/"\npii = "include"\n'
        "[transform]\nreview_days = 7\n"
    )
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[sources.omnium]\nclient_id = "me"\nclient_secret = "hush-hush"\n'
    )
    code = (
        "from omnium_elt.infra.configuration import *; "
        "s = read_settings(home_of(None), {}, needs_tenant=True); "
        "print(s.base_url, s.client_id, str(s.client_secret), s.personal, s.variables)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert shown.stdout == "https://api.example.com me hush-hush include {'review_days': 7}\n"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PII", "yes", "one of include, hash, exclude"),
        ("WINDOW_ROWS", "many", "whole number from 100 to 10,000,000; 250000 by default"),
        ("SETTLING_LAG_SECONDS", "-1", "whole number from 0 to 86,400"),
        ("MAX_REQUESTS_PER_SECOND", "0", "number from 0.1 to 1,000"),
        ("BASE_URL", "http://api.example.com", "plain http"),
        ("BASE_URL", "api.example.com", "no http(s) address"),
        ("BASE_URL", "", "BASE_URL is missing"),
        ("CLIENT_ID", "", "CLIENT_ID is missing"),
        ("CLIENT_SECRET", "", "CLIENT_SECRET is missing"),
    ],
)
def test_wrong_settings_are_told(
    home: Home, configured: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"SOURCES__OMNIUM__{name}", value)
    with pytest.raises((UsageError, ConfigurationError)) as caught:
        read_settings(home, {}, needs_tenant=True)
    assert told in str(caught.value)


# Reports


def resource(status: str, **more: Any) -> ResourceReport:
    return ResourceReport("stores", status=status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("resources", "steps", "status", "exit_status"),
    [
        ([], [], "unchanged", 0),
        ([resource("ok", rows=3), resource("unchanged")], [], "ok", 0),
        ([resource("unchanged")], ["unchanged", "unchanged"], "unchanged", 0),
        ([resource("unchanged")], ["ok"], "ok", 0),
        ([resource("ok"), resource("forbidden")], ["ok"], "incomplete", 3),
        ([resource("ok"), resource("failed")], ["ok"], "incomplete", 3),
        ([resource("failed", total_hits=30_000)], [], "incomplete", 3),
        ([resource("forbidden")], [], "incomplete", 3),
        ([resource("failed"), resource("failed")], [], "failed", 1),
        ([resource("failed"), resource("skipped")], [], "failed", 1),
        ([resource("ok")], ["failed"], "failed", 1),
    ],
)
def test_a_runs_status_follows_from_its_parts(
    resources: list[ResourceReport], steps: list[str], status: str, exit_status: int
) -> None:
    report = RunReport.begin("run")
    report.resources = resources
    report.steps = [StepReport("transform", step) for step in steps]  # type: ignore[arg-type]
    report.finish()
    assert (report.status, report.exit_status) == (status, exit_status)


def test_the_json_shape_of_a_run() -> None:
    report = RunReport.begin("load", "20260131T000000Z-0001")
    report.resources = [ResourceReport("stores")]
    told = json.loads(json.dumps(report.finish().as_dict()))
    assert {"run_id", "started_at", "finished_at", "status", "resources"} <= set(told)
    assert list(told["resources"][0]) == [
        "name",
        "status",
        "rows",
        "requests",
        "retries",
        "throttled",
        "bytes",
        "window_from",
        "window_to",
        "total_hits",
        "complete",
        "seconds",
        "error",
    ]


# Logs


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("secret hush-hush in text", "secret ******** in text"),
        (
            "POST /api/token?clientId=a&clientSecret=abc%2B1&x=1",
            "POST /api/token?clientId=a&clientSecret=********&x=1",
        ),
        (r"{\"clientSecret\": \"abc\"}", r"{\"clientSecret\": \"********\"}"),
        ('{"client_secret": "abc"}', '{"client_secret": "********"}'),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ********"),
        ('"accessToken":"abc.def"', '"accessToken":"********"'),
        ("got eyJhbGciOi.eyJzdWIi.sig_nature", "got ********"),
        ("postgresql://me:hunter2@host/db", "postgresql://me:********@host/db"),
        ("customer ola.nordmann+x@example.no wrote", "customer ****@**** wrote"),
        ("asked ?x=a%2Bb%2Fc", "asked ?x=********"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert Masker(["hush-hush", "a+b/c", None, ""])(text) == masked


def test_a_log_file_holds_lines_of_json_without_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path, "20260131T000000Z-0001-run", Masker(["hush-hush"]), verbose=True) as path:
        logging.getLogger("omnium.load").debug("asked with %s", "hush-hush")
        logging.getLogger("dlt").warning("dlt says hush-hush")
        logging.getLogger("httpx").info("GET https://example.com/?clientSecret=hush-hush")
        try:
            raise ValueError("hush-hush")
        except ValueError:
            logging.getLogger("omnium").exception("it failed")
    assert mode_of(path) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("DEBUG", "omnium.load", "asked with ********"),
        ("WARNING", "dlt", "dlt says ********"),
        ("ERROR", "omnium", "it failed"),
    ]
    assert lines[2]["traceback"].endswith("ValueError: ********\n")
    shown = capfd.readouterr()
    assert "hush" not in shown.err + shown.out
    assert "Traceback" not in shown.err, "tracebacks are for the file"


def test_a_full_disk_puts_no_line_of_a_log_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """dbt's own log file prints each line that it cannot write, with a traceback, unless it is told not to."""
    with open("/dev/full", "w") as full, logging_to(tmp_path, "20260131T000000Z-0001-run", Masker()):
        of_dbt = logging.getLogger("default_file_log")
        handler = logging.StreamHandler(full)
        of_dbt.addHandler(handler)
        try:
            of_dbt.error("clientSecret=hush-hush")
        finally:
            of_dbt.removeHandler(handler)
            with contextlib.suppress(OSError):
                full.close()
    assert capfd.readouterr().err == ""


def test_dlt_does_not_put_its_own_lines_into_our_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It does so with the first handler that it finds, when its first pipeline is made: in mid-run."""
    from dlt.common import logger as dlt_logger

    with logging_to(tmp_path, "20260131T000000Z-0001-run", Masker(["hush-hush"]), verbose=True) as path:
        dlt_logger._create_logger("dlt", "INFO", "{message} of dlt", "", {})
        logging.getLogger("dlt").info("dlt says hush-hush")
        logging.getLogger("omnium").info("we say hush-hush")
    lines = [json.loads(line)["message"] for line in path.read_text().splitlines()]
    assert lines == ["dlt says ********", "we say ********"]
    assert "hush" not in capfd.readouterr().err


def test_what_a_killed_run_left_half_written_goes_with_the_next(home: Home) -> None:
    """Its names hold the number of its process, so that nobody ever wrote over them."""
    home.create()
    folders = (home.state, home.runs, home.writes, home.state / "backfill", home.lake, home.root / "delta")
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / f".manifest.json.12345{PARTIAL}").write_text("{")
    assert perform(Settings(home=home), Silent(), "load", ()).exit_status == 0
    assert [path.name for folder in folders for path in folder.iterdir() if path.name.endswith(PARTIAL)] == []


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"2026010{number}T000000Z-run.jsonl").touch()
    tidy(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20260103T000000Z-run.jsonl",
        "20260104T000000Z-run.jsonl",
    ]
