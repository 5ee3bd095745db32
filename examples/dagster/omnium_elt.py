"""Dagster: an asset for each resource and one for the marts; a single load reads all selected resources.

    dagster dev -f omnium_elt.py

omnium-elt is called as a command (OMNIUM_ELT, by default the one on the PATH), so that it can be installed in a virtual
environment of its own. If some resources cannot be read, the step fails, and the others are materialised all the same.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import dagster as dg

PROGRAM = os.environ.get("OMNIUM_ELT", "omnium-elt")
INCOMPLETE = 3


def omnium_elt(*arguments: str) -> dict[str, Any]:
    """Run a command and return its JSON; raise Failure unless it did at least part of its work."""
    try:
        done = subprocess.run([PROGRAM, *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise dg.Failure(f"{PROGRAM}: {error.strerror}; set OMNIUM_ELT to the program") from error
    if not done.stdout:  # killed, e.g. by the kernel for lack of memory
        raise dg.Failure(f"{PROGRAM} {arguments[0]} ended with {done.returncode}, and without a report")
    told: dict[str, Any] = json.loads(done.stdout)
    if done.returncode not in (0, INCOMPLETE):
        raise dg.Failure(told["error"])
    return told


RESOURCES = omnium_elt("resources")["resources"]


@dg.multi_asset(
    specs=[
        dg.AssetSpec(one["name"], group_name="omnium", description=one["endpoint"], skippable=True)
        for one in RESOURCES
    ],
    can_subset=True,
)
def omnium(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Read what is new in the selected resources."""
    wanted = {key.to_user_string() for key in context.selected_asset_keys}
    failed = []
    for one in omnium_elt("load", "--resources", ",".join(sorted(wanted)))["resources"]:
        if one["status"] not in ("ok", "unchanged"):
            failed.append(f"{one['name']}: {one['error']}")
            continue
        figures = ("rows", "requests", "total_hits", "complete", "window_to")
        yield dg.MaterializeResult(asset_key=one["name"], metadata={name: one[name] for name in figures})
    if failed:
        raise dg.Failure("\n".join(failed))


@dg.asset(deps=[one["name"] for one in RESOURCES], group_name="omnium")
def marts() -> dg.MaterializeResult:
    """Build the models and publish them."""
    built, published = omnium_elt("transform")["steps"][0], omnium_elt("publish")["steps"][0]
    return dg.MaterializeResult(metadata={**built["details"], **published["details"]})


hourly = dg.ScheduleDefinition(
    name="omnium_hourly", cron_schedule="7 * * * *", target=dg.AssetSelection.groups("omnium")
)

definitions = dg.Definitions(assets=[omnium, marts], schedules=[hourly])
