"""docs/getting-started.md, followed to the letter, ends with everything loaded."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from omnium_sandbox import Sandbox
from omnium_source.resources import RESOURCES

from tests.support.tenants import environment_of

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text(encoding="utf-8")
ELSEWHERE = ("python ", "omnium-elt demo")
"""Lines that .ci/run follows, in an environment with nothing else."""


def lines_of_the_page() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if not line.startswith(ELSEWHERE)]


def test_every_line_in_its_order(sandbox: Sandbox, tmp_path: Path) -> None:
    home = tmp_path / "omnium"
    answers = {**environment_of(sandbox), "OMNIUM_HOME": str(home)}
    environment = {name: value for name, value in os.environ.items() if name not in answers}
    environment["SOURCES__OMNIUM__SETTLING_LAG_SECONDS"] = "0"  # the sandbox's rows need no time to settle
    followed = []
    for line in lines_of_the_page():
        program, *arguments = shlex.split(line)
        followed.append(" ".join([program, *arguments][:2]).partition("=")[0])
        if program == "export":
            (name,) = (argument.partition("=")[0] for argument in arguments)
            environment[name] = answers[name]
            continue
        assert program == "omnium-elt"
        done = subprocess.run(
            [sys.executable, "-m", "omnium_elt", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert followed == [
        "export SOURCES__OMNIUM__BASE_URL",
        "export SOURCES__OMNIUM__CLIENT_ID",
        "export SOURCES__OMNIUM__CLIENT_SECRET",
        "export OMNIUM_HOME",
        "omnium-elt check",
        "omnium-elt load",
        "omnium-elt status",
        "omnium-elt run",
        "omnium-elt status",
    ]

    counts = {name: sandbox.tenant.count(name) for name in RESOURCES if name != "products"}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        loaded = {
            name: connection.execute(f"select count(*) from omnium.{name}").fetchone()[0]  # type: ignore[index]
            for name in counts
        }
        proposals = connection.execute("select count(*) > 0 from marts.purchase_proposal").fetchone()
    assert loaded == counts
    assert proposals == (True,)
    (last,) = sorted((home / "state" / "runs").glob("*.json"))[-1:]
    assert not [note for note in json.loads(last.read_text())["notes"] if "left out" in note]
