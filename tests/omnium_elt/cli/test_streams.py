"""Streams that are closed, full, or of an encoding that lacks characters: what was done counts, and JSON stays JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
