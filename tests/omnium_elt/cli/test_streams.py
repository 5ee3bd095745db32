"""Streams that are closed, full, or of an encoding that lacks characters: what was done counts, and JSON stays JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox

from tests.support.tenants import environment_of

STREAMS = {
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
}


def call(redirected: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, *arguments],
        capture_output=True,
        env={**os.environ, **variables},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("redirected", STREAMS.values(), ids=STREAMS)
def test_a_stream_that_is_closed_stops_nothing_and_no_file_takes_its_place(
    redirected: str, tmp_path: Path
) -> None:
    program = (
        "import os, sys\n"
        "from omnium_elt.cli.entry import main, ready_streams\n"
        "ready_streams()\n"
        "opened = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
        "ended = main(['resources', '--json'])\n"
        "os.write(opened, f'{opened > 2}, {ended}'.encode())\n"
    )
    call(redirected, "-c", program, str(tmp_path / "said"))
    assert (tmp_path / "said").read_text() == "True, 0"


def test_a_full_disk_behind_stdout_is_an_error_and_no_traceback() -> None:
    ended = call(">/dev/full", "-m", "omnium_elt", "resources", "--json")
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith("error: no space left on the disk\n")
    assert "Traceback" not in ended.stderr.decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_an_encoding_lacks_is_written_otherwise(encoding: str, tmp_path: Path) -> None:
    name = "blåbær→蓝莓"
    arguments = ("-m", "omnium_elt", "status", "--home", str(tmp_path / name))
    ended = call("", *arguments, "--json", PYTHONIOENCODING=encoding)
    assert name in json.loads(ended.stdout.decode(encoding))["error"]
    assert ended.returncode == 2
    shown = call("", *arguments, PYTHONIOENCODING=encoding)
    assert (shown.returncode, b"UnicodeEncodeError" in shown.stderr) == (2, False)


@pytest.mark.parametrize("behind", ["a full disk", "nobody"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, (0, "ok", False)), ({"SOURCES__OMNIUM__CLIENT_SECRET": "another"}, (2, "failed", True))],
    ids=["a load", "one that fails"],
)
def test_progress_and_errors_that_cannot_be_written_change_nothing(
    behind: str, more: dict[str, str], expected: tuple[int, str, bool], sandbox: Sandbox, home: Home
) -> None:
    """A load failed of the pipe behind `2>&1 | head`, and a full disk made `--json` two objects."""
    if behind == "nobody":
        reader, stderr = os.pipe()
        os.close(reader)
    else:
        stderr = os.open("/dev/full", os.O_WRONLY)
    try:
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "omnium_elt",
                "load",
                "--resources",
                "stores",
                "--home",
                home.root,
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **environment_of(sandbox), **more},
            timeout=60,
            check=False,
        )
    finally:
        os.close(stderr)
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["status"], report["error"] is not None) == expected


@pytest.mark.parametrize("arguments", [["resources"], ["resources", "--json"], ["--help"]], ids=" ".join)
def test_output_that_nobody_reads_any_more_is_no_failure(arguments: list[str]) -> None:
    """`omnium-elt resources | head` ended with status 1, as rich has it."""
    reader, stdout = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "omnium_elt", *arguments],
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(stdout)
    assert (ended.returncode, ended.stderr) == (0, b"")
