"""Files under state/ that hold anything but what was written there: recovery, or a clear error."""

import json
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.cli import main
from omnium_elt.infra import history
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps import dbt_commands
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_sandbox import Sandbox

from tests.support.tenants import WITHOUT_DATA_TESTS, sandbox_settings

pytestmark = pytest.mark.slow  # a run for each way to damage a file

SOME = ("suppliers", "stores")
CONTENTS = {
    "null": b"null",
    "empty": b"",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"1e999",
    "binary": bytes(range(256)),
    "deep": b"[" * 100_000,
    "cut off": b'{"run_id": "20260101T000000Z-',
    "wrong types": json.dumps(
        {
            **dict.fromkeys(("run_id", "command", "status", "started_at", "raw", "identity", "token"), 1),
            **dict.fromkeys(("finished_at", "project", "variables", "destination", "expires_at")),
            **{name: {"suppliers": None, "stores": 3} for name in ("resources", "steps", "marts", "nodes")},
            "suppliers": {"last_success": 5, "last_error": [], "cursor": {}, "last_status": None},
            "stores": "ok",
            "as_of": ["2026"],
        }
    ).encode(),
    "wrong values": json.dumps(
        {
            **dict.fromkeys(("run_id", "command", "status", "started_at", "finished_at"), "no moment"),
            "resources": [{"name": "stores"}],
            "steps": [None],
            "suppliers": {"last_success": "yesterday", "cursor": "soon"},
            "marts": {"lead_time": {}},
            "error": None,
        }
    ).encode(),
}
KEPT = ("warehouse.duckdb", "personal_key")
"""What cannot be made again from something else."""


def files_of(home: Home) -> list[Path]:
    found = [*home.state.rglob("*"), home.manifest]
    return [path for path in found if path.is_file() and path.name not in KEPT and "target/" not in str(path)]


def run(home: Home, sandbox: Sandbox, command: str = "run", **more: Any) -> RunReport:
    settings = sandbox_settings(home, sandbox, **{"resources": SOME, **more})
    return perform(settings, Silent(), command, COMMANDS[command])


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_run_and_status_recover(
    content: bytes, home_after_run: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    home = home_after_run
    run(home, sandbox, "load", personal_key=None)
    for path in files_of(home):
        path.write_bytes(content)
    (home.dbt / "target" / "manifest.json").write_bytes(content)
    monkeypatch.setattr(
        dbt_commands, "build", lambda *_: ({}, {})
    )  # the models are there; only their mark is lost
    assert main(["status", "--json", "--home", str(home.root)]) == 0
    capfd.readouterr()
    settings = sandbox_settings(home, sandbox, resources=SOME, reconcile_every_days=1)
    report = perform(settings, Silent(), "run", COMMANDS["run"])
    assert report.exit_status == 0, report
    assert json.loads(home.manifest.read_bytes())["run_id"] == report.run_id
    assert [past["run_id"] for past in history.runs(home)] == [report.run_id]
    assert main(["status", "--home", str(home.root)]) == 0


@pytest.mark.parametrize("content", [b"null", b"", bytes(range(256))], ids=["null", "empty", "binary"])
def test_dbt_reads_the_project_again_where_its_own_files_are_damaged(
    content: bytes, home_after_run: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_after_run
    for name, value in WITHOUT_DATA_TESTS.items():
        monkeypatch.setenv(name, value)
    for path in (home.dbt / "target").iterdir():
        if path.is_file():
            path.write_bytes(content)
    arguments = dbt_commands.dbt_arguments(sandbox_settings(home, sandbox), "build", "--select", "stg_stores")
    from dbt.cli.main import dbtRunner

    with dbt_commands.dbt_environment(sandbox_settings(home, sandbox)):
        answer = dbtRunner().invoke(arguments)
    assert answer.success, answer.exception


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("warehouse.duckdb", b"null", "the working database is damaged"),
        ("warehouse.duckdb", bytes(range(256)) * 100, "the working database is damaged"),
        ("personal_key", b"null", "holds no key"),
        ("personal_key", b"", "holds no key"),
        ("personal_key", b"\0" * 64, "were hashed with another key"),
    ],
)
def test_what_cannot_be_made_again_is_a_clear_error(
    name: str, content: bytes, says: str, home: Home, sandbox: Sandbox
) -> None:
    assert run(home, sandbox, "load").exit_status == 0
    (home.state / name).write_bytes(content)
    settings = sandbox_settings(home, sandbox, resources=SOME)
    for steps in (COMMANDS["load"], (reconcile_step(False),)):
        report = perform(settings, Silent(), "load", steps)
        assert report.exit_status in (1, 2)
        assert says in str(report.error)
        assert len(str(report.error).splitlines()) <= 2
        assert not [note for note in report.notes if "not foreseen" in note]


def test_a_database_cut_off_or_emptied_is_damaged(home: Home, sandbox: Sandbox) -> None:
    key = Secret("one key for all of these")
    assert run(home, sandbox, "load", personal_key=key).exit_status == 0
    whole = home.working_database.read_bytes()
    for left in (whole[: len(whole) // 3], b""):
        home.working_database.write_bytes(left)
        report = run(home, sandbox, "load", personal_key=key)
        assert (report.exit_status, "damaged" in str(report.error)) == (1, True), report.error
    home.working_database.unlink()
    assert run(home, sandbox, "load", personal_key=key).status == "ok"


def test_a_database_that_may_not_be_read_is_a_matter_of_rights(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb
    from omnium_elt.infra.errors import OmniumEltError, explain
    from omnium_elt.warehouse import destination

    def refused(*_: Any) -> None:
        raise duckdb.IOException('IO Error: Cannot open file "warehouse.duckdb": Permission denied')

    monkeypatch.setattr(destination, "attached", refused)
    with pytest.raises(OmniumEltError) as caught:
        destination.Warehouse(home, "duckdb")
    told = explain(caught.value)
    assert told.message == "no permission to open the working database"
    assert "damaged" not in told.remedy
