"""status: the state of each resource, and the last runs."""

from typing import TYPE_CHECKING

from omnium_elt.cli.parser import RESOURCES, command
from omnium_elt.cli.rendering import (
    coloured,
    duration,
    escaped,
    moment,
    narrowed,
    number,
    print_json,
    say,
    stdout,
    table,
)
from omnium_elt.infra import history
from omnium_elt.infra.configuration import require_home
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from omnium_elt.inspect.status import Status


@command(
    "status",
    "show where each resource stands, and the last runs",
    ["omnium-elt status", "omnium-elt status --json"],
    *RESOURCES,
)
def status_command(
    home: Home, as_json: bool, resources: tuple[str, ...] | None, exclude: tuple[str, ...], verbose: bool
) -> int:
    """Show the state of a home."""
    from omnium_elt.inspect.status import status

    require_home(home)
    found = status(home, resources, exclude)
    if as_json:
        print_json(found.as_dict())
        return EXIT_OK
    console = stdout()
    say(console, f"[bold]{escaped(found.home)}[/bold]")
    if found.running:
        console.print(f"running now: {escaped(found.running)}")
    if not found.resources and not found.runs:
        console.print("Nothing was loaded here yet: omnium-elt run, or omnium-elt demo.")
        return EXIT_OK
    published = f"{moment(found.published_at)} UTC" if found.published_at else "never"
    console.print(f"published {published}, as of {found.as_of or '–'}")
    console.print(_resources(found, console))
    if found.source:
        while_running = ", as a run is at work" if found.running else ""
        console.print(f"rows and cursors: {found.source}{while_running}")
    if ahead := [one for one in found.resources if history.is_ahead(one.lag_seconds)]:
        latest = moment(max(one.last_success or "" for one in ahead))
        console.print(
            f"{', '.join(one.name for one in ahead)}: the last success, {latest} UTC, lies ahead of now: the clock was "
            "wrong then, or is now, and how old these rows are is not known."
        )
    for resource in found.resources:
        if resource.left_out_before:
            console.print(
                f"{resource.name}: rows before {resource.left_out_before[:10]} were left out by --since; "
                f"omnium-elt load --full-refresh --resources {resource.name} reads them."
            )
        if resource.recommended_lag_seconds:
            console.print(
                f"{resource.name}: rows came late; a settling lag of {resource.recommended_lag_seconds} s "
                "would have caught them at once (SOURCES__OMNIUM__SETTLING_LAG_SECONDS)."
            )
    console.print(_runs(found, console))
    return EXIT_OK


def _resources(found: "Status", console: "Console") -> "Table":
    shown = table("resource", "status", "cursor (UTC)", "rows>", "last success (UTC)", "lag>", "last error")
    for resource in found.resources:
        shown.add_row(
            resource.name,
            coloured(resource.last_status or "–"),
            moment(resource.cursor),
            number(resource.rows),
            moment(resource.last_success),
            lag(resource.lag_seconds),
            escaped(resource.last_error or ""),
        )
    return narrowed(shown, console, "cursor (UTC)", "last success (UTC)")


def lag(seconds: float | None) -> str:
    """How long ago something was, unless a clock was wrong."""
    if history.is_ahead(seconds):
        return "ahead"
    return duration(None if seconds is None else max(0.0, seconds))


def _runs(found: "Status", console: "Console") -> "Table":
    shown = table("run", "command", "status", "took>", "rows>", "requests>", "error")
    for run in found.runs:
        shown.add_row(
            run["run_id"],
            run["command"],
            coloured(run["status"]),
            duration(run["seconds"]),
            number(run["rows"]),
            number(run["requests"]),
            escaped((run["error"] or "").partition("\n")[0]),
        )
    return narrowed(shown, console, "command", "requests")
