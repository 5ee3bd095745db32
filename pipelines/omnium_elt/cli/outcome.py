"""The end of a run on the terminal: the summary or the JSON object, the error, and the path of the log."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from omnium_elt.cli.rendering import (
    coloured,
    duration,
    escaped,
    number,
    print_json,
    say,
    say_error,
    stderr,
    stdout,
    table,
)
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_INCOMPLETE, EXIT_OK, EXIT_USAGE, RunReport
from omnium_elt.infra.text import amount, counted

if TYPE_CHECKING:
    from rich.console import Console


def finish(
    report: RunReport, home: Home, show: Callable[["Console", RunReport], None], *, as_json: bool
) -> int:
    """Show the result of a run; return its exit status."""
    if as_json:
        print_json(report.as_dict())
    else:
        show(stdout(), report)
    if report.error:
        say_error(report.error)
    if report.exit_status not in (EXIT_OK, EXIT_USAGE, EXIT_INCOMPLETE):
        log_file = home.logs / f"{report.run_id}-{report.command}.jsonl"
        if log_file.exists():
            with contextlib.suppress(OSError):
                say(stderr(), f"[dim]log: {escaped(str(log_file))}[/dim]")
    return report.exit_status


def show_report(console: "Console", report: RunReport) -> None:
    """Print the summary of a run: what changed, how long it took, what it cost, and what needs attention."""
    notable = [resource for resource in report.resources if resource.status not in ("unchanged", "skipped")]
    if notable:
        shown = table("resource", "status", "rows>", "requests>", "retries>", "seconds>", "note")
        for resource in notable:
            shown.add_row(
                resource.name,
                coloured(resource.status),
                number(resource.rows),
                number(resource.requests),
                number(resource.retries),
                f"{resource.seconds:.1f}",
                escaped((resource.error or "").partition("\n")[0]),
            )
        console.print(shown)
    unchanged = [resource.name for resource in report.resources if resource.status == "unchanged"]
    if unchanged:
        console.print(f"unchanged: {', '.join(unchanged)}")
    for step in report.steps:
        facts = ", ".join(
            f"{key.replace('_', ' ')} {value:,}"
            if isinstance(value, int)
            else f"{key.replace('_', ' ')} {escaped(str(value))}"
            for key, value in step.details.items()
            if not isinstance(value, list | dict) and value is not None
        )
        console.print(
            f"{step.name}: {coloured(step.status)}{f' in {step.seconds:.1f} s' if step.seconds else ''}"
            f"{f' ({facts})' if facts else ''}"
        )
        if step.details.get("purchasing"):
            say(console, escaped(purchasing_line(step.details["purchasing"])))
    for note in dict.fromkeys(report.notes):
        say(console, f"[yellow]look at:[/yellow] {escaped(note)}")
    console.print(
        f"[bold]{report.command} {coloured(report.status or 'failed')}[/bold]: {counted(report.rows, 'row')}, "
        f"{counted(report.requests, 'request')}, {duration(report.seconds or 0.0)}"
    )


def purchasing_line(summary: dict[str, Any]) -> str:
    """Summarise in one line what is to be ordered."""
    to_order = "; ".join(
        f"{counted(one['lines'], 'line')}, {amount(one['value'], one['currency'])} "
        f"({one['money_at_risk']:,.2f} at risk)"
        for one in summary["to_order"]
    )
    urgency = summary["urgency"]
    return (
        f"to order: {to_order or 'nothing'}; {urgency['out']:,} out of stock, {urgency['runs_out']:,} run out even if "
        f"ordered today, {summary['overdue']:,} open lines overdue"
    )
