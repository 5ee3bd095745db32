"""`--since` leaves out history alone, says what it left out, and the guide's last step reads it."""

import json
import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, Silent
from omnium_elt.inspect.status import status
from omnium_elt.steps.run import COMMANDS, perform
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES

from tests.support.tenants import sandbox_settings

GUIDE = Path(__file__).parents[2] / "docs" / "getting-started.md"
HISTORY = {
    "orders",
    "returns",
    "order_line_analytics",
    "carts",
    "inventory_transactions",
    "purchase_orders",
    "deliveries",
    "invoices",
    "payment_transactions",
    "pick_lists",
    "time_entries",
    "event_log",
}


def load(home: Home, sandbox: Sandbox, **more: Any) -> RunReport:
    return perform(sandbox_settings(home, sandbox, **more), Silent(), "load", COMMANDS["load"])


def count(home: Home, name: str) -> int:
    with duckdb.connect(str(home.working_database), read_only=True) as connection:
        present = connection.sql(
            f"select 1 from duckdb_tables() where schema_name = 'omnium' and table_name = '{name}'"
        ).fetchall()
        return connection.sql(f"select count(*) from omnium.{name}").fetchall()[0][0] if present else 0


def middle(sandbox: Sandbox, name: str, field: str = "modified") -> date:
    stamps = sorted(str(row[field]) for row in sandbox.tenant.rows(name))
    return date.fromisoformat(stamps[len(stamps) // 2][:10])


def left_out(home: Home) -> dict[str, str]:
    return {one.name: one.left_out_before[:10] for one in status(home).resources if one.left_out_before}


def test_which_resources_are_history() -> None:
    assert {name for name, row in RESOURCES.items() if row.is_history} == HISTORY


def test_master_data_are_whole_and_the_rest_is_said_until_it_is_read(home: Home, sandbox: Sandbox) -> None:
    some = ("stores", "suppliers", "private_customers", "prices", "purchase_orders", "invoices")
    day = middle(sandbox, "purchase_orders")
    first = load(home, sandbox, resources=some, since=day)
    for name in set(some) - HISTORY:
        assert count(home, name) == sandbox.tenant.count(name), name
    assert 0 < count(home, "purchase_orders") < sandbox.tenant.count("purchase_orders")
    assert left_out(home) == {"purchase_orders": str(day), "invoices": str(day)}
    again = load(home, sandbox, resources=some)
    for report in (first, again):
        assert [note for note in report.notes if "--since" in note] == [
            f"purchase_orders, invoices: rows before {day} are not here, as --since left them out; "
            "`omnium-elt load --full-refresh --resources purchase_orders,invoices` reads them"
        ]
    last = load(home, sandbox, resources=("purchase_orders", "invoices"), full_refresh=True)
    assert [note for note in last.notes if "--since" in note] == []
    assert left_out(home) == {}
    assert count(home, "purchase_orders") == sandbox.tenant.count("purchase_orders")


def test_an_earlier_day_reads_from_there(home: Home, sandbox: Sandbox) -> None:
    day = middle(sandbox, "purchase_orders")
    load(home, sandbox, resources=("purchase_orders",), since=day)
    some = count(home, "purchase_orders")
    assert load(home, sandbox, resources=("purchase_orders",), since=day).status == "unchanged"
    earlier = min(
        date.fromisoformat(str(row["modified"])[:10]) for row in sandbox.tenant.rows("purchase_orders")
    )
    report = load(home, sandbox, resources=("purchase_orders",), since=earlier)
    assert report.status == "ok"
    assert count(home, "purchase_orders") == sandbox.tenant.count("purchase_orders") > some
    assert left_out(home) == {"purchase_orders": str(earlier)}
    # A later day than before takes nothing away.
    assert load(home, sandbox, resources=("purchase_orders",), since=day).status == "unchanged"
    assert left_out(home) == {"purchase_orders": str(earlier)}


def test_since_beside_full_refresh_takes_nothing_back_that_is_there(home: Home, sandbox: Sandbox) -> None:
    load(home, sandbox, resources=("purchase_orders",))
    load(
        home,
        sandbox,
        resources=("purchase_orders",),
        since=middle(sandbox, "purchase_orders"),
        full_refresh=True,
    )
    assert left_out(home) == {}
    assert count(home, "purchase_orders") == sandbox.tenant.count("purchase_orders")


def steps_of_the_guide() -> list[list[str]]:
    """The commands of the chapters that load, as a reader types them."""
    text = GUIDE.read_text(encoding="utf-8")
    chapters = text[text.index("## 5. ") : text.index("## 7. ")]
    blocks = re.findall(r"```sh\n(.*?)```", chapters, flags=re.DOTALL)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("omnium-elt")]


@pytest.mark.slow
@pytest.mark.parametrize("has_last_step", [True, False], ids=["to the end", "a plain run instead"])
def test_the_guide_followed_to_the_letter(
    has_last_step: bool, home: Home, configured: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setenv("OMNIUM_HOME", str(home.root))
    monkeypatch.setitem(COMMANDS, "run", COMMANDS["load"])  # what is built of it is tested elsewhere
    commands = steps_of_the_guide()
    assert [command[0] for command in commands] == ["load", "status", "run", "status"]
    assert "--since" in commands[0]
    # The sandbox's own days: what the guide calls a year ago is the middle of its history here.
    since = str(middle(configured, "purchase_orders"))
    commands[0][commands[0].index("--since") + 1] = since
    if not has_last_step:
        commands[2] = ["run"]
    for command in commands:
        assert main(command) == 0, command
    capfd.readouterr()
    assert main(["status", "--json"]) == 0
    told = {one["name"]: one for one in json.loads(capfd.readouterr().out)["resources"]}
    tenant = configured.tenant
    assert {name: told[name]["rows"] for name in ("stores", "suppliers")} == {
        name: tenant.count(name) for name in ("stores", "suppliers")
    }
    if has_last_step:
        assert told["purchase_orders"]["rows"] == tenant.count("purchase_orders")
        assert {one["left_out_before"] for one in told.values()} == {None}
    else:
        assert told["purchase_orders"]["rows"] < tenant.count("purchase_orders")
        assert told["purchase_orders"]["left_out_before"].startswith(since)
