"""Whose rows a home holds, and that those of two tenants never stand in one."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra.configuration import read_settings
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.infra.tenant import check_tenant, connect, connect_writer, note_tenant
from omnium_elt.steps.run import load_step, perform
from omnium_elt.warehouse import database
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
        connect(settings_for(other, home), None)
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
    return tenant({"Stores/SearchStores": ids})


def tenant(ids: dict[str, tuple[str, ...]]) -> Any:
    """A tenant whose searches find rows with these ids; any other request is forbidden."""

    def answer(asked: Asked) -> Reply:
        if asked.path not in ids:
            return Reply(status=403)
        rows = [{"id": id, "modified": day(1), "created": day(1)} for id in ids[asked.path]]
        return search(rows, asked.body)

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


BRAND_A = tenant({"Stores/SearchStores": ("oslo", "bergen"), "Suppliers/Search": ("nord",)})
BRAND_B = tenant({"Stores/SearchStores": ("malmo", "lund"), "Suppliers/Search": ("syd",)})


class Caller:
    """Calls the program with the API user of a brand, against a server that shows what that brand has."""

    def __init__(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.home, self._monkeypatch, self._capfd = home, monkeypatch, capfd
        monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_SECRET", "hush-hush-hush-hush")
        self._wire = Wire(lambda asked: self.answer(asked))
        self.becomes("brand-a", BRAND_A)

    def __enter__(self) -> "Caller":
        self._wire.__enter__()
        self._monkeypatch.setenv("SOURCES__OMNIUM__BASE_URL", self._wire.base_url)
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.__exit__(*_)

    def becomes(self, user: str, answer: Any) -> None:
        self._monkeypatch.setenv("SOURCES__OMNIUM__CLIENT_ID", user)
        self.answer = answer

    def writes_as(self, user: str) -> None:
        self._monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_ID", user)
        self._monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_SECRET", "hush-hush-hush-hush")

    def call(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        self._wire.asked.clear()
        self._capfd.readouterr()
        status = main([*arguments, "--home", str(self.home.root), "--json"])
        shown = self._capfd.readouterr()
        return status, json.loads(shown.out) if shown.out else {"error": shown.err}

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(asked.method, asked.path) for asked in self._wire.asked]


@pytest.fixture
def caller(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Caller]:
    with Caller(home, monkeypatch, capfd) as caller:
        yield caller


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the rows of brand A; only read it."""
    home = Home(tmp_path_factory.mktemp("loaded") / "home")
    with Wire(BRAND_A) as wire:
        settings = replace(
            settings_for(wire.base_url, home), client_id="brand-a", resources=("stores", "suppliers")
        )
        assert perform(settings, Silent(), "load", [load_step]).status == "ok"
    return home


BOTH = ("--resources", "stores,suppliers")


@pytest.mark.parametrize(
    "command",
    [
        ("load", *BOTH),
        ("load", "--full-refresh", "--resources", "orders"),
        ("run", *BOTH),
        ("reconcile", *BOTH),
        ("reconcile", "--force", *BOTH),
        ("backfill", "plan", "2", "--resources", "orders"),
        ("check", *BOTH),
        ("write", "lead-times"),
        ("write", "orders", "--apply"),
        ("write", "undo", "20260131T235959Z-3f9a", "--apply"),
    ],
    ids=" ".join,
)
def test_each_command_refuses_a_new_user_of_another_tenant(
    command: tuple[str, ...], caller: Caller, loaded: Home
) -> None:
    if command[0] == "write":
        caller.writes_as("writer")
    shutil.copytree(loaded.root, caller.home.root)
    shutil.copy(caller.home.working_database, caller.home.warehouse)
    with duckdb.connect(str(caller.home.warehouse)) as connection:
        connection.execute("create schema marts")
    caller.becomes("brand-b", BRAND_B)
    status, printed = caller.call(*command)
    told = printed["error"] if "error" in printed else caller_finding(printed)
    assert told.startswith(
        f"{caller.home.root} holds the rows of another tenant: this API user is a new one, and gets none of its stores"
    )
    assert status == 2
    assert {method for method, _ in caller.asked} == {"POST"}
    assert {path for _, path in caller.asked} <= {"Stores/SearchStores", "Suppliers/Search"}
    with duckdb.connect(str(caller.home.working_database), read_only=True) as connection:
        assert connection.execute(
            "select id, _omnium_deleted_at from omnium.stores order by id"
        ).fetchall() == [("bergen", None), ("oslo", None)]
    assert not caller.home.backfill.exists()


def caller_finding(printed: dict[str, Any]) -> str:
    """The message of the one check that failed."""
    (fault,) = [one for one in printed["checks"] if one["level"] == "fail"]
    assert fault["name"] == "tenant"
    return str(fault["message"])


def test_check_takes_a_new_user_of_the_same_tenant(caller: Caller, loaded: Home) -> None:
    shutil.copytree(loaded.root, caller.home.root)
    caller.becomes("brand-a-anew", BRAND_A)
    status, printed = caller.call("check", *BOTH)
    assert (status, {one["level"] for one in printed["checks"]}) == (0, {"ok"})


@pytest.mark.parametrize(
    ("user", "answer", "told"),
    [
        (
            "writer-b",
            BRAND_B,
            "SOURCES__OMNIUM__WRITER__CLIENT_ID is of another tenant: it gets none of the home's stores",
        ),
        ("writer-a", BRAND_A, None),
        # It may write, but read neither stores nor suppliers: nothing shows whose it is.
        ("writer-c", tenant({}), None),
    ],
    ids=["another tenant", "the same", "nothing shown"],
)
def test_the_user_that_writes_is_of_the_tenant_whose_rows_the_home_holds(
    user: str, answer: Any, told: str | None, caller: Caller, loaded: Home
) -> None:
    shutil.copytree(loaded.root, caller.home.root)
    with database.connect(caller.home.working_database) as connection:
        held = {name: database.ids_of(connection, name) for name in ("stores", "suppliers", "orders")}
    caller.writes_as(user)
    caller.becomes("brand-a", answer)
    settings = read_settings(caller.home, {}, needs_tenant=True)
    with nullcontext() if told is None else pytest.raises(UsageError, match=told):
        connect_writer(settings, held.__getitem__).close()


@pytest.mark.parametrize("what", ["part", "commit"])
def test_a_backfill_stays_with_the_tenant_it_was_planned_for(what: str, caller: Caller) -> None:
    assert caller.call("backfill", "plan", "2", *BOTH)[0] == 0
    if what == "part":
        caller.becomes("brand-b", BRAND_B)
        status, printed = caller.call("backfill", "part", "1")
        assert status == 2
        assert "the plan is for another tenant: this API user is a new one" in printed["error"]
        caller.becomes("brand-a-anew", BRAND_A)
        assert caller.call("backfill", "part")[0] == 0
        assert caller.call("backfill", "commit")[0] == 0
        # The rows are those of the user that made the plan.
        assert (
            json.loads(caller.home.tenant.read_text())["user"] == hashlib.sha256(b"brand-a").hexdigest()[:16]
        )
    else:
        assert caller.call("backfill", "part")[0] == 0
        caller.becomes("brand-b", tenant({"Suppliers/Search": ("syd",), "Deliveries/Search": ()}))
        assert caller.call("load", "--resources", "suppliers")[0] == 0
        caller.becomes("brand-a", BRAND_A)
        status, printed = caller.call("backfill", "commit")
        assert status == 2
        assert (
            "holds the rows of another tenant: none of its suppliers is among those of the plan"
            in printed["error"]
        )


def test_a_backfill_is_committed_for_the_host_it_was_planned_for(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caller.call("backfill", "plan", "2", *BOTH)[0] == 0
    assert caller.call("backfill", "part")[0] == 0
    caller.home.tenant.write_text('{"host": "api.omnium.no"}')
    status, printed = caller.call("backfill", "commit")
    assert (status, "holds the rows of api.omnium.no" in printed["error"]) == (2, True)
    caller.home.tenant.unlink()
    base_url = os.environ["SOURCES__OMNIUM__BASE_URL"]
    monkeypatch.setenv("SOURCES__OMNIUM__BASE_URL", "https://api.omnium.no")
    status, printed = caller.call("backfill", "commit")
    assert (status, f"the plan is for {base_url}, and this is https://api.omnium.no" in printed["error"]) == (
        2,
        True,
    )
