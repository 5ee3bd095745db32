"""backfill: plan, read and commit a first load in parts."""

import time
from collections.abc import Sequence
from typing import Any

import click

from omnium_elt.cli.commands.runs import check_places
from omnium_elt.cli.outcome import finish, show_report
from omnium_elt.cli.parser import DESTINATION, PUBLISH_TO, RESOURCES, SINCE, command
from omnium_elt.cli.progress import showing_progress
from omnium_elt.infra.configuration import read_settings
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Progress, RunReport, Step

WAIT_SECONDS = 1.0
"""Pause before looking again for a part whose reader has died, while all remaining parts are being read."""


@command(
    "backfill",
    "make a first load in parts, which several processes or machines read at once",
    [
        "omnium-elt backfill plan 12 --at-once 3",
        "omnium-elt backfill part",
        "omnium-elt backfill part 1",
        "omnium-elt backfill commit",
    ],
    click.argument("what", type=click.Choice(("plan", "part", "commit"))),
    click.argument("number", type=int, required=False),
    *RESOURCES,
    SINCE,
    click.option(
        "--at-once",
        type=int,
        metavar="N",
        help="With plan: how many parts are read at the same time; the limits are divided by it (default: all).",
    ),
    DESTINATION,
    PUBLISH_TO,
)
def backfill_command(
    home: Home, as_json: bool, what: str, number: int | None, at_once: int | None, **options: Any
) -> int:
    """Plan a backfill, read its parts, or commit it."""
    if (number is None and what == "plan") or (number is not None and what == "commit"):
        raise UsageError(
            "plan takes how many parts, part takes one number (or none: all that nobody reads), commit takes no number",
            "See omnium-elt backfill --help.",
        )
    settings = read_settings(home, options, needs_tenant=True)
    if what != "plan" and (settings.resources or settings.exclude or settings.since or at_once):
        raise UsageError(
            "--resources, --exclude, --since and --at-once belong to the plan",
            "Leave them out: parts read what it says.",
        )
    check_places(settings)
    with showing_progress() as progress:
        if what == "part":
            report, home = _read_parts(settings, number, progress)
        else:
            report = _performed(settings, progress, _steps(what, number or 0, at_once))
    return finish(report, home, show_report, as_json=as_json)


def _performed(settings: Settings, progress: Progress, steps: Sequence[Step]) -> RunReport:
    from omnium_elt.steps.run import perform

    return perform(settings, progress, "backfill", steps)


def _read_parts(settings: Settings, number: int | None, progress: Progress) -> tuple[RunReport, Home]:
    """Read part `number`, or, if None, all parts that no other process reads; return also the last part's home."""
    from omnium_elt.steps.backfill import part_settings, part_steps, read_parts, taken

    def read(chosen: Settings, steps: Sequence[Step]) -> RunReport:
        return _performed(chosen, progress, steps)

    if number is None:
        return read_parts(settings, read, lambda: time.sleep(WAIT_SECONDS))
    with taken(settings.home, number):
        chosen = part_settings(settings, number)
        return read(chosen, part_steps(settings.home, number, chosen)), chosen.home


def _steps(what: str, number: int, at_once: int | None) -> Sequence[Step]:
    from omnium_elt.steps.backfill import plan
    from omnium_elt.steps.backfill_commit import commit
    from omnium_elt.steps.run import lake_bucket_step, lake_step

    def plan_step(settings: Settings, progress: Progress, report: RunReport) -> None:
        plan(settings, progress, report, number, at_once)

    return (plan_step,) if what == "plan" else (commit, lake_step, lake_bucket_step)
