"""check: what it tries, what it says of it, and that it changes nothing."""

import re
from pathlib import Path

import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox
from omnium_source.resources import RESOURCES

from tests.support.command_line import printed_json


def test_check_tries_everything_and_changes_nothing(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {name: list(configured.tenant.rows(name)) for name in ("stores", "suppliers")}
    assert main(["check", "--home", str(home.root), "--json"]) == 0
    checks = {check["name"]: check for check in printed_json(capfd)["checks"]}
    assert {check["level"] for check in checks.values()} == {"ok"}
    machine = {
        "configuration",
        "home",
        "permissions",
        "disk",
        "destination",
        "credentials",
        "clock",
        "limits",
    }
    assert set(checks) == machine | set(RESOURCES)
    assert "first page" in checks["suppliers"]["message"]
    assert not home.root.exists()
    assert before == {name: list(configured.tenant.rows(name)) for name in before}
    assert all(request.method == "POST" or "Suppliers" in request.path for request in configured.requests)


def test_check_says_which_role_is_missing(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    configured.behaviour.missing_roles = {"ProjectRead"}
    assert main(["check", "--home", str(home.root), "--resources", "projects,stores"]) == 3
    shown = capfd.readouterr().out
    assert "FAIL  projects: the role ProjectRead is missing" in shown
    assert "→ Give the API user the role ProjectRead, or leave it out: --exclude projects." in shown
    assert "ok    stores" in shown


def test_check_says_which_destination_is_meant(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--home", str(home.root), "--resources", "stores", "--destination", "postgers"]
    assert main(["check", *arguments]) == 2
    shown = capfd.readouterr().out
    assert "FAIL  destination: unknown destination 'postgers'" in shown
    assert "→ Did you mean 'postgres'?" in shown


def test_check_stops_at_wrong_credentials(
    configured: Sandbox, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "not-the-right-one")
    assert main(["check", "--home", str(home.root), "--json"]) == 2
    checks = printed_json(capfd)["checks"]
    assert [check["name"] for check in checks if check["level"] == "fail"] == ["credentials"]
    assert checks[-1]["name"] == "credentials", "nothing is asked of the tenant after that"


@pytest.mark.parametrize(
    ("user", "secret", "status", "said"),
    [
        (
            "writer_client_id",
            "writer_client_secret",
            0,
            "ok: its API user got a token; it needs SupplierAdmin for",
        ),
        (
            "writer_client_id",
            "client_secret",
            2,
            "fail: 127.0.0.1 does not take these credentials (status 401): check SOURCES__OMNIUM__WRITER",
        ),
        ("writer_client_id", None, 2, "fail: SOURCES__OMNIUM__WRITER__CLIENT_SECRET is missing"),
        (
            "client_id",
            "client_secret",
            2,
            "fail: SOURCES__OMNIUM__WRITER__CLIENT_ID is the API user that reads",
        ),
    ],
)
def test_check_tries_the_user_that_writes(
    user: str,
    secret: str | None,
    status: int,
    said: str,
    configured: Sandbox,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_ID", getattr(configured, user))
    if secret:
        monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_SECRET", getattr(configured, secret))
    assert main(["check", "--home", str(home.root), "--resources", "stores", "--json"]) == status
    (found,) = [check for check in printed_json(capfd)["checks"] if check["name"] == "writing"]
    assert f"{found['level']}: {found['message']}".startswith(said)
    assert {request.method for request in configured.requests} == {"POST"}


def test_check_sees_a_readable_state_and_a_foreign_clock(
    configured: Sandbox, home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    home.create()
    home.state.chmod(0o755)
    configured.behaviour.clock_offset_seconds = 3600
    assert main(["check", "--home", str(home.root), "--resources", "stores", "--json"]) == 0
    levels = {check["name"]: check for check in printed_json(capfd)["checks"]}
    assert levels["permissions"]["level"] == "warn"
    assert "chmod" in levels["permissions"]["remedy"]
    assert levels["clock"]["level"] == "warn"
    assert re.search(r"differ by (3599|3600|3601) s", levels["clock"]["message"])


def test_check_sees_a_home_that_leads_nowhere(
    configured: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a disk that is not mounted does: a run cannot make a folder there."""
    (tmp_path / "disk").symlink_to(tmp_path / "not-mounted")
    assert main(["check", "--home", str(tmp_path / "disk"), "--resources", "stores", "--json"]) == 1
    found = {check["name"]: check for check in printed_json(capfd)["checks"]}
    assert found["home"]["level"] == "fail"
    assert found["home"]["message"] == f"{tmp_path / 'disk'} is not a folder"
