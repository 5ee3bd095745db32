"""Buckets of the tests' own: moto's S3 and Azurite, each a server on loopback."""

import base64
import contextlib
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import npm

CREDENTIALS = "DESTINATION__FILESYSTEM__CREDENTIALS__"
AZURITE = "azurite@3.35.0"
BEGINS_WITHIN = 60
"""Seconds in which Azurite has to say where it listens."""


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 of this process. Skips the test where moto or s3fs is missing."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextlib.contextmanager
def s3_server_elsewhere() -> Iterator[str]:
    """The same in a process of its own, for clients that wait for it without letting other threads of this one run."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    script = (
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer(port=0, verbose=False)\n"
        "server.start()\n"
        "print('http://%s:%s' % server.get_host_and_port(), flush=True)\n"
        "input()\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def s3_environment(endpoint: str) -> dict[str, str]:
    """What a user of that S3 sets: dlt's names."""
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
    """What a user of an Azurite on loopback sets. Skips the test where adlfs, or npm's Azurite, is not to be had."""
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
            # dlt passes these on to adlfs; Azure itself needs none of it.
            "DESTINATION__FILESYSTEM__KWARGS": (
                f'{{"connection_string": "{address}BlobEndpoint={found[1]}/{account};"}}'
            ),
        }
    finally:
        too_long.cancel()
        server.kill()
        server.wait()


def new_azure_container(environment: Mapping[str, str]) -> str:
    """Make a container; return its name."""
    import json

    import adlfs

    name = f"shop-{secrets.token_hex(4)}"
    adlfs.AzureBlobFileSystem(**json.loads(environment["DESTINATION__FILESYSTEM__KWARGS"])).mkdir(name)
    return name
