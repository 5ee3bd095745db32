"""What all tests share: a tenant on a real socket, a temporary home, and no configuration from outside."""

import fcntl
import gc
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import omnium_sandbox.server
import pytest
from omnium_elt.infra.configuration import disable_telemetry
from omnium_elt.infra.files import write_json
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.warehouse import database
from omnium_sandbox import Sandbox

from tests.support.parsing import FOLDER, share_parsing_of_transforms
from tests.support.tenants import DAY, MEDIUM, environment_of, remembered, sandbox_settings

disable_telemetry()

# Nothing that is imported with the tests is garbage; looking for some took two of the eight seconds of collecting them.
gc.disable()

# Every run tries the same examples, so that a check of a change fails only because of that change.
# HYPOTHESIS_PROFILE=explore tries many others: for an evening, after a change to the generator or to what it is
# compared with.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

OURS = ("SOURCES__", "DESTINATION__", "TRANSFORM__", "OMNIUM_")


LONGEST_FIRST = (
    "test_postgres",
    "test_spark",
    "test_kill",
    # Makes `finished_home`; meanwhile the other workers start with files that do not wait for it.
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
"""Test files that take a minute of CPU or more, the longest first."""
SLOW_FIXTURES = {"medium", "medium_load"}
"""Fixtures that take so long to make that every test which uses one is slow: a tenant of the medium size."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more process than cores for all tests, because some wait for a clock or a server.

    Tests that are named run in no extra process, so that their results show at once.
    """
    return (os.cpu_count() or 1) + 1 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(tryfirst=True)  # before pytest removes the tests that `-m` leaves out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long files first: one that starts last would keep one worker busy while the others wait."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_collection_finish() -> None:
    """Collect garbage from now on: the tests have been imported."""
    gc.enable()


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
    """Let every build of the models, in this process and in those of `accidents`, reuse what was parsed before."""
    folder = all_workers / "parsed"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(FOLDER, str(folder))
        share_parsing_of_transforms()
        yield


@pytest.fixture(scope="session", autouse=True)
def _small_tenants_made_once() -> Iterator[None]:
    """Give every small sandbox a copy of the tenant that the first one of this process made."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("omnium_sandbox.server.generate", remembered(omnium_sandbox.server.generate))
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that does not exist yet."""
    return Home(tmp_path / "home")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small tenant for this test alone."""
    with Sandbox(size="small", seed=1, today=DAY) as served:
        yield served


@pytest.fixture
def settings_for(home: Home) -> Callable[..., Settings]:
    """Make settings that read a sandbox into `home`: settings_for(sandbox, resources=("stores",))."""
    return lambda sandbox, **more: sandbox_settings(home, sandbox, **more)


@pytest.fixture
def configured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with environment variables that point to it, as a user sets them."""
    for name, value in environment_of(sandbox).items():
        monkeypatch.setenv(name, value)
    return sandbox


Verb = Callable[[Settings, Silent], RunReport]


def _once(folder: Path, name: str, verb: Verb, **tenant: Any) -> tuple[Home, dict[str, Any]]:
    """A home that all workers share, made once by running `verb` for such a tenant, and the verb's report."""
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
    """A home after one complete run, the same for all workers. Only read it: to write, take `home_after_run`."""
    from omnium_elt.steps.run import run

    return _once(all_workers, "finished", run, size="small", seed=1)[0].root


@pytest.fixture(scope="session")
def medium_load(all_workers: Path) -> tuple[Home, dict[str, Any]]:
    """A home into which the medium tenant was loaded, and the report, the same for all workers. Only read it."""
    from omnium_elt.steps.load import load

    return _once(all_workers, "medium", load, **MEDIUM)


@pytest.fixture
def home_after_run(finished_home: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy, for this test alone, of a home after one complete run.

    What the test loads into it is stamped with the moment of that run. From noon on the models count the current day,
    and from midnight on that is another day: after either, a run builds the models anew although no row changed.
    """
    # Without what dbt only writes for people to read, nine of ten files.
    shutil.copytree(finished_home, home.root, ignore=shutil.ignore_patterns("compiled", "run"))
    with database.connect(home.working_database, read_only=True) as connection:
        ((newest,),) = connection.execute("select max(inserted_at) from omnium._dlt_loads").fetchall()
    counted = itertools.count(1)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return (newest + timedelta(microseconds=next(counted))).astimezone(tz)

    monkeypatch.setattr("omnium_elt.warehouse.destination.datetime", Clock)
    return home


@pytest.fixture
def marts_of() -> Callable[[Path], dict[str, Any]]:
    """All rows of all marts of a database, each mart sorted, floats to nine digits: for comparing two databases.

    Threads add up floats in an order that changes from run to run, and the last digits change with it.
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
