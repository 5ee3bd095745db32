"""Whose rows a home holds, and that those of two tenants never stand in one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from omnium_elt.cli import main
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.tenant import check_tenant, connect, note_tenant
from omnium_sandbox import Sandbox

from tests.support.command_line import printed_json
from tests.support.reading import day
from tests.support.tenants import environment_of
from tests.support.wire import Asked, Reply, Wire, search


def settings_for(base_url: str, home: Home) -> Settings:
    return Settings(home=home, base_url=base_url, client_id="a", client_secret=Secret("b"))


@pytest.mark.parametrize(
    ("held", "other", "says"),
    [
        (
            "http://127.0.0.1:8000",
            "https://api.omnium.no",
            "the rows of a sandbox on this machine, and this is api.omnium.no",
        ),
        (
            "https://apitest.omnium.no",
            "https://api.omnium.no",
            "the rows of apitest.omnium.no, and this is api.omnium.no",
        ),
        (
            "https://api.omnium.no",
            "http://localhost:1",
            "the rows of api.omnium.no, and this is a sandbox on this machine",
        ),
    ],
)
def test_a_home_with_the_rows_of_one_tenant_refuses_another(
    held: str, other: str, says: str, home: Home
) -> None:
    home.create()
    note_tenant(settings_for(held, home))
    with pytest.raises(UsageError, match=f"holds {says}") as raised:
        connect(settings_for(other, home))
    assert str(home.tenant) in raised.value.remedy
    home.tenant.unlink()
    check_tenant(settings_for(other, home))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("https://api.omnium.no", "https://API.omnium.no:443/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001"),
        ("http://localhost:8000", "http://127.0.0.1:8001"),
    ],
)
def test_a_tenant_is_known_by_its_host(one: str, same: str, home: Home) -> None:
    home.create()
    note_tenant(settings_for(one, home))
    check_tenant(settings_for(same, home))


def test_a_load_keeps_whose_rows_it_loads_and_what_could_not_be_read_is_nobodys(
    sandbox: Sandbox, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment_of(sandbox).items():
        monkeypatch.setenv(name, value)
    arguments = ["--home", str(home.root), "--resources", "stores", "--json"]
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "another")
    assert main(["load", *arguments]) == 2
    assert not home.tenant.exists()
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", sandbox.client_secret)
    assert main(["load", *arguments]) == 0
    assert json.loads(home.tenant.read_text()) == {
        "host": "a sandbox on this machine",
        "user": hashlib.sha256(b"sandbox").hexdigest()[:16],
    }
    capfd.readouterr()
    home.tenant.write_text('{"host": "api.omnium.no"}')
    for command in ("load", "reconcile", "run"):
        assert main([command, *arguments]) == 2
        assert "holds the rows of api.omnium.no" in printed_json(capfd)["error"]
    assert main(["check", *arguments]) == 2
    (fault,) = [one for one in printed_json(capfd)["checks"] if one["level"] == "fail"]
    assert (fault["name"], fault["remedy"]) == (
        "tenant",
        f"Choose another --home; or, where both are the same tenant, take {Path(home.tenant)} away.",
    )


def stores(*ids: str) -> Any:
    """A tenant that has these stores, and lets in whoever asks."""
    rows = [{"id": id, "modified": day(1), "created": day(1)} for id in ids]

    def answer(asked: Asked) -> Reply:
        return search(rows, asked.body) if asked.path == "Stores/SearchStores" else Reply(status=403)

    return answer


@pytest.mark.parametrize(
    ("user", "seen", "status"),
    [
        ("brand-a", ("oslo", "bergen"), 0),
        ("brand-a", ("malmo",), 0),
        ("brand-a-anew", ("bergen", "narvik"), 0),
        ("brand-b", ("malmo", "lund"), 2),
        ("brand-b", (), 0),
    ],
    ids=[
        "the same",
        "the same, of other stores",
        "another user of the same",
        "another tenant",
        "nothing shown",
    ],
)
def test_tenants_of_one_host_are_told_apart_by_what_a_new_user_sees(
    user: str,
    seen: tuple[str, ...],
    status: int,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments = ["load", "--home", str(home.root), "--resources", "stores", "--json"]
    monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "hush-hush-hush-hush")
    for client_id, ids in (("brand-a", ("oslo", "bergen")), (user, seen)):
        monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_ID", client_id)
        capfd.readouterr()
        with Wire(stores(*ids)) as wire:
            monkeypatch.setenv("SOURCES__OMNIUM__BASE_URL", wire.base_url)
            ended = main(arguments)
    error = printed_json(capfd)["error"]
    assert (ended, error is None) == (status, status == 0)
    if error:
        assert error.startswith(
            f"{home.root} holds the rows of another tenant: this API user is a new one, and gets none of"
        )
