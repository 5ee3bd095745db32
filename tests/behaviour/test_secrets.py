"""Nothing leaks: whatever happens, no file, no output and no process list holds a secret or a customer."""

import contextlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault, FaultKind, Faults

from tests.support import accidents
from tests.support.tenants import sandbox_settings
from tests.support.wire import Asked, Reply, Wire

RESOURCES = ("private_customers", "orders", "suppliers", "inventory")
EVERY: tuple[FaultKind, ...] = (
    "429", "429_date", "500", "503", "400", "401", "403", "404",
    "hang", "reset", "truncate", "html", "wrong_type", "drip", "lost", "expire", "repeat", "redirect",
)  # fmt: skip
SHORT: dict[str, Any] = {
    "client_options": {"request_timeout": 0.3},
    "reading_options": {"budget": 0.8, "tries": 2},
}


class Secrets:
    """What must not be found anywhere, under names that a failing test may print."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.texts = {"client secret": sandbox.client_secret, "quoted secret": quote(sandbox.client_secret)}
        for number, customer in enumerate(sandbox.tenant.rows("private_customers")):
            for name in ("email", "phone", "customerId"):
                # Shorter ones are found by chance.
                if len(str(customer.get(name) or "")) >= 8:
                    self.texts[f"{name} of customer {number}"] = str(customer[name])
            if number == 20:
                break
        assert len(self.texts) > 20

    def note_tokens(self, sandbox: Sandbox) -> None:
        self.texts |= {f"token {number}": token for number, token in enumerate(sorted(sandbox.tokens))}
        assert "token 0" in self.texts

    def found_in(self, content: bytes) -> list[str]:
        return [name for name, text in self.texts.items() if text.encode() in content]

    def found_below(self, home: Home) -> list[str]:
        """Where under a home which of them stands; the token may stand in its own file."""
        return [
            f"{path.relative_to(home.root)}: {name}"
            for path, content in accidents.everything_in(home.root, unpacked=True)
            for name in self.found_in(content)
            if not (path == home.token and name.startswith("token"))
        ]


def load(home: Home, sandbox: Sandbox, steps: Iterable[Any] = COMMANDS["load"], **more: Any) -> Any:
    values = {"resources": RESOURCES, "verbose": True, **more}
    return perform(sandbox_settings(home, sandbox, **values), Silent(), "load", tuple(steps))


def test_what_is_loaded_in_the_clear_is_found(home: Home, sandbox: Sandbox) -> None:
    """These tests look in the right places: with PII=include customers stand there, the secret does not."""
    secrets = Secrets(sandbox)
    load(home, sandbox, resources=("private_customers", "orders"), personal="include")
    found = secrets.found_below(home)
    assert any(line.startswith("state/warehouse.duckdb: email of customer") for line in found)
    assert not any("secret" in line or "token" in line for line in found)


@pytest.mark.slow
def test_nothing_leaks_through_any_failure(
    home: Home, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.8)
    secrets, reports = Secrets(sandbox), []
    reports.append(load(home, sandbox))
    secrets.note_tokens(sandbox)
    for kind in EVERY:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(kind, rate=0.7, seconds=0.4 if kind == "hang" else 0.02))
        home.token.unlink(missing_ok=True)
        reports.append(load(home, sandbox, **SHORT, full_refresh=True, run_id=f"run-{kind}"))
        secrets.note_tokens(sandbox)
    sandbox.faults.clear()
    reports.append(load(home, sandbox, [reconcile_step(True)]))
    assert {report.status for report in reports} >= {"ok", "failed"}
    captured = capfd.readouterr()
    told = repr([report.as_dict() for report in reports])
    assert secrets.found_in((captured.out + captured.err + told).encode()) == []
    assert secrets.found_below(home) == []
    assert list(home.logs.glob("run-hang*"))
    assert home.token.exists()


@pytest.mark.slow
def test_nothing_leaks_from_a_process_that_runs_everything(home_after_run: Home, sandbox: Sandbox) -> None:
    """All of it with -v under faults: process list, outputs, dbt's logs, dlt's traces and state."""
    home, secrets = home_after_run, Secrets(sandbox)
    sandbox.faults.add(*Faults.of_every_kind(0.03, seconds=0.02).rules[:-1])
    supplier = next(iter(sandbox.tenant.rows("suppliers")))
    sandbox.tenant.save_supplier({**supplier, "name": "Another & Sons"})
    process = accidents.start(sandbox, home, "run", "-v")
    shown: set[bytes] = set()
    with contextlib.suppress(OSError):
        while process.poll() is None and time.monotonic():
            shown.add(Path(f"/proc/{process.pid}/cmdline").read_bytes())
            if len(shown) > 1 or home.lock.read_text():
                break
            time.sleep(0.05)
    out, err = process.communicate()
    secrets.note_tokens(sandbox)
    assert shown
    assert secrets.found_in(b"".join(shown)) == []
    assert secrets.found_in((out + err).encode()) == []
    assert secrets.found_below(home) == []
    assert (home.dbt / "logs").is_dir()


@pytest.mark.slow
def test_nothing_leaks_after_a_kill(home: Home, sandbox: Sandbox) -> None:
    secrets = Secrets(sandbox)
    for point in ("extract", "copied:2", "package:1"):
        killed = accidents.run(
            sandbox, home, "load", "-v", "--resources", "private_customers,orders,stores", point=point
        )
        assert killed.returncode == accidents.KILLED
        secrets.note_tokens(sandbox)
        assert secrets.found_in((killed.out + killed.err).encode()) == []
        assert secrets.found_below(home) == []


def test_files_with_secrets_are_their_owners_alone(home: Home, sandbox: Sandbox) -> None:
    before = os.umask(0)
    try:
        load(home, sandbox, resources=("stores",))
    finally:
        os.umask(before)
    for path in (home.token, home.personal_key, home.lock, *home.logs.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("status", [405, 407, 418, 451, 503])
def test_a_proxys_page_that_repeats_the_address_is_masked(status: int, home: Home, caplog: Any) -> None:
    """A proxy says which address it could not reach; that of the token holds the secret."""

    def answer(asked: Asked) -> Reply:
        address = f"http://omnium/api/token?clientSecret={asked.query.get('clientSecret', ['?'])[0]}"
        return Reply(raw=f"could not fetch {address}".encode(), status=status)

    with Wire(answer, own_token=True) as wire:
        report = perform(
            sandbox_settings(home, wire, resources=("stores",), **SHORT),  # type: ignore[arg-type]
            Silent(),
            "load",
            COMMANDS["load"],
        )
    assert wire.client_secret not in repr(report.as_dict())
    assert wire.client_secret not in caplog.text
    for path, content in accidents.everything_in(home.root):
        assert wire.client_secret.encode() not in content, path


def test_the_token_is_not_sent_to_another_host(home: Home, sandbox: Sandbox) -> None:
    with Wire(lambda asked: {"result": [], "totalHits": 0}) as elsewhere:
        load(home, sandbox, resources=("stores",))
        sandbox.faults.add(Fault("redirect", target=f"{elsewhere.base_url}/api/Stores/SearchStores"))
        report = load(home, sandbox, resources=("suppliers",))
        assert elsewhere.asked == []
    assert report.exit_status == 1


def test_a_traceback_of_python_shows_no_secret(home: Home, sandbox: Sandbox) -> None:
    """A bug of ours would end in a traceback; settings and client print themselves without the secret."""
    settings = sandbox_settings(home, sandbox)
    from omnium_elt.infra.tenant import connect

    with connect(settings, None) as client:
        assert sandbox.client_secret not in repr(client) + repr(settings) + repr(vars(settings)) + repr(
            [settings]
        )
