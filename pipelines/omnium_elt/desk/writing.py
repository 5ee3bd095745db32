"""From the dashboard into Omnium: the same step as `omnium-elt write orders`, shown first and sent when asked."""

import dataclasses
from typing import Any

from omnium_elt.decide.lines import Selection
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import RunReport, Silent


def orders(home: Home, chosen: Selection, *, apply: bool) -> RunReport:
    """Show the orders that would be made; with `apply` make them. Raises UsageError without a configured tenant."""
    from omnium_elt.infra.configuration import read_settings
    from omnium_elt.steps.run import perform
    from omnium_elt.write.credentials import writer
    from omnium_elt.write.step import orders_step

    settings = read_settings(home, {}, needs_tenant=True)
    settings = dataclasses.replace(settings, **writer())
    return perform(settings, Silent(), "write", (orders_step(chosen, apply=apply),))


def changes_of(report: RunReport | None) -> list[dict[str, Any]]:
    """The differences that a report tells of."""
    return [change for step in report.steps for change in step.details.get("changes", ())] if report else []
