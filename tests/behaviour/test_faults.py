"""A server in trouble: what passes is survived, what lasts ends within its budget, the next run is right."""

import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from omnium_elt.infra.home import Home, Secret, Settings
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps import turns
from omnium_elt.steps.load import load
from omnium_elt.steps.reconcile import reconcile
from omnium_elt.steps.run import COMMANDS, perform, reconcile_step
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault, Faults

from tests.support.accidents import differences, small_pages
from tests.support.tenants import sandbox_settings
from tests.support.wire import Asked, Wire

IS_SOAK = bool(os.environ.get("OMNIUM_SOAK"))
FEW = ("suppliers", "purchase_orders", "orders", "inventory", "deliveries", "supplier_versions")
SHORT: dict[str, Any] = {
    "client_options": {"request_timeout": 1.0},
    "reading_options": {"budget": 1.5, "tries": 2},
}
"""Budgets of seconds instead of minutes."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Home]]:
    """A tenant, and what a load of everything makes of it when nothing goes wrong."""
    home = Home(tmp_path_factory.mktemp("undisturbed") / "home")
    with Sandbox(size="small", seed=1) as served:
        assert perform(settings_of(home, served), Silent(), "load", COMMANDS["load"]).status == "ok"
        yield served, home


@pytest.fixture
def tenant(undisturbed: tuple[Sandbox, Home]) -> Iterator[Sandbox]:
    """That tenant, with nothing going wrong before and after the test."""
    served = undisturbed[0]
    served.faults.clear()
    served.clear_requests()
    yield served
    served.faults.clear()


def settings_of(home: Home, served: Sandbox, **more: Any) -> Settings:
    return sandbox_settings(home, served, personal_key=Secret("one key for all homes"), **more)


def load_once(home: Home, served: Sandbox, **more: Any) -> RunReport:
    return perform(settings_of(home, served, **more), Silent(), "load", COMMANDS["load"])


def resources_of(report: RunReport) -> dict[str, str]:
    return {one.name: one.status for one in report.resources}


# What passes ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12 if IS_SOAK else 2))
def test_faults_of_every_kind_at_once(
    seed: int, home: Home, tenant: Sandbox, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, 10)
    kinds = Faults.of_every_kind(0.05, seconds=0.05).rules
    # A token endpoint that says 401 says that the credentials are wrong: that one does not pass.
    tenant.faults.add(*kinds, Fault("expire", rate=0.01))
    tenant.faults._random = random.Random(seed)
    for rule in kinds:
        rule.path = "" if rule.kind != "401" else "s/"
    report = load_once(home, tenant)
    assert sum(rule.fired for rule in tenant.faults.rules) >= 12
    assert [(one.name, one.error) for one in report.resources if one.error] == []
    assert report.status == "ok"
    assert differences(home.working_database, undisturbed[1].working_database) == []


@pytest.mark.parametrize(
    "kind",
    [
        "429",
        "500",
        "reset",
        "wrong_type",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("429_date", "truncate", "html", "lost")),
    ],
)
def test_a_fault_that_comes_three_times_in_ten(
    kind: Any, home: Home, tenant: Sandbox, undisturbed: Any
) -> None:
    tenant.faults.add(Fault(kind, path="/Inventory/", rate=0.3, seconds=0.05))
    tenant.faults.add(Fault(kind, path="/PurchaseOrders/", rate=0.3, seconds=0.05, times=4))
    report = load_once(home, tenant, resources=("inventory", "purchase_orders"))
    assert report.status == "ok", [one.error for one in report.resources]
    for name in ("inventory", "purchase_orders"):
        assert same_rows(home, undisturbed[1], name)


def test_a_version_of_a_supplier_is_no_proxys_json(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    """Taken for one it would end the chain of versions, and the older ones would never be read."""
    tenant.faults.add(Fault("wrong_type", method="GET", path="/Suppliers/", rate=0.5, times=10))
    assert load_once(home, tenant, resources=("supplier_versions",)).status == "ok"
    assert same_rows(home, undisturbed[1], "supplier_versions")


def test_tokens_that_are_revoked_meanwhile_are_renewed(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    load_once(home, tenant, resources=("stores",))
    tenant.revoke_tokens()
    tenant.faults.add(Fault("401", path="/Orders/", times=2))
    report = load_once(home, tenant, resources=FEW)
    assert report.status == "ok"
    assert [one.path for one in tenant.requests].count("/api/token") >= 2
    assert same_rows(home, undisturbed[1], "orders")


def test_a_scroll_that_expires_half_way_starts_again(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    tenant.behaviour.batch = 40
    try:
        tenant.faults.add(Fault("expire", path="/Inventory/Scroll", after=1, times=2))
        report = load_once(home, tenant, resources=("inventory",))
    finally:
        tenant.behaviour.batch = 1_000
    assert report.status == "ok", report.resources[0].error
    assert sum(rule.fired for rule in tenant.faults.rules) == 2
    assert same_rows(home, undisturbed[1], "inventory")


# What does not pass -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("429", seconds=1), "too many requests (429)"),
        pytest.param(Fault("503"), "the server failed (503)", marks=pytest.mark.slow),
        (Fault("hang", seconds=3), "time-out"),
        pytest.param(Fault("drip", seconds=0.2), "took longer than 1 s", marks=pytest.mark.slow),
        (Fault("html"), "the answer is no JSON (text/html"),
        pytest.param(Fault("wrong_type"), "JSON of another shape", marks=pytest.mark.slow),
        pytest.param(Fault("reset"), "the connection broke", marks=pytest.mark.slow),
        (Fault("truncate"), "the connection broke"),
        pytest.param(
            Fault("400"), "calls the request wrong (400): refused on purpose", marks=pytest.mark.slow
        ),
        pytest.param(Fault("404"), "nothing at this address (404)", marks=pytest.mark.slow),
        (Fault("401"), "refuses even a new token (401)"),
        (Fault("redirect"), "redirects to 127.0.0.1 (302), and the token is not sent elsewhere"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_what_lasts_ends_within_its_budget_and_the_next_run_is_right(
    fault: Fault, says: str, home: Home, tenant: Sandbox, undisturbed: Any
) -> None:
    fault.path, fault.method, fault.fired = "/PurchaseOrders/", "POST", 0
    tenant.faults.add(fault)
    started = time.monotonic()
    broken = load_once(home, tenant, resources=("purchase_orders", "suppliers"), **SHORT)
    seconds = time.monotonic() - started
    assert seconds < 15
    # What one address says is no word about the others.
    assert resources_of(broken) == {"purchase_orders": "failed", "suppliers": "ok"}
    error = next(one.error or "" for one in broken.resources if one.name == "purchase_orders")
    assert says in error
    assert len(error) < 400
    assert len(error.splitlines()) <= 2
    assert broken.exit_status == 3
    tenant.faults.clear()
    mended = load_once(home, tenant, resources=("purchase_orders", "suppliers"))
    assert mended.status == "ok"
    assert same_rows(home, undisturbed[1], "purchase_orders")
    assert same_rows(home, undisturbed[1], "suppliers")


@pytest.mark.parametrize(
    "fault", [Fault("drip", seconds=0.2), Fault("503"), Fault("401")], ids=lambda one: one.kind
)
def test_a_sweep_whose_first_answer_does_not_come_names_the_resource(
    fault: Fault, home: Home, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others are swept: with the token of an earlier run nothing else has been asked before."""
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 0.5)
    settings = settings_of(home, tenant, resources=("purchase_orders", "suppliers"), **SHORT)
    # The sweep's order is the table's, so suppliers come first.
    fault.path, fault.method, fault.fired = "/Suppliers/", "POST", 0
    assert perform(settings, Silent(), "load", COMMANDS["load"]).status == "ok"
    tenant.faults.add(fault)
    swept = perform(settings, Silent(), "reconcile", (reconcile_step(False),))
    assert swept.error is None
    assert resources_of(swept) == {"suppliers": "failed", "purchase_orders": "unchanged"}
    assert swept.exit_status == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault("html"),
            "gives no answer of Omnium's: The token endpoint answered something that is no token",
        ),
        (Fault("reset"), "127.0.0.1 gives no answer of Omnium's: The connection broke"),
        (Fault("redirect"), "redirects to 127.0.0.1 (302), and the token is not sent elsewhere"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_server_that_is_not_omnium_from_the_start(
    fault: Fault, says: str, home: Home, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnium_source.http.repeating.FIRST_CONTACT_SECONDS", 2.0)
    fault.path, fault.fired = "", 0
    tenant.faults.add(fault)
    report = load_once(home, tenant, resources=("stores",), **SHORT)
    assert report.exit_status == 1
    assert report.error is not None
    assert says in report.error.replace("\n", ": ")


def test_a_scroll_that_loops_is_noticed(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    """The same batch again and again: the window is read by other means or not at all, never half."""
    tenant.behaviour.batch = 40
    tenant.faults.add(Fault("repeat", path="/Inventory/Scroll"))
    started = time.monotonic()
    try:
        broken = load_once(home, tenant, resources=("inventory", "suppliers"), **SHORT)
    finally:
        tenant.behaviour.batch = 1_000
    assert time.monotonic() - started < 15
    inventory = broken.resources[0]
    assert inventory.status == "failed"
    assert inventory.error is not None
    assert "repeats itself" in inventory.error
    assert resources_of(broken)["suppliers"] == "ok"
    assert broken.exit_status == 3
    assert len(tenant.requests) < 100
    tenant.faults.clear()
    assert load_once(home, tenant, resources=("inventory",)).status == "ok"
    assert same_rows(home, undisturbed[1], "inventory")


def test_a_missing_role_leaves_out_that_resource_alone(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    tenant.behaviour.missing_roles.add("OrderRead")
    try:
        report = load_once(home, tenant, resources=("orders", "suppliers"))
    finally:
        tenant.behaviour.missing_roles.clear()
    assert resources_of(report) == {"orders": "forbidden", "suppliers": "ok"}
    assert "OrderRead" in str(report.resources[0].error)
    assert report.exit_status == 3
    assert load_once(home, tenant, resources=("orders",)).status == "ok"
    assert same_rows(home, undisturbed[1], "orders")


def test_the_clock_is_the_servers_or_none(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
    """Its first answers are lost: our own clock, hours ahead of the server's, must not become the cursor."""
    tenant.behaviour.clock_offset_seconds = -7_200
    tenant.faults.add(Fault("reset", times=3))
    try:
        report = load_once(home, tenant, resources=("suppliers",))
        (supplier,) = report.resources
        assert supplier.window_to is not None
        ahead = supplier.window_to.timestamp() - tenant.now().timestamp()
    finally:
        tenant.behaviour.clock_offset_seconds = 0
    assert ahead <= 0


def same_rows(one: Home, other: Home, resource: str) -> bool:
    """Whether a resource's tables are the same in both, children included."""
    found = [
        line
        for line in differences(one.working_database, other.working_database, resource)
        if line.startswith((f"{resource}:", f"{resource}__"))
    ]
    assert found == []
    return True


if IS_SOAK:

    def test_a_minute_of_nothing_but_429(home: Home, tenant: Sandbox, undisturbed: Any) -> None:
        began = time.monotonic()
        tenant.faults.add(Fault("429", seconds=2))

        def relent(*_: Any) -> None:
            if time.monotonic() - began > 60:
                tenant.faults.clear()

        pick = tenant.faults.pick
        tenant.faults.pick = lambda method, path: (relent(), pick(method, path))[1]  # type: ignore[method-assign]
        try:
            report = load_once(home, tenant, resources=FEW)
        finally:
            del tenant.faults.pick  # type: ignore[method-assign]
        assert report.status == "ok"
        assert same_rows(home, undisturbed[1], "orders")


# What hangs -------------------------------------------------------------------------------------------


def test_endpoints_that_hang_do_not_keep_the_others_waiting(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six resources are read, or compared, at the same time. Seven hang here, until the eighth is requested."""
    monkeypatch.setattr(turns, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(turns.memory, "is_tight", lambda: False)
    is_requested, were_in_time = threading.Event(), list[bool]()

    def answer(asked: Asked) -> Any:
        if asked.path == "Stores/SearchStores":
            if asked.body["take"] > 1:  # a smaller one is for the time
                is_requested.set()
            return {"result": [{"id": "oslo", "modified": "2026-01-01T00:00:00.000Z"}], "totalHits": 1}
        were_in_time.append(is_requested.wait(20))
        return {"result": [], "totalHits": 0}

    with Wire(answer) as wire:
        names = (
            "orders",
            "carts",
            "products",
            "purchase_orders",
            "gift_cards",
            "vouchers",
            "ratings",
            "stores",
        )
        settings = Settings(
            home=home,
            base_url=wire.base_url,
            client_id=wire.client_id,
            client_secret=Secret(wire.client_secret),
            resources=names,
        )
        report = load(settings, Silent())
        is_requested.clear()
        compared = reconcile(settings, Silent())
    assert resources_of(report) == {**dict.fromkeys(names, "unchanged"), "stores": "ok"}
    assert resources_of(compared) == dict.fromkeys(names, "unchanged")
    assert all(were_in_time)
