"""Every error that a user can meet: (cause, message, exit status), told in one or two lines."""

import errno
import json
import os
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra import lock
from omnium_elt.infra.errors import HomeLockedError, OmniumEltError, UsageError, explain
from omnium_elt.infra.home import Home
from omnium_elt.infra.tenant import translating_errors
from omnium_sandbox import Sandbox
from omnium_source.errors import WrongCredentials

from tests.support.wire import Reply, Wire

DATA = Path(__file__).parents[2] / "data"


@dataclass
class World:
    """What a cause may spoil before the command runs."""

    home: Home
    sandbox: Sandbox
    patch: pytest.MonkeyPatch
    arguments: list[str] = field(default_factory=list)

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(f"SOURCES__OMNIUM__{name}", value)


@pytest.fixture
def world(home: Home, configured: Sandbox, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(home, configured, monkeypatch, ["load", "--resources", "stores", "--home", str(home.root)])


# Causes: each spoils one thing, for the length of a `with`.


@contextmanager
def wrong_credentials(world: World) -> Iterator[None]:
    world.set("CLIENT_SECRET", "not-the-right-one")
    yield


@contextmanager
def wrong_address(world: World) -> Iterator[None]:
    with Wire(lambda asked: Reply({"message": "nothing here"}, status=404), own_token=True) as wire:
        world.set("BASE_URL", wire.base_url)
        yield


@contextmanager
def name_that_does_not_resolve(world: World) -> Iterator[None]:
    world.set("BASE_URL", "https://tenant.invalid")
    yield


@contextmanager
def proxy_page(world: World) -> Iterator[None]:
    page = Reply(raw=b"<html><body>Please log in</body></html>", headers={"Content-Type": "text/html"})
    world.patch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 1.0)
    with Wire(lambda asked: page, own_token=True) as wire:
        world.set("BASE_URL", wire.base_url)
        yield


def https(certificate: str, *, host: str = "localhost", is_trusted: bool = True, ciphers: str = ""):
    """A cause that lies in how a server on this machine speaks https."""

    @contextmanager
    def cause(world: World) -> Iterator[None]:
        server = ThreadingHTTPServer((host, 0), BaseHTTPRequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(DATA / certificate)
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        world.set("BASE_URL", f"https://{host}:{server.server_port}")
        if is_trusted:
            world.patch.setenv("SSL_CERT_FILE", str(DATA / certificate))
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    return cause


@contextmanager
def disk_almost_full(world: World) -> Iterator[None]:
    world.patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1, used=1, free=5_000_000))
    yield


@contextmanager
def home_is_a_file(world: World) -> Iterator[None]:
    world.home.root.write_text("not a folder")
    yield


@contextmanager
def newer_database(world: World) -> Iterator[None]:
    world.home.create()
    duckdb.connect(str(world.home.working_database)).close()
    content = bytearray(world.home.working_database.read_bytes())
    content[12:20] = (9999).to_bytes(8, "little")
    # The header's checksum, so that it is the version that is refused and nothing else.
    checksum = 5381
    for at in range(8, 4096, 8):
        checksum ^= int.from_bytes(content[at : at + 8], "little") * 0xBF58476D1CE4E5B9 % 2**64
    content[:8] = checksum.to_bytes(8, "little")
    world.home.working_database.write_bytes(content)
    yield


@contextmanager
def damaged_database(world: World) -> Iterator[None]:
    world.home.create()
    world.home.working_database.write_bytes(b"rubbish" * 10_000)
    yield


@contextmanager
def other_run(world: World) -> Iterator[None]:
    world.home.create()
    with lock.hold(world.home.lock, "run"):
        yield


@contextmanager
def missing_role(world: World) -> Iterator[None]:
    world.sandbox.behaviour.missing_roles = {"StoreRead"}
    yield


def argued(*arguments: str, in_a_home: bool = False):
    """A cause that lies in the arguments alone; `in_a_home`: of a home into which nothing was loaded yet."""

    @contextmanager
    def cause(world: World) -> Iterator[None]:
        if in_a_home:
            world.home.create()
        world.arguments = [*arguments, "--home", str(world.home.root)]
        yield

    return cause


def configured_as(name: str, value: str):
    """A cause that lies in one setting."""

    @contextmanager
    def cause(world: World) -> Iterator[None]:
        world.set(name, value)
        yield

    return cause


@contextmanager
def destination_without_its_packages(world: World) -> Iterator[None]:
    world.patch.setenv("DESTINATION__SNOWFLAKE__CREDENTIALS", "snowflake://me:hunter2@account/database")
    world.arguments += ["--destination", "snowflake"]
    yield


ERRORS = [
    (wrong_credentials, "does not take these credentials", "CLIENT_SECRET", 2),
    (wrong_address, "has no token endpoint (404)", "BASE_URL", 1),
    (name_that_does_not_resolve, "the name tenant.invalid does not resolve", "BASE_URL", 1),
    (proxy_page, "gives no answer of Omnium's", "proxy", 1),
    (https("self_signed.pem", is_trusted=False), "of localhost is not trusted", "SSL_CERT_FILE", 1),
    (https("self_signed.pem", host="127.0.0.2"), "of 127.0.0.2 is for another name", "BASE_URL", 1),
    (https("expired.pem"), "the certificate of localhost has expired", "this machine's clock", 1),
    (
        https("self_signed.pem", ciphers="NULL-SHA256:@SECLEVEL=0"),
        "refuses an encrypted connection",
        "BASE_URL",
        1,
    ),
    (configured_as("BASE_URL", "http://api.example.com"), "plain http to api.example.com", "https", 2),
    (configured_as("BASE_URL", "api.example.com"), "no http(s) address", "BASE_URL", 2),
    (configured_as("BASE_URL", ""), "SOURCES__OMNIUM__BASE_URL is missing", "omnium-elt demo", 2),
    (configured_as("CLIENT_SECRET", ""), "SOURCES__OMNIUM__CLIENT_SECRET is missing", "secrets.toml", 2),
    (configured_as("PII", "maybe"), "SOURCES__OMNIUM__PII is 'maybe'", "include, hash, exclude", 2),
    (configured_as("MAX_CONCURRENCY", "many"), "MAX_CONCURRENCY is 'many'", "whole number", 2),
    (disk_almost_full, "only 5 MB are left on the disk", "Make room", 1),
    (home_is_a_file, "not a folder", "--home", 1),
    (newer_database, "written by a newer version", "Install the version that wrote it", 2),
    (damaged_database, "the working database is damaged", "Move state/warehouse.duckdb away", 1),
    (other_run, "in use by omnium-elt run (process", "Wait until it has ended", 75),
    (argued("load", "--resources", "suplier"), "unknown resource 'suplier'", "'suppliers'", 2),
    (argued("load", "--exclude", "order"), "unknown resource 'order'", "'orders'", 2),
    (argued("load", "--since", "31.1.2026"), "'31.1.2026' is no date", "2026-01-31", 2),
    (argued("transform", "--as-of", "0206-01-31"), "'0206-01-31' is no date between", "1970-01-01", 2),
    (argued("load", "--since", "9999-12-31"), "'9999-12-31' is no date between", "2199-12-31", 2),
    (argued("load", "--resources", ""), "no resource is chosen", "--resources", 2),
    (argued("load", "--resources", "orders", "--exclude", "orders"), "no resource is chosen", "--exclude", 2),
    (argued("transform", "--as-of", "tomorrow"), "'tomorrow' is no date", "2026-01-31", 2),
    (argued("lod"), "unknown command 'lod'", "'load'", 2),
    (argued("run", "--everything"), "No such option '--everything'", "omnium-elt run --help", 2),
    (argued("transform"), "is no home of omnium-elt", "--home", 2),
    (argued("transform", in_a_home=True), "holds no data yet", "omnium-elt load", 2),
    (argued("publish", in_a_home=True), "no finished marts", "omnium-elt transform", 2),
    (argued("load", "--destination", "nonsense"), "unknown destination 'nonsense'", "duckdb", 2),
    (argued("load", "--destination", "PostgreSQL"), "unknown destination", "Did you mean 'postgres'?", 2),
    (argued("load", "--destination", "postgres"), "DESTINATION__POSTGRES__CREDENTIALS", "secrets.toml", 2),
    (
        destination_without_its_packages,
        "the destination snowflake needs packages that are not installed",
        "pip install 'dlt[snowflake]'",
        2,
    ),
]


@pytest.mark.parametrize(("cause", "message", "remedy", "exit_status"), ERRORS)
def test_an_error_is_told_in_two_lines(
    world: World, capfd: pytest.CaptureFixture[str], cause, message: str, remedy: str, exit_status: int
) -> None:
    with cause(world):
        assert main(world.arguments) == exit_status
    shown = capfd.readouterr()
    told = shown.err[shown.err.index("error: ") :]
    lines = [line for line in told.splitlines() if not line.startswith("log: ")]
    assert len(lines) <= 2
    assert message in told
    assert remedy in told
    assert "Traceback" not in shown.err + shown.out
    for secret in (world.sandbox.client_secret, "hunter2", "not-the-right-one"):
        assert secret not in shown.err + shown.out


@pytest.mark.parametrize(("cause", "message", "remedy", "exit_status"), ERRORS)
def test_with_json_the_same_error_is_an_object_on_stdout(
    world: World, capfd: pytest.CaptureFixture[str], cause, message: str, remedy: str, exit_status: int
) -> None:
    with cause(world):
        assert main([*world.arguments, "--json"]) == exit_status
    told = json.loads(capfd.readouterr().out)
    assert message in told["error"]
    assert told["status"] == "failed"
    assert {"run_id", "started_at", "finished_at", "resources"} <= set(told)


def test_the_traceback_is_in_the_log_file(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    with damaged_database(world):
        main(world.arguments)
    (path,) = world.home.logs.glob("*-load.jsonl")
    assert f"log: {path}" in capfd.readouterr().err
    errors = [json.loads(line) for line in path.read_text().splitlines() if '"ERROR"' in line]
    assert "Traceback (most recent call last)" in errors[-1]["traceback"]


@pytest.mark.parametrize(
    ("error", "message", "exit_status"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/x"),
            "/data/x: no space left on the disk",
            1,
        ),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), "/data/x: the disk is read-only", 1),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "/data: no permission", 1),
        (
            IsADirectoryError(errno.EISDIR, "Is a directory", "/data/state/lock"),
            "/data/state/lock: a folder, where a file has to be",
            1,
        ),
        (
            IsADirectoryError(
                errno.EISDIR, "Is a directory", "/data/.x.json.7.partial", None, "/data/x.json"
            ),
            "/data/x.json: a folder, where a file has to be",
            1,
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/d"), "/d: the path is too long", 1),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk quota is used up", 1),
        (OSError(errno.EFBIG, "File too large"), "a file may not become as large as this one has to", 1),
        (
            duckdb.IOException('IO Error: Could not write file "x": No space left on device'),
            "no space left",
            1,
        ),
        (
            duckdb.IOException("IO Error: Could not set lock on file: Conflicting lock"),
            "another program has",
            1,
        ),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), "needs more memory", 1),
        (
            Exception(
                "Failed to parse parquet: Unable to copy data to file: No space left on device (os error 28)"
            ),
            "no space left on the disk",
            1,
        ),
        (
            Exception(
                "Could not create local directory: /data/delta/new\n"
                'Error: Os { code: 28, kind: StorageFull, message: "No space left on device" }'
            ),
            "no space left on the disk",
            1,
        ),
        (KeyboardInterrupt(), "stopped on request", 1),
        (UsageError("a wrong option", "do this"), "a wrong option", 2),
        (HomeLockedError("held", "wait"), "held", 75),
        (OmniumEltError("it failed"), "it failed", 1),
    ],
)
def test_errors_that_a_test_cannot_cause(error: BaseException, message: str, exit_status: int) -> None:
    explanation = explain(error)
    assert explanation.message.startswith(message) or message in explanation.message
    assert explanation.exit_status == exit_status
    assert explanation.is_expected


def test_the_cause_of_an_error_explains_it() -> None:
    error = RuntimeError("pipeline step failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert explain(error).message == "no space left on the disk"


def test_what_nobody_foresaw_is_one_line_and_says_so() -> None:
    explanation = explain(RuntimeError("line one\nline two"))
    assert (explanation.message, explanation.is_expected) == ("RuntimeError: line one line two", False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.home.root.mkdir()
    world.home.root.chmod(0o500)
    assert main(world.arguments) == 1
    assert "no permission\nRun as" in capfd.readouterr().err


def test_a_missing_role_leaves_one_resource_out(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    with missing_role(world):
        status = main(["load", "--resources", "stores,orders", "--home", str(world.home.root), "--json"])
    told = json.loads(capfd.readouterr().out)
    assert (status, told["status"]) == (3, "incomplete")
    found = {resource["name"]: resource for resource in told["resources"]}
    assert found["stores"]["status"] == "forbidden"
    assert "StoreRead" in found["stores"]["error"]
    assert found["orders"]["status"] == "ok"
    assert found["orders"]["rows"] > 0


@pytest.mark.parametrize("ending", ["", "."])
def test_a_remedy_of_the_source_is_a_sentence(ending: str) -> None:
    with pytest.raises(OmniumEltError) as raised, translating_errors():
        raise WrongCredentials(f"it takes no such credentials: check the id, and the secret{ending}")
    assert str(raised.value) == "it takes no such credentials\nCheck the id, and the secret."
