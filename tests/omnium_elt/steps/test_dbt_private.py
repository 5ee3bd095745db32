"""What dbt is spared: checks of the project's own files, and nothing else."""

import pytest
from omnium_elt.steps import dbt_private


def test_project_files_are_not_checked_again_and_settings_are() -> None:
    from dbt.artifacts.resources import NodeConfig
    from dbt.contracts.project import Project
    from dbt_common.dataclass_schema import ValidationError

    wrong = {"enabled": "neither yes nor no"}
    with dbt_private.project_taken_as_checked():
        NodeConfig.validate(wrong)
        with pytest.raises(ValidationError):
            Project.validate({"name": 3})
    with pytest.raises(ValidationError):
        NodeConfig.validate(wrong)


def test_another_dbt_checks_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.artifacts.resources import NodeConfig
    from dbt_common.dataclass_schema import ValidationError

    monkeypatch.setattr(dbt_private, "TRIED_WITH", "0.0.")
    with dbt_private.project_taken_as_checked(), pytest.raises(ValidationError):
        NodeConfig.validate({"enabled": "neither yes nor no"})


def test_checks_are_back_after_a_failure() -> None:
    from dbt_common.dataclass_schema import dbtClassMixin

    before = dbtClassMixin.__dict__["validate"]
    with pytest.raises(ZeroDivisionError), dbt_private.project_taken_as_checked():
        raise ZeroDivisionError
    assert dbtClassMixin.__dict__["validate"] is before
