"""backfill: a first load in parts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from omnium_elt.cli.commands.runs import check_places
from omnium_elt.cli.outcome import finish, show_report
from omnium_elt.cli.parser import DESTINATION, PUBLISH_TO, RESOURCES, SINCE, command
from omnium_elt.cli.progress import showing_progress
from omnium_elt.infra.configuration import read_settings
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Progress, RunReport

if TYPE_CHECKING:
    from omnium_elt.steps.run import Step


@command(
    "backfill",
    "a first load in parts, which several processes or machines read at once",
    ["omnium-elt backfill plan 3", "omnium-elt backfill part 1", "omnium-elt backfill commit"],
    click.argument("what", type=click.Choice(("plan", "part", "commit"))),
    click.argument("number", type=int, required=False),
    *RESOURCES,
    SINCE,
    DESTINATION,
    PUBLISH_TO,
)
def backfill_command(home: Home, as_json: bool, what: str, number: int | None, **options: Any) -> int:
    """Plan it, read a part of it, or commit it."""
    from omnium_elt.steps.run import perform

    if (number is None) != (what == "commit"):
        raise UsageError(
            "plan takes how many parts, part takes which one, commit takes no number",
            "See omnium-elt backfill --help.",
        )
    settings = read_settings(home, options, needs_tenant=True)
    if what != "plan" and (settings.resources or settings.exclude or settings.since):
        raise UsageError(
            "--resources, --exclude and --since belong to the plan",
            "Leave them out: parts read what it says.",
        )
    check_places(settings)
    with showing_progress() as progress:
        if what == "part":
            from omnium_elt.steps.backfill import part_settings

            settings = part_settings(settings, number or 0)
        report = perform(settings, progress, "backfill", _steps(what, number or 0, settings))
    return finish(report, settings.home, show_report, as_json=as_json)


def _steps(what: str, number: int, settings: Settings) -> "Sequence[Step]":
    from omnium_elt.steps.run import lake_bucket_step, lake_step, load_step

    def plan_step(settings: Settings, progress: Progress, report: RunReport) -> None:
        from omnium_elt.steps.backfill import plan

        plan(settings, progress, report, number)

    def commit_step(settings: Settings, progress: Progress, report: RunReport) -> None:
        from omnium_elt.steps.backfill_commit import commit

        commit(settings, progress, report)

    steps: dict[str, Sequence[Step]] = {
        "plan": (plan_step,),
        # Where nothing is left to read, an empty selection would mean all resources.
        "part": (load_step,) if settings.resources else (),
        "commit": (commit_step, lake_step, lake_bucket_step),
    }
    return steps[what]
