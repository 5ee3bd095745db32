"""The server's limits are kept, room is left for others, and a signal ends a load in good order."""

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from omnium_elt.infra.home import Home, Secret
from omnium_elt.infra.lock import describe_holder
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.steps.load import load
from omnium_elt.steps.run import COMMANDS, perform
from omnium_elt.warehouse import destination
from omnium_sandbox import Sandbox
from omnium_sandbox.faults import Fault

from tests.support import accidents
from tests.support.accidents import small_pages
from tests.support.tenants import sandbox_settings

pytestmark = pytest.mark.slow

KEY = "the key of all these homes"
MANY = (
    "orders",
    "products",
    "purchase_orders",
    "inventory_transactions",
    "event_log",
    "payment_transactions",
)


class Watched:
    """How many requests a sandbox answers at the same time: all of them, and those that start a scroll."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._lock, self._running = threading.Lock(), Counter[str]()
        self.most: Counter[str] = Counter()
        self._answer = sandbox.answer
        sandbox.answer = self._watch  # type: ignore[method-assign]

    def _watch(self, method: str, target: str, *rest: Any) -> Any:
        kinds = ["all"]
        if method == "POST" and target.endswith(("/Scroll", "/ScrollSearch")):
            kinds.append("scroll starts")
        with self._lock:
            for kind in kinds:
                self._running[kind] += 1
                self.most[kind] = max(self.most[kind], self._running[kind])
        try:
            return self._answer(method, target, *rest)
        finally:
            with self._lock:
                self._running.subtract(kinds)


def load_once(home: Home, sandbox: Sandbox, **more: Any) -> RunReport:
    home.create()
    return load(sandbox_settings(home, sandbox, **{"personal_key": Secret(KEY), **more}), Silent())


@pytest.mark.parametrize(("allowed", "most"), [(50, 20), (3, 3), pytest.param(1, 1, marks=pytest.mark.slow)])
def test_requests_in_flight(
    allowed: int, most: int, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(sandbox)
    sandbox.behaviour.latency_seconds = 0.02
    small_pages(monkeypatch, 10)
    report = load_once(home, sandbox, resources=MANY, max_concurrency=allowed)
    assert report.status == "ok"
    assert max(1, most // 2) <= watched.most["all"] <= most
    assert sum(resource.throttled for resource in report.resources) == 0


def test_requests_a_second(home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, 20)
    report = load_once(home, sandbox, resources=MANY[:2], max_requests_per_second=8.0)
    assert report.status == "ok"
    moments = [request.at.timestamp() for request in sandbox.requests]
    assert len(moments) > 15
    # After a first second's worth at once no more than what was allowed.
    seconds = max(moments) - min(moments)
    assert len(moments) <= 8 + 8 * seconds + 1


def test_scrolls_start_one_at_a_time(home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_source.windows.reader.SCROLL_FROM", 1)
    watched = Watched(sandbox)
    sandbox.behaviour.latency_seconds = 0.03
    report = load_once(home, sandbox)
    assert report.status == "ok"
    assert sum(request.path.endswith(("/Scroll", "/ScrollSearch")) for request in sandbox.requests) > 5
    assert watched.most["scroll starts"] == 1
    assert sum(resource.throttled for resource in report.resources) == 0
    assert sandbox.searches.open_scrolls == 0


def test_a_server_with_less_room_than_we_think(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others use the tenant as well: 429 makes us fewer, and everything arrives."""
    sandbox.behaviour.concurrency = 2
    sandbox.behaviour.latency_seconds = 0.02
    from omnium_source.http.limiter import Limiter

    allowed: list[int] = []
    throttled = Limiter.throttled

    def note(self: Limiter) -> None:
        throttled(self)
        allowed.append(self.allowed)

    monkeypatch.setattr(Limiter, "throttled", note)
    small_pages(monkeypatch, 20)
    report = load_once(home, sandbox, resources=MANY[2:])
    assert report.status == "ok"
    assert sum(resource.throttled for resource in report.resources) > 0
    assert min(allowed) < 5


def test_the_time_that_the_server_asks_for_is_waited(home: Home, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("429", path="/Stores/SearchStores", times=1, after=1, seconds=2))
    sandbox.faults.add(Fault("429_date", path="/Suppliers/", times=1, seconds=3))
    load_once(home, sandbox, resources=("stores", "suppliers"))
    for name, least in (("/Suppliers/", 1.9),):
        moments = [request.at.timestamp() for request in sandbox.requests if name in request.path]
        refused = next(
            request.at.timestamp()
            for request in sandbox.requests
            if name in request.path and request.status == 429
        )
        assert min(moment for moment in moments if moment > refused) - refused >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "requests"), [(signal.SIGTERM, 3), (signal.SIGINT, 20)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_ends_a_load_in_good_order(
    number: signal.Signals, requests: int, home: Home, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Open scrolls are read to their end, and what was not begun is left for the next run."""
    sandbox.behaviour.latency_seconds = 0.5  # the load has a long way to go when the signal comes
    sandbox.behaviour.batch = 20  # scrolls that are open for a while
    process = accidents.start(sandbox, home, "load", SOURCES__OMNIUM__PII_KEY=KEY)
    wait_until(lambda: describe_holder(home.lock) is not None and len(sandbox.requests) > requests)
    process.send_signal(number)
    out, err = process.communicate()
    told = json.loads(out)
    assert (process.returncode, told["status"]) == (1, "interrupted"), err
    assert "Traceback" not in err
    assert {resource["status"] for resource in told["resources"]} <= {"ok", "unchanged", "skipped"}
    skipped = [resource for resource in told["resources"] if resource["status"] == "skipped"]
    assert len(skipped) > len(told["resources"]) / 3, "the load went on"
    assert sandbox.searches.open_scrolls == 0
    sandbox.behaviour.latency_seconds = 0.0
    assert load_once(home, sandbox).exit_status == 0
    undisturbed = Home(tmp_path / "undisturbed")
    load_once(undisturbed, sandbox)
    assert accidents.differences(home.working_database, undisturbed.working_database) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_not_lost_while_dlt_loads_the_last_package(
    number: signal.Signals, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt keeps signals from the program while it loads, and tells nobody of one that comes near its end."""
    monkeypatch.setattr(destination, "lacking", lambda *_: None)  # packages go through dlt

    def complete_load(client: Any, load_id: str) -> None:
        signal.raise_signal(number)
        completed(client, load_id)

    completed = DuckDbClient.complete_load
    monkeypatch.setattr(DuckDbClient, "complete_load", complete_load)
    settings = sandbox_settings(home, sandbox, resources=("stores",))
    report = perform(settings, Silent(), "load", COMMANDS["load"])
    assert (report.status, report.exit_status) == ("interrupted", 1)
    assert [(one.status, one.rows) for one in report.resources] == [("ok", 5)]
    assert settings.stop.is_set()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)
