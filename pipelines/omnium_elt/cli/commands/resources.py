"""resources: which endpoint each is read from, and how it stays current."""

from dataclasses import asdict

from omnium_elt.cli.listing import listing
from omnium_elt.cli.parser import RESOURCES, command
from omnium_elt.cli.rendering import narrowed, print_json, stdout, table
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK

HEADINGS = {
    "name": "resource",
    "endpoint": "endpoint",
    "read_by": "read by",
    "current_by": "stays current by",
    "cost": "requests if unchanged",
    "key": "key",
    "cursor": "cursor",
    "role": "role",
    "fields": "fields",
}
"""Field of `ListedResource` → heading of its column."""
NARROW = ("read by", "requests if unchanged", "key", "cursor", "fields")
"""Columns for which most terminals have no room; a file, a pipe and `--json` have them all."""


@command(
    "resources",
    "list the resources: which endpoint each is read from, and how it stays current",
    ["omnium-elt resources", "omnium-elt resources --json"],
    *RESOURCES,
)
def resources_command(
    home: Home, as_json: bool, resources: tuple[str, ...] | None, exclude: tuple[str, ...], verbose: bool
) -> int:
    """List the resources."""
    from omnium_elt.infra.settings import choices
    from omnium_elt.inspect.status import kept_states

    rows = listing(resources, exclude, kept_states(home), choices())
    if as_json:
        print_json({"resources": [asdict(row) for row in rows]})
        return EXIT_OK
    shown = table(*HEADINGS.values())
    for row in rows:
        shown.add_row(*(getattr(row, name) for name in HEADINGS))
    console = stdout()
    console.print(narrowed(shown, console, *NARROW, below=200))
    return EXIT_OK
