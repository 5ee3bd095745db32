"""Checks whether all of a tenant has arrived."""

from typing import Any

from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import RunReport
from omnium_sandbox import Sandbox
from omnium_source.pii.masking import PersonalData
from omnium_source.pii.personal_key import key_for
from omnium_source.resources import RESOURCES

from tests.support.equality import differences


def unlike(settings: Settings, sandbox: Sandbox, resources: Any = RESOURCES) -> list[str]:
    """The differences between the working database and the tenant."""
    key = key_for(None, settings.home.personal_key)
    personal = PersonalData(settings.personal, key)
    return differences(settings.home.working_database, sandbox, personal, resources)


def one(report: RunReport, name: str) -> Any:
    return next(resource for resource in report.resources if resource.name == name)
