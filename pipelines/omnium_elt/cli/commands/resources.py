"""resources: which endpoint each is read from, and how."""

from dataclasses import asdict

from omnium_elt.cli.listing import listing
from omnium_elt.cli.parser import RESOURCES, command
from omnium_elt.cli.rendering import print_json, stdout, table
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK


@command(
    "resources",
    "list the resources: which endpoint each is read from, and how",
    ["omnium-elt resources", "omnium-elt resources --json"],
    *RESOURCES,
)
def resources_command(
    home: Home, as_json: bool, resources: tuple[str, ...] | None, exclude: tuple[str, ...], verbose: bool
) -> int:
    """List them."""
    from omnium_elt.infra.settings import choices
    from omnium_elt.inspect.status import kept_states

    rows = listing(resources, exclude, kept_states(home), choices())
    if as_json:
        print_json({"resources": [asdict(row) for row in rows]})
        return EXIT_OK
    shown = table(
        "resource",
        "endpoint",
        "read by",
        "stays current by",
        "requests if unchanged",
        "key",
        "cursor",
        "role",
        "fields",
    )
    for row in rows:
        shown.add_row(
            row.name,
            row.endpoint,
            row.read_by,
            row.current_by,
            row.cost,
            row.key,
            row.cursor,
            row.role,
            row.fields,
        )
    stdout().print(shown)
    return EXIT_OK
