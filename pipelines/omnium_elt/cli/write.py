"""`omnium-elt write`: its arguments, and how differences are shown."""

import argparse
from typing import TYPE_CHECKING, Any

from omnium_elt.infra.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from omnium_elt.decide.lines import Selection
    from omnium_elt.report.run_report import RunReport
    from omnium_elt.write.step import Step

MARKS = {
    "shown": "",
    "written": "[green]written[/green]",
    "unchanged": "[dim]unchanged[/dim]",
    "refused": "[yellow]refused[/yellow]",
    "failed": "[red]failed[/red]",
    "unknown": "[red]not known[/red]",
}
ROLES = {"lead-times": "SupplierAdmin", "orders": "PurchaseOrderAdmin"}


def add_write_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "what", choices=("lead-times", "orders", "undo"), help="what to write, or undo with the run to undo"
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="with undo: the id of the run that wrote")
    parser.add_argument("--apply", action="store_true", help="send it; without this nothing is sent")
    add_selection(parser)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that choose lines of the proposal."""
    parser.add_argument(
        "--supplier", action="append", default=[], metavar="ID|NAME", help="only this one; may be repeated"
    )
    parser.add_argument(
        "--warehouse",
        action="append",
        default=[],
        metavar="CODE|NAME",
        help="only for this one; may be repeated",
    )
    parser.add_argument("--deferred", action="store_true", help="also orders that the proposal lets wait")
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="also lines that are not ticked, where others are",
    )
    parser.add_argument(
        "--as-proposed", action="store_true", help="as if nothing had been decided in the dashboard"
    )


def selection_of(options: argparse.Namespace) -> "Selection":
    """Which lines these options choose."""
    from omnium_elt.decide.lines import Selection

    return Selection(
        options.supplier, options.warehouse, options.deferred, options.everything, options.as_proposed
    )


def chosen_step(options: argparse.Namespace) -> "Step":
    """What the arguments ask for. Raises UsageError where they do not go together."""
    from omnium_elt.write.step import lead_times_step, orders_step, undo_step

    if (options.what == "undo") != (options.run is not None):
        raise UsageError("undo takes the id of a run, the others take none", "See omnium-elt write --help.")
    if options.what == "undo":
        return undo_step(options.run, apply=options.apply)
    if options.what == "orders":
        return orders_step(selection_of(options), apply=options.apply)
    return lead_times_step(options.supplier, apply=options.apply)


def show_changes(console: "Console", report: "RunReport") -> None:
    """Each difference: what, before, after, why, and what came of it."""
    from rich.markup import escape

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    for note in report.notes:
        say(f"[yellow]![/yellow] {escape(note)}")
    for step in report.steps:
        changes = step.details.get("changes", [])
        for change in changes:
            say(
                f"[bold]{escape(change['name'] or change['target'])}[/bold] ({escape(change['target'])})  "
                f"{MARKS[change['status']]}"
            )
            for line in _differences(change):
                say(f"  {escape(line)}")
            if change["why"]:
                say(f"  [dim]{escape(change['why'])}[/dim]")
            if change["detail"]:
                say(f"  {escape(change['detail'])}")
        if "changes" in step.details:
            say(_conclusion(step.name, changes, report.run_id, applied=step.details["applied"]))


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
    total = f"{float(facts['value']):,.2f} {facts['currency'] or ''}".rstrip()
    return [
        *lines,
        *facts.get("remarks", ()),
        f"{facts['lines']} lines, {float(facts['units']):,g} units, {total}",
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _conclusion(name: str, changes: list[dict[str, Any]], run_id: str, *, applied: bool) -> str:
    if not changes:
        return "Nothing to write."
    if not applied:
        role = ROLES.get(name.removeprefix("write "), "that the change needs")
        return (
            f"{len(changes):,} shown, nothing sent. The same with --apply writes them, with an API user of its own "
            f"(SOURCES__OMNIUM__WRITER__CLIENT_ID, …_SECRET; role {role})."
        )
    written = sum(change["status"] == "written" for change in changes)
    undo = (
        ""
        if name.startswith("write undo") or not written
        else f" To undo it: omnium-elt write undo {run_id}."
    )
    return f"{written:,} of {len(changes):,} written.{undo}"
