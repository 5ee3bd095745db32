"""An hour of schedule: a run a minute, while people and tools read, and nobody meets an error.

Simulated: the runs follow each other at once, and the tenant's clock moves on a minute for each. With
OMNIUM_SOAK=1 it is the whole hour, else a few minutes of it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_sandbox import Sandbox

from tests.support.tenants import WITHOUT_DATA_TESTS, environment_of

pytestmark = pytest.mark.slow  # whole runs beside readers

RUNS = 60 if os.environ.get("OMNIUM_SOAK") else 2
FIRST_NUMBER = 100
READERS = ("analyst", "visitor", "tool")
ROOT = Path(__file__).parents[2]


def scheduled_run(home: Path, environment: dict[str, str]) -> dict[str, Any]:
    """`omnium-elt run`, as a scheduler calls it."""
    command = [sys.executable, "-m", "omnium_elt", "run", "--home", str(home), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def places(home: Path) -> tuple[str, str, str]:
    """A supplier, and an SKU in a warehouse, whose figures people look at."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(
            """
            select policy.supplier_id, position.sku, position.warehouse_code
            from marts.lead_time_policy as policy
            cross join marts.inventory_position as position
            where policy.completed_lines > 0 and position.on_hand > 0
            order by all
            limit 1
            """
        ).fetchall()[0]


@pytest.mark.timeout(120 * RUNS + 300)
def test_runs_and_readers_get_along(sandbox: Sandbox, home: Any, finished_home: Path, tmp_path: Path) -> None:
    # The usual settling lag: each run reads the last two minutes again, as it does out there.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SOURCES__")},
        **environment_of(sandbox),
        **WITHOUT_DATA_TESTS,
        "SOURCES__OMNIUM__SETTLING_LAG_SECONDS": "120",
    }
    sandbox.behaviour.clock_offset_seconds = -60 * (RUNS + 1)
    # The same tenant, built already.
    supplier_id, sku, warehouse = places(finished_home)
    (supplier,) = [row for row in sandbox.tenant.rows("suppliers") if row["id"] == supplier_id]
    (stock,) = [
        row
        for row in sandbox.tenant.rows("inventory")
        if (row["sku"], row["warehouseCode"]) == (sku, warehouse)
    ]
    orders = sandbox.tenant.keys("orders")

    def change(minute: int) -> None:
        """What happens in the tenant within a minute."""
        # Up to now, not from now on: the marts answer as of today, whatever is stamped tomorrow.
        sandbox.behaviour.clock_offset_seconds = 60 * (minute - RUNS)
        number = FIRST_NUMBER + minute
        sandbox.tenant.put("suppliers", supplier | {"defaultLeadTime": number})
        sandbox.tenant.put("inventory", stock | {"inventory": number})
        order = sandbox.tenant.get("orders", orders[minute])
        assert order is not None
        sandbox.tenant.put("orders", order | {"status": "Returned"})

    change(0)
    assert scheduled_run(home.root, environment)["status"] == "ok"
    stop = tmp_path / "stop"
    readers = {
        kind: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.readers",
                kind,
                home.root,
                stop,
                supplier_id,
                sku,
                warehouse,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for kind in READERS
    }
    try:
        deadline = time.monotonic() + 60
        while not all(stop.with_suffix(f".{kind}").exists() for kind in READERS):
            assert time.monotonic() < deadline, "not all readers have begun"
            time.sleep(0.1)
        for minute in range(1, RUNS + 1):
            change(minute)
            report = scheduled_run(home.root, environment)
            assert report["status"] == "ok", report
            changed = {one["name"] for one in report["resources"] if one["rows"]}
            assert {"suppliers", "inventory", "orders"} <= changed
            for kind, reader in readers.items():
                assert reader.poll() is None, (kind, reader.communicate()[1])
    finally:
        stop.touch()
        ended = {kind: reader.communicate(timeout=120) for kind, reader in readers.items()}
    for kind, reader in readers.items():
        assert reader.returncode == 0, (kind, ended[kind][1])
    seen = {kind: json.loads(output) for kind, (output, _) in ended.items()}
    print(f"{RUNS} runs; {seen}; {ended['tool'][1].strip()}")
    last = FIRST_NUMBER + RUNS
    assert seen["analyst"]["seen"] == [FIRST_NUMBER]
    for kind in ("visitor", "tool"):
        # Fast as the runs follow each other, every version but one or two is met, and the last ones surely.
        assert len(seen[kind]["seen"]) > RUNS / 2, seen
        assert seen[kind]["seen"][-1] >= last - 1, seen
