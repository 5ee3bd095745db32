"""The workflow in which the home travels through a bucket: its steps one by one, as a runner does them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox

from tests.support import buckets
from tests.support.tenants import environment_of

FOLDER = Path(__file__).parents[2] / "examples" / "github-actions"
RESOURCES = "stores,suppliers"


def steps() -> list[str]:
    """What the workflow runs, without the installation."""
    workflow: Any = yaml.safe_load((FOLDER / "omnium-elt-home.yml").read_text(encoding="utf-8"))
    return [
        step["run"]
        for step in workflow["jobs"]["run"]["steps"]
        if "pip install" not in step.get("run", "pip install")
    ]


class Runner:
    """A machine that begins with nothing but the environment."""

    def __init__(self, folder: Path, tenant: Sandbox, url: str, more: dict[str, str]) -> None:
        self.home = Home(folder / "omnium-data")
        self._folder = folder
        folder.mkdir()
        os.symlink(FOLDER.parents[1] / "examples", folder / "examples")
        program = f"{sys.executable} -m omnium_elt"
        self._environment = {
            **os.environ,
            **environment_of(tenant),
            **more,
            "SOURCES__OMNIUM__PII_KEY": "a key of the repository's own",
            "HOME_IN_BUCKET": url,
        }
        # The models are other tests' business: of `run` the load, of a few resources.
        self._replaced = {
            "omnium-elt run --reconcile-every 7": f"{program} load --resources {RESOURCES}",
            "python examples": f"{sys.executable} examples",
        }

    def does(self, step: str) -> subprocess.CompletedProcess[str]:
        """A step of the workflow, in bash as a runner has it."""
        for written, done in self._replaced.items():
            step = step.replace(written, done)
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def names(self) -> list[str]:
        """The suppliers' names that its working database holds."""
        with duckdb.connect(str(self.home.working_database), read_only=True) as connection:
            return [name for (name,) in connection.execute("select name from omnium.suppliers").fetchall()]


@pytest.mark.slow
def test_the_home_travels(sandbox: Sandbox, tmp_path: Path) -> None:
    """A first run, as after the stored home was lost; one that goes on; two at once."""
    with buckets.s3_server() as address:
        environment = buckets.s3_environment(address)
        url = f"s3://{buckets.new_s3_bucket(environment)}/home"

        def runner(name: str) -> Runner:
            return Runner(tmp_path / name, sandbox, url, environment)

        fetch, run, store = steps()
        first = runner("first")
        assert "no home was stored yet" in first.does(fetch).stdout
        assert [first.does(step).returncode for step in (run, store)] == [0, 0]

        supplier = next(iter(sandbox.tenant.rows("suppliers")))
        sandbox.tenant.put("suppliers", {**supplier, "name": "Renamed"})
        second, third = runner("second"), runner("third")
        assert "home 1 fetched" in second.does(fetch).stdout
        assert "home 1 fetched" in third.does(fetch).stdout
        assert not (second.home.state / "token.json").exists(), "the token stays on its runner"
        assert second.home.state.stat().st_mode & 0o777 == 0o700
        assert '"rows": 1,' in second.does(run).stdout, "only what changed since the first run"
        assert "home 2 stored" in second.does(store).stdout
        refused = third.does(store)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "another run published to" in refused.stderr
        fourth = runner("fourth")
        assert "home 2 fetched" in fourth.does(fetch).stdout
        assert "Renamed" in fourth.names()
