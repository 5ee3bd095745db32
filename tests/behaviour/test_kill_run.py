"""A whole run, killed at 20 random moments of load, transform and publish: the next one ends as an undisturbed one.

With OMNIUM_SOAK=1. Each step's own commit points, and random moments of a load, are in `test_kill.py`, always.
"""

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Mutator

from tests.support import accidents
from tests.support.accidents import Reader, content_of, differences, versions_of_exports

MOMENTS_OF_A_RUN = (
    [("load", seed) for seed in range(8)]
    + [("transform", seed) for seed in range(8)]
    + [("publish", seed) for seed in range(4)]
)
AS_OF = ("--as-of", f"{datetime.now(UTC):%Y-%m-%d}")
"""One day for all of them: midnight may come meanwhile."""


class WholeRuns:
    """A home before a run that has something to do, in the midst of it, and after it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.before, self.built, self.after = (Home(folder / name) for name in ("before", "built", "after"))
        self.succeed(self.before, "run")
        mutator, choice = Mutator(sandbox.tenant, deletions=False, recent_days=20), random.Random(2)
        while mutator.changed < 120:
            mutator.step(choice)
        time.sleep(1.1)  # the server's clock is told in whole seconds
        shutil.copytree(self.before.root, self.built.root)
        self.succeed(self.built, "load")
        self.succeed(self.built, "transform")
        shutil.copytree(self.before.root, self.after.root)
        self.succeed(self.after, "run")
        self.seconds = seconds_of_steps(self.after)
        self.contents = {content_of(self.before.warehouse), content_of(self.after.warehouse)}
        assert len(self.contents) == 2

    def succeed(self, home: Home, command: str) -> None:
        arguments = [command, *(AS_OF if command != "load" else ())]
        ended = accidents.run(self.sandbox, home, *arguments)
        assert ended.returncode == 0, ended.out + ended.err


def lines_of_newest_log(home: Home) -> list[dict[str, str]]:
    newest = max(home.logs.glob("*.jsonl"))
    return [json.loads(line) for line in newest.read_text().splitlines() if line.endswith("}")]


def seconds_of_steps(home: Home) -> dict[str, float]:
    """How long the steps of the last run took, by its log."""
    lines = [line for line in lines_of_newest_log(home) if line["logger"] == "omnium.run"]
    begins = {line["message"].split()[2]: line["at"] for line in lines if ": step " in line["message"]}
    ends = [*list(begins.values())[1:], lines[-1]["at"]]
    return {
        step: (datetime.fromisoformat(end) - datetime.fromisoformat(begin)) / timedelta(seconds=1)
        for (step, begin), end in zip(begins.items(), ends, strict=True)
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeRuns]:
    with Sandbox(size="small", seed=3) as served:
        yield WholeRuns(tmp_path_factory.mktemp("whole"), served)


@pytest.mark.skipif(not os.environ.get("OMNIUM_SOAK"), reason="forty minutes: OMNIUM_SOAK=1 runs it")
@pytest.mark.parametrize(("step", "seed"), MOMENTS_OF_A_RUN)
def test_a_run_killed_at_a_random_moment(step: str, seed: int, home: Home, whole: WholeRuns) -> None:
    """The next one ends in the warehouse and the exports of a run without the accident; readers see old or new."""
    shutil.copytree((whole.built if step == "publish" else whole.before).root, home.root)
    logs = set(home.logs.iterdir())
    with Reader(home, content_of) as reader:
        process = accidents.start(whole.sandbox, home, "run", *AS_OF)
        until = time.monotonic() + 300
        while not (set(home.logs.iterdir()) - logs) or not any(
            f"step {step} begins" in line["message"] for line in lines_of_newest_log(home)
        ):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(random.Random(seed).uniform(0.0, 0.95 * whole.seconds[step]))
        process.kill()
        process.communicate()
        whole.succeed(home, "run")
    assert differences(home.working_database, whole.after.working_database) == []
    assert content_of(home.warehouse) == content_of(whole.after.warehouse)
    assert versions_of_exports(home.exports) == versions_of_exports(whole.after.exports)
    assert reader.errors == []
    assert reader.warehouses <= whole.contents
    before, after = versions_of_exports(whole.before.exports), versions_of_exports(whole.after.exports)
    for name, seen in reader.exports.items():
        assert seen <= {before.get(name), after[name]}, name
    assert not [path for path in home.root.rglob("*.partial*") if path.is_file()]
