"""demo: run everything against a sandbox tenant, and show the results."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from omnium_elt.cli.outcome import finish, show_report
from omnium_elt.cli.parser import AS_OF, command, tenant_size
from omnium_elt.cli.progress import showing_progress
from omnium_elt.cli.rendering import escaped, number, print_json, say, shown_path, stdout, table
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK
from omnium_elt.infra.text import amount, counted
from omnium_elt.report.lists import URGENCIES

if TYPE_CHECKING:
    from rich.console import Console

    from omnium_elt.inspect.demo import Findings

SHOWN_PROPOSALS = 12
BAR = "▁▂▃▄▅▆▇█"
ACTIONS = {
    "order": "order",
    "top_up": "order, topped up to the minimum,",
    "split": "order in parts",
    "order_below_minimum": "order, below the supplier's minimum,",
}


@command(
    "demo",
    "run everything against a sandbox tenant, and show lead times and proposals",
    ["omnium-elt demo", "omnium-elt demo --size small --home /tmp/try"],
    *tenant_size("medium"),
    AS_OF,
)
def demo_command(home: Home, as_json: bool, size: str, seed: int, **settings: Any) -> int:
    """Run the demo, and show its findings and files."""
    from omnium_elt.inspect.demo import demo, findings

    started = time.monotonic()
    with showing_progress() as progress:
        report = demo(home, size, seed, settings, progress)
    if report.exit_status != EXIT_OK:
        return finish(report, home, show_report, as_json=as_json)
    found = findings(home)
    if as_json:
        print_json({**report.as_dict(), "findings": asdict(found)})
        return EXIT_OK
    show_findings(stdout(), found)
    console = stdout()
    console.print(
        f"\n[bold]Files[/bold] (made in {time.monotonic() - started:.0f} s, {report.rows:,} rows read in "
        f"{report.requests:,} requests)"
    )
    for path, what in (
        (home.warehouse, "open it with DuckDB: schemas omnium, staging, marts"),
        (home.exports, "each mart as Parquet, and manifest.json"),
        (home.exports / "report.html", "open it in a browser: proposals, lead times, data health"),
        (home.state, "run history and logs"),
    ):
        say(console, f"  {shown_path(path)}  [dim]{what}[/dim]")
    return EXIT_OK


def show_findings(console: "Console", found: "Findings") -> None:
    """Print lead times, the purchase proposal, and articles that are worth a look."""
    _show_lead_times(console, found)
    _show_proposal(console, found)
    if found.examples:
        console.print("\n[bold]Worth a look[/bold]")
    for example in found.examples:
        what, product, warehouse = example["what"], escaped(example["product"]), escaped(example["warehouse"])
        console.print(f"[bold]{what.capitalize()}[/bold]: {product} in {warehouse}")
        say(console, f"  {escaped(example['sentence'])}", style="dim")


def _show_lead_times(console: "Console", found: "Findings") -> None:
    console.print(f"\n[bold]Supplier lead times[/bold] in days, as of {found.as_of}")
    shown = table("supplier", "configured>", "mean>", "p50>", "p90>", "lines>", "arrivals by day")
    for supplier in found.lead_times:
        shown.add_row(
            escaped(supplier["supplier"]),
            number(supplier["configured_days"]),
            "–" if supplier["mean_days"] is None else f"{supplier['mean_days']:.1f}",
            number(supplier["p50_days"]),
            number(supplier["p90_days"]),
            number(supplier["lines"]),
            _bar(supplier["share_of_arrivals"]),
        )
    console.print(shown)


def _bar(shares: Sequence[float]) -> str:
    """A distribution as a row of small columns."""
    most = max(shares, default=0) or 1
    return "".join(BAR[max(1, round(share / most * (len(BAR) - 1)))] if share else " " for share in shares)


def _show_proposal(console: "Console", found: "Findings") -> None:
    console.print("\n[bold]Purchase proposal[/bold]")
    now = [proposal for proposal in found.proposals if proposal["action"] not in ("defer", "none")]
    if not now:
        console.print("Nothing needs to be ordered today.")
    for proposal in now[:SHOWN_PROPOSALS]:
        console.print(
            f"[bold]{escaped(proposal['supplier'])}[/bold] to {escaped(proposal['warehouse'])}: "
            f"{URGENCIES.get(proposal['urgency'], (proposal['urgency'], ''))[0]}; "
            f"{ACTIONS.get(proposal['action'], proposal['action'])}{_by(proposal['order_by'])}, "
            f"{counted(proposal['lines'], 'line')}, {proposal['units']:,.0f} units, "
            f"{amount(proposal['value'], proposal['currency'])}, {proposal['money_at_risk']:,.2f} at risk"
        )
        say(console, f"  {escaped(proposal['why'])}", style="dim")
    if len(now) > SHOWN_PROPOSALS:
        console.print(f"… and {len(now) - SHOWN_PROPOSALS} more in marts.purchase_proposal.")
    for one in found.to_order:
        console.print(
            f"Altogether {counted(one['lines'], 'line')}, {amount(one['value'], one['currency'])}, "
            f"{one['money_at_risk']:,.2f} at risk."
        )
    waiting = [proposal for proposal in found.proposals if proposal["action"] == "defer"]
    if waiting:
        # Without sales it is unknown when the minimum will be reached.
        known = [(one["defer_days"], one["supplier"]) for one in waiting if one["defer_days"] is not None]
        text = f"{counted(len(waiting), 'order')} can wait until the supplier's minimum is reached"
        if known:
            days, first = min(known)
            text += f", the first of them ({escaped(first)}) for {counted(days, 'day')}"
        console.print(f"{text}.")


def _by(day: date | None) -> str:
    return f" by {day}" if day else ""
