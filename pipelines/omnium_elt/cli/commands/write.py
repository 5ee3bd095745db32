"""write: show what would be written to Omnium, and with `--apply` write it."""

from typing import TYPE_CHECKING, Any

import click

from omnium_elt.cli.outcome import finish
from omnium_elt.cli.parser import PROPOSAL, command
from omnium_elt.cli.progress import showing_progress
from omnium_elt.cli.rendering import escaped, say
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, Step
from omnium_elt.infra.text import amount, counted

if TYPE_CHECKING:
    from rich.console import Console

    from omnium_elt.decide.lines import Selection

MARKS = {
    "shown": "",
    "written": "[green]written[/green]",
    "unchanged": "[dim]unchanged[/dim]",
    "refused": "[yellow]refused[/yellow]",
    "failed": "[red]failed[/red]",
    "unknown": "[red]not known[/red]",
}


@command(
    "write",
    "show what would be written to Omnium: lead times, orders, or what undoes a run; --apply writes it",
    [
        "omnium-elt write lead-times",
        "omnium-elt write orders --supplier 'Havtekstil AS' --apply",
        "omnium-elt write undo 20260131T235959Z-3f9a --apply",
    ],
    click.argument("what", type=click.Choice(("lead-times", "orders", "undo"))),
    click.argument("run", required=False),
    click.option("--apply", is_flag=True, help="Send it; without this nothing is sent."),
    *PROPOSAL,
)
def write_command(
    home: Home,
    as_json: bool,
    verbose: bool,
    what: str,
    run: str | None,
    apply: bool,
    **selection: Any,
) -> int:
    """Show the changes; with `apply` send them."""
    from omnium_elt.decide.lines import Selection, require_warehouse
    from omnium_elt.infra.configuration import read_settings
    from omnium_elt.steps.run import perform

    step = _chosen_step(what, run, Selection(**selection), apply=apply)
    if run is None:
        require_warehouse(home)  # before a run makes the folder of a home that was misspelt
    settings = read_settings(home, {"verbose": verbose}, needs_tenant=True)
    with showing_progress() as progress:
        report = perform(settings, progress, "write", [step])
    return finish(report, home, show_changes, as_json=as_json)


def _chosen_step(what: str, run: str | None, chosen: "Selection", *, apply: bool) -> Step:
    """The step that the arguments ask for. Raises UsageError if they do not fit together."""
    from omnium_elt.write.step import lead_times_step, orders_step, undo_step

    if (what == "undo") != (run is not None):
        raise UsageError("undo takes the id of a run, the others take none", "See omnium-elt write --help.")
    if run is not None:
        return undo_step(run, apply=apply)
    if what == "orders":
        return orders_step(chosen, apply=apply)
    return lead_times_step(chosen.suppliers, apply=apply)


def show_changes(console: "Console", report: RunReport) -> None:
    """Print each change: target, outcome, values before and after, and reason."""
    for note in report.notes:
        say(console, f"[yellow]![/yellow] {escaped(note)}")
    for step in report.steps:
        changes = step.details.get("changes", [])
        for change in changes:
            say(
                console,
                f"[bold]{escaped(change['name'] or change['target'])}[/bold] ({escaped(change['target'])})  "
                f"{MARKS[change['status']]}",
            )
            for line in _differences(change):
                say(console, f"  {escaped(line)}")
            if change["why"]:
                say(console, f"  [dim]{escaped(change['why'])}[/dim]")
            if change["detail"]:
                say(console, f"  {escaped(change['detail'])}")
        if "changes" in step.details:
            say(console, _conclusion(step.name, changes, report.run_id, applied=step.details["applied"]))


def _differences(change: dict[str, Any]) -> list[str]:
    if change["kind"] != "order":
        return [
            f"{name}: {_shown(change['before'].get(name))} → {_shown(value)}"
            for name, value in change["after"].items()
            if change["before"].get(name) != value
        ]
    facts = change["facts"]
    lines = [
        f"{line['quantity']} × {line['code']} {line.get('displayName') or ''}".rstrip()
        for line in change["after"]["purchaseOrderForm"]["lineItems"]
    ]
    total, units = amount(float(facts["value"]), facts["currency"]), f"{float(facts['units']):,g}"
    return [
        *lines,
        *facts.get("remarks", ()),
        f"{counted(facts['lines'], 'line')}, {units} unit{'' if units == '1' else 's'}, {total}",
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _conclusion(name: str, changes: list[dict[str, Any]], run_id: str, *, applied: bool) -> str:
    if not changes:
        return "Nothing to write."
    if not applied:
        from omnium_elt.write import orders, suppliers

        roles = {"write lead-times": suppliers.ROLE, "write orders": orders.ROLE}
        role = f"role {roles[name]}" if name in roles else "the role that the change needs"
        return (
            f"{len(changes):,} shown, nothing sent. The same with --apply writes them, with an API user of its own "
            f"(SOURCES__OMNIUM__WRITER__CLIENT_ID, …_SECRET; {role})."
        )
    written = sum(change["status"] == "written" for change in changes)
    undo = (
        ""
        if name.startswith("write undo") or not written
        else f" To undo it: omnium-elt write undo {run_id}."
    )
    return f"{written:,} of {len(changes):,} written.{undo}"
