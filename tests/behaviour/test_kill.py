"""Killed at any moment, the next run ends in the same warehouse as if nothing had happened."""

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.lock import describe_holder
from omnium_elt.infra.run_report import Silent
from omnium_elt.steps.load import load
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Mutator

from tests.support import accidents
from tests.support.accidents import KILLED, Reader, differences, version_of, versions_of_exports
from tests.support.tenants import WITHOUT_DATA_TESTS, sandbox_settings

pytestmark = pytest.mark.slow  # dozens of processes, killed

RESOURCES = ("suppliers", "purchase_orders", "orders", "inventory", "private_customers")
SELECTED = ("--resources", ",".join(RESOURCES))
KEY = "the key of all these homes"
WITH_KEY = {"SOURCES__OMNIUM__PII_KEY": KEY}
IS_SOAK = bool(os.environ.get("OMNIUM_SOAK"))
MOMENTS = 20 if IS_SOAK else 4

POINTS_OF_LOAD = [
    "replaced:token.json",
    "extract",
    "normalize",
    "merge:1",
    "merge:2",
    "merged:2",
    "complete",
    "rows:1",
    "rows:9",
    "rows_of_dlt:1",
    "rows_of_dlt:2",
    "package:1",
    "package:2",
]


def load_quietly(home: Home, sandbox: Sandbox) -> None:
    home.create()
    settings = sandbox_settings(home, sandbox, resources=RESOURCES, personal_key=Secret(KEY))
    report = load(settings, Silent())
    assert report.exit_status == 0, report.error


class Changed:
    """A tenant that changed after `before` was loaded, and `after`: what an undisturbed load makes of it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.sandbox, self.before, self.after = sandbox, Home(folder / "before"), Home(folder / "after")
        load_quietly(self.before, sandbox)
        mutator, choice = Mutator(sandbox.tenant, resources=RESOURCES, deletions=False), random.Random(1)
        while mutator.changed < 80:
            mutator.step(choice)
        time.sleep(1.1)  # the server's clock is told in whole seconds
        shutil.copytree(self.before.root, self.after.root)
        load_quietly(self.after, sandbox)
        assert differences(self.before.working_database, self.after.working_database)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    with Sandbox(size="small", seed=1) as served:
        yield Changed(tmp_path_factory.mktemp("changed"), served)


def assert_next_run_is_right(home: Home, changed: Changed) -> None:
    load_quietly(home, changed.sandbox)
    assert differences(home.working_database, changed.after.working_database) == []


@pytest.mark.parametrize("point", POINTS_OF_LOAD)
def test_a_load_killed_at_a_commit_point(point: str, home: Home, changed: Changed) -> None:
    shutil.copytree(changed.before.root, home.root)
    if "token" in point:
        home.token.unlink()
    killed = accidents.run(changed.sandbox, home, "load", *SELECTED, point=point, **WITH_KEY)
    assert killed.returncode == KILLED, killed.out + killed.err
    assert_next_run_is_right(home, changed)


@pytest.mark.parametrize(
    "point",
    ["extract", "copied:1", "copied:20", "complete", "rows:1", "rows:9", "rows_of_dlt:1", "package:1"],
)
def test_a_first_load_killed_at_a_commit_point(point: str, home: Home, changed: Changed) -> None:
    killed = accidents.run(changed.sandbox, home, "load", *SELECTED, point=point, **WITH_KEY)
    assert killed.returncode == KILLED, killed.out + killed.err
    assert_next_run_is_right(home, changed)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_load_killed_at_a_random_moment(seed: int, home: Home, changed: Changed) -> None:
    shutil.copytree(changed.before.root, home.root)
    process = accidents.start(changed.sandbox, home, "load", *SELECTED, **WITH_KEY)
    moment = time.monotonic() + 30
    while not describe_holder(home.lock) and time.monotonic() < moment:
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0.0, 2.5))
    process.kill()
    process.communicate()
    assert_next_run_is_right(home, changed)


def test_a_package_left_behind_is_recognised_and_read_again(home: Home, changed: Changed) -> None:
    """dlt itself would load the old package for ever, and nothing new."""
    shutil.copytree(changed.before.root, home.root)
    killed = accidents.run(changed.sandbox, home, "load", *SELECTED, point="normalize", **WITH_KEY)
    assert killed.returncode == KILLED, killed.out + killed.err
    pending = list((home.dlt / "omnium" / "load" / "normalized").iterdir())
    assert pending
    assert_next_run_is_right(home, changed)
    assert not list(home.dlt.glob("omnium/load/normalized/*"))


QUICK = {} if IS_SOAK else WITHOUT_DATA_TESTS
POINTS_OF_TRANSFORM = ["model:3", "model:20", "model:60", "model:120"] if IS_SOAK else ["model:40"]
POINTS_OF_PUBLISH = [
    "copy",
    "replace:fct_purchase_order_line.parquet",
    "replaced:fct_purchase_order_line.parquet",
    "replace:warehouse.duckdb",
    "replaced:warehouse.duckdb",
    "replace:manifest.json",
    "replaced:manifest.json",
]


def test_readers_of_a_run_that_is_killed_all_over(
    home_after_run: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Transform and publish die at every point; readers see the version before, then the one after."""
    home, undisturbed = home_after_run, Home(tmp_path / "undisturbed")
    for supplier in list(sandbox.tenant.rows("suppliers"))[:3]:
        sandbox.tenant.save_supplier({**supplier, "name": f"{supplier['name']} & Co", "defaultLeadTime": 44})
    for order in list(sandbox.tenant.rows("purchase_orders"))[-5:]:
        lines = order["purchaseOrderForm"]["lineItems"]
        lines[0]["quantity"] = lines[0]["quantity"] + 7
        sandbox.tenant.put("purchase_orders", order)
    time.sleep(1.1)
    before, exports_before = version_of(home.warehouse), versions_of_exports(home.exports)
    with Reader(home) as reader:
        loaded = accidents.run(sandbox, home, "load")
        assert loaded.returncode == 0, loaded.out + loaded.err
        shutil.copytree(home.root, undisturbed.root)
        meanwhile = accidents.start(sandbox, undisturbed, "transform", **QUICK)
        for point in POINTS_OF_TRANSFORM:
            killed = accidents.run(sandbox, home, "transform", point=point, **QUICK)
            assert killed.returncode == KILLED, killed.out + killed.err
            refused = accidents.run(sandbox, home, "publish")
            assert refused.returncode == 2, "half a transform must not be published"
        built = accidents.run(sandbox, home, "transform", **QUICK)
        assert built.returncode == 0, built.err
        assert reader.warehouses == {before}
        for point in POINTS_OF_PUBLISH:
            killed = accidents.run(sandbox, home, "publish", point=point)
            assert killed.returncode == KILLED, (point, killed.err)
        published = accidents.run(sandbox, home, "publish")
        assert published.returncode == 0, published.err
    assert reader.errors == []
    meanwhile.communicate()
    assert meanwhile.returncode == 0
    assert accidents.run(sandbox, undisturbed, "publish").returncode == 0
    after = version_of(undisturbed.warehouse)
    assert after != before
    assert version_of(home.warehouse) == after
    assert reader.warehouses == {before, after}
    exports_after = versions_of_exports(undisturbed.exports)
    assert versions_of_exports(home.exports) == exports_after
    for name, seen in reader.exports.items():
        assert seen <= {exports_before.get(name), exports_after[name]}
    assert not [path for path in home.root.rglob("*.partial*") if path.is_file()]
