"""All faults, capped counts and a wrong clock at once, under churn: equal in the end, or named and exit status 3.

With OMNIUM_SOAK=1 ten seeds, all resources; else one of a few.
"""

import os
import random
import time
from typing import Any

import pytest
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.load import load
from omnium_elt.steps.reconcile import reconcile
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault, FaultKind, Faults
from omnium_source import RESOURCES
from omnium_source.pii.masking import PersonalData
from omnium_source.pii.personal_key import key_for

from tests.support.equality import differences
from tests.support.tenants import sandbox_settings

IS_SOAK = bool(os.environ.get("OMNIUM_SOAK"))
FEW = (
    "suppliers",
    "stores",
    "purchase_orders",
    "orders",
    "inventory",
    "deliveries",
    "invoices",
    "products",
    "vouchers",
)
LIMITS = (10_000, 1_000, 200, 100)
CLOCKS: tuple[dict[str, Any], ...] = (
    {"date_offset_seconds": 600.0},
    {"date_offset_seconds": -7_200.0},
    {"token_date_offset_seconds": 365 * 86_400.0},
    {"date_header": "missing"},
    {"date_header": "garbage"},
    {"clock_offset_seconds": -3_600.0},
    {"clock_offset_seconds": 3_600.0},
)
REFUSALS: tuple[FaultKind, ...] = ("400", "403", "404")
LAG = 8.0
"""Seconds: longer than the index is late, and than the run between two reads."""


def unlike(settings: Settings, sandbox: Sandbox, resources: Any) -> list[str]:
    """What differs between the working database and the tenant."""
    key = key_for(None, settings.home.personal_key)
    return differences(
        settings.home.working_database, sandbox, PersonalData(settings.personal, key), resources
    )


def named(report: RunReport) -> set[str]:
    """The resources that a run says it could not read."""
    bad = {one.name for one in report.resources if one.status in ("failed", "forbidden", "skipped")}
    if bad:
        assert report.exit_status == 3, (report.exit_status, report.error, report.notes)
    assert all(one.error for one in report.resources if one.status == "failed")
    return bad


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10 if IS_SOAK else 1))
def test_nothing_is_wrong_and_nothing_is_silent(seed: int, home: Home) -> None:
    choice = random.Random(seed)
    faults = Faults.of_every_kind(0.1, seed=seed, seconds=0.05)
    for rule in faults.rules:
        # A token endpoint that says 401 says that the credentials are wrong.
        rule.path = "s/" if rule.kind == "401" else ""
    faults.add(Fault("expire", rate=0.01), Fault("repeat", path="Scroll", rate=0.02))
    faults.add(Fault("hang", rate=0.005, seconds=0.2), Fault("drip", rate=0.005, seconds=0.00001))
    # Refusals that no repetition helps against, as far as anybody can tell: the resource has to be named.
    faults.add(*(Fault(kind, path="s/", rate=0.003) for kind in REFUSALS))
    names = tuple(name for name in RESOURCES if name != "supplier_versions") if IS_SOAK else FEW
    with Sandbox(size="small", seed=seed, faults=faults, index_delay_seconds=1.0) as sandbox:
        behaviour = sandbox.behaviour
        behaviour.count_limit = choice.choice(LIMITS)
        behaviour.is_sorted = choice.random() < 0.7
        for name, value in choice.choice(CLOCKS).items():
            setattr(behaviour, name, value)
        settings = sandbox_settings(
            home,
            sandbox,
            resources=names,
            personal="include",
            settling_lag_seconds=LAG,
            reading_options={"budget": 60.0},
        )
        with sandbox.mutate(30.0, resources=names, recent_days=20, seed=seed):
            for _ in range(2):
                named(load(settings, Silent()))
        time.sleep(1.5)
        last = load(settings, Silent())
        swept = reconcile(settings, Silent(), force=True)
        told = named(last) | named(swept)
        wrong = unlike(settings, sandbox, [name for name in names if name not in told])
        assert wrong == [], (behaviour, told)
        print(
            f"seed {seed}: limit {behaviour.count_limit}, sorted {behaviour.is_sorted}, told {sorted(told)}, "
            f"{sum(rule.fired for rule in faults.rules)} faults"
        )
        # What was told is read once nothing goes wrong any more.
        faults.clear()
        behaviour.count_limit, behaviour.date_header = None, "right"
        behaviour.date_offset_seconds = behaviour.token_date_offset_seconds = 0.0
        mended = load(settings, Silent())
        reconcile(settings, Silent(), force=True)
        assert named(mended) == set()
        assert unlike(settings, sandbox, names) == []
