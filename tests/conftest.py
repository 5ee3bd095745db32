"""What all tests share: a tenant on a real socket, a temporary home, no configuration from outside."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from omnium_elt.infra.configuration import disable_telemetry
from omnium_elt.infra.files import write_json
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_sandbox import Sandbox

from tests.support.parsing import FOLDER, share_parsing_of_transforms
from tests.support.tenants import DAY, MEDIUM, environment_of, sandbox_settings

disable_telemetry()

# The same examples in every run, so that a check of a change fails by that change. HYPOTHESIS_PROFILE=explore tries
# others, many of them: for an evening, after a change of what is generated or of what it is held against.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

OURS = ("SOURCES__", "DESTINATION__", "TRANSFORM__", "OMNIUM_")


LONGEST_FIRST = (
    "test_postgres",
    "test_spark",
    "test_kill",
    # Makes `finished_home`; in the meantime the others' first file is one that does not wait for it.
    "test_publish",
    "test_ordinary",
    "test_purchasing",
    "test_odd_values",
    "test_schedule",
    "test_replenishment",
    "test_statistics",
    "test_strangers",
    "test_completeness",
    "test_faults",
    "test_commits",
    "test_restart",
    "test_transform",
    "test_purchasing_edges",
    "test_cli",
    "test_figures",
    "test_secrets",
    "test_other_server",
    "test_damaged_state",
)
"""Files of a minute and more of CPU, the longest first."""
SLOW_FIXTURES = {"medium", "medium_load"}
"""What takes so long to make that a test which asks for it is slow: a tenant of the medium size."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more process than cores for all tests, as some wait for a clock or a server.

    None for tests that somebody names, who wants to see them at once.
    """
    return (os.cpu_count() or 1) + 1 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(tryfirst=True)  # before those that `-m` leaves out are taken away
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long file that begins last would keep one worker busy while the others wait."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def all_workers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this run of pytest share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session", autouse=True)
def _parsed_once(all_workers: Path) -> Iterator[None]:
    """Every build of the models, in this process and in the accidents', starts from what was parsed before."""
    folder = all_workers / "parsed"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(FOLDER, str(folder))
        share_parsing_of_transforms()
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that does not exist yet."""
    return Home(tmp_path / "home")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small tenant, of this test alone."""
    with Sandbox(size="small", seed=1, today=DAY) as served:
        yield served


@pytest.fixture
def settings_for(home: Home) -> Callable[..., Settings]:
    """Settings that read a sandbox into `home`: settings_for(sandbox, resources=("stores",))."""
    return lambda sandbox, **more: sandbox_settings(home, sandbox, **more)


@pytest.fixture
def configured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with the environment pointing to it as a user's does."""
    for name, value in environment_of(sandbox).items():
        monkeypatch.setenv(name, value)
    return sandbox


Verb = Callable[[Settings, Silent], RunReport]


def _once(folder: Path, name: str, verb: Verb, **tenant: Any) -> tuple[Home, dict[str, Any]]:
    """A home that all workers share, after this verb for a tenant like this, and the verb's report."""
    home, done = Home(folder / name / "home"), folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(home.root, ignore_errors=True)
            home.create()
            with Sandbox(**{"today": DAY, **tenant}) as served:
                report = verb(sandbox_settings(home, served), Silent())
            incomplete = {one.name: one.error for one in report.resources if one.error}
            assert report.status == "ok", report.error or incomplete
            write_json(done, report.as_dict())
    return home, json.loads(done.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def finished_home(all_workers: Path) -> Path:
    """A home after one whole run; to be looked at, never written: see `home_after_run`. All workers have the same."""
    return _finished(all_workers)


@pytest.fixture(scope="session")
def medium_load(all_workers: Path) -> tuple[Home, dict[str, Any]]:
    """A home into which the medium tenant was loaded, never to be written, and the report; for all workers."""
    from omnium_elt.steps.load import load

    return _once(all_workers, "medium", load, **MEDIUM)


@pytest.fixture
def home_after_run(all_workers: Path, home: Home) -> Home:
    """A copy of a home after one whole run, for this test alone, made in this half of the day.

    From noon on the day itself counts in the models, from midnight on it is another one: a run later than that builds
    them anew, though no row changed.
    """
    shutil.copytree(_finished(all_workers), home.root)
    return home


def _finished(all_workers: Path) -> Path:
    """The home that all workers share after one whole run in this half of the day."""
    from omnium_elt.steps.run import run

    now = datetime.now(UTC)
    half_day = f"{now.date()}-{'afternoon' if now.hour >= 12 else 'morning'}"
    return _once(all_workers, f"finished-{half_day}", run, size="small", seed=1)[0].root


@pytest.fixture
def marts_of() -> Callable[[Path], dict[str, Any]]:
    """All rows of all marts of a database, each mart sorted, floats to nine digits: for comparing two of them.

    The order in which threads add up floats is none that could be relied on, and with it their last digits.
    """

    def told(value: Any) -> Any:
        return float(f"{value:.9g}") if isinstance(value, float) else value

    def rows(database: Path) -> dict[str, Any]:
        import duckdb

        with duckdb.connect(str(database), read_only=True) as connection:
            marts = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts' order by table_name"
            ).fetchall()
            return {
                mart: [
                    tuple(told(value) for value in row)
                    for row in connection.execute(f"from marts.{mart} order by all").fetchall()
                ]
                for (mart,) in marts
            }

    return rows
