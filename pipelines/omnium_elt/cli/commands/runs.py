"""run, and its steps as commands of their own."""

from collections.abc import Sequence
from typing import Any

import click

from omnium_elt.cli.outcome import finish, show_report
from omnium_elt.cli.parser import (
    AS_OF,
    BUILD_ALL,
    DESTINATION,
    ENGINE,
    PUBLISH_TO,
    RESOURCES,
    TENANT,
    command,
)
from omnium_elt.cli.progress import showing_progress
from omnium_elt.infra.configuration import read_settings, require_home
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Step
from omnium_elt.warehouse.database import LOCAL


@command(
    "run",
    "load, transform, publish: what a scheduler calls",
    [
        "omnium-elt run",
        "omnium-elt run --resources suppliers,purchase_orders --json",
        "omnium-elt run --reconcile-every 7",
    ],
    *TENANT,
    DESTINATION,
    PUBLISH_TO,
    ENGINE,
    AS_OF,
    click.option(
        "--reconcile-every",
        "reconcile_every_days",
        type=click.IntRange(min=0),
        metavar="DAYS",
        help="Also look for deleted rows if that was last done at least DAYS days ago.",
    ),
)
def run_command(home: Home, as_json: bool, **settings: Any) -> int:
    """Load, transform, publish."""
    return _perform("run", home, settings, as_json=as_json, needs_tenant=True)


@command(
    "load",
    "read what is new in the tenant into the working database",
    [
        "omnium-elt load",
        "omnium-elt load --since 2026-01-01",
        "omnium-elt load --destination parquet --publish-to s3://bucket/omnium",
    ],
    *TENANT,
    DESTINATION,
    PUBLISH_TO,
)
def load_command(home: Home, as_json: bool, **settings: Any) -> int:
    """Read what is new in the tenant."""
    return _perform("load", home, settings, as_json=as_json, needs_tenant=True)


@command(
    "transform",
    "build the models from what is loaded",
    [
        "omnium-elt transform",
        "omnium-elt transform --as-of 2026-01-31",
        "omnium-elt transform --engine spark",
    ],
    DESTINATION,
    ENGINE,
    AS_OF,
    BUILD_ALL,
)
def transform_command(home: Home, as_json: bool, **settings: Any) -> int:
    """Build the models."""
    return _perform("transform", home, settings, as_json=as_json)


@command(
    "publish",
    "give readers the new version: warehouse.duckdb and exports/",
    ["omnium-elt publish", "omnium-elt publish --publish-to s3://bucket/omnium"],
    DESTINATION,
    PUBLISH_TO,
)
def publish_command(home: Home, as_json: bool, **settings: Any) -> int:
    """Give readers the new version."""
    return _perform("publish", home, settings, as_json=as_json)


@command(
    "reconcile",
    "find rows that no longer exist in the tenant and mark them deleted",
    ["omnium-elt reconcile", "omnium-elt reconcile --resources suppliers --force"],
    *RESOURCES,
    DESTINATION,
    PUBLISH_TO,
    click.option(
        "--force", is_flag=True, help="Mark them even if they are an unlikely large share of all rows."
    ),
)
def reconcile_command(home: Home, as_json: bool, force: bool, **settings: Any) -> int:
    """Find deleted rows and mark them."""
    from omnium_elt.steps.run import lake_bucket_step, lake_step, reconcile_step

    steps = [reconcile_step(force), lake_step, lake_bucket_step]
    return _perform("reconcile", home, settings, steps, as_json=as_json, needs_tenant=True)


def _perform(
    name: str,
    home: Home,
    options: dict[str, Any],
    steps: Sequence[Step] | None = None,
    *,
    as_json: bool,
    needs_tenant: bool = False,
) -> int:
    """Perform `steps` (None: those of the command `name`) and show the result; `options` are fields of Settings."""
    from omnium_elt.steps.run import COMMANDS, perform

    settings = read_settings(home, options, needs_tenant=needs_tenant)
    if needs_tenant:
        from omnium_source.resources import select

        select(settings.resources, settings.exclude)  # refuse a misspelt name before anything starts
    check_places(settings)
    if name not in ("run", "load") and settings.destination in LOCAL:
        require_home(home)
    with showing_progress() as progress:
        report = perform(settings, progress, name, steps or COMMANDS[name])
    return finish(report, home, show_report, as_json=as_json)


def check_places(settings: Settings) -> None:
    """Raise UsageError if the destination or the bucket cannot be used; called before anything starts."""
    if settings.destination not in LOCAL:
        from omnium_elt.warehouse.destination import named_destination

        named_destination(settings.destination)
    if settings.destination == "delta":
        from omnium_elt.steps.delta import check_place

        check_place(settings)
    if settings.publish_to:
        from omnium_elt.steps.bucket import Bucket

        Bucket.opened(settings.publish_to)
