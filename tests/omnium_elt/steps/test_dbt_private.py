"""What dbt is spared: checks of the project's own files, and nothing else; and in which order it builds."""

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


def order_of_building() -> list[str]:
    """What dbt takes from its queue, one after the other: a chain b → c → d → e; f, which needs b; and a."""
    from types import SimpleNamespace
    from typing import Any

    import networkx
    from dbt.graph.queue import GraphQueue

    graph = networkx.DiGraph([("b", "c"), ("c", "d"), ("d", "e"), ("b", "f")])
    graph.add_node("a")
    nodes = {name: SimpleNamespace(unique_id=name) for name in graph}
    manifest: Any = SimpleNamespace(expect=nodes.__getitem__)
    queue, taken = GraphQueue(graph, manifest, set(nodes)), []
    while not queue.empty():
        node = queue.get(block=False)
        taken.append(node.unique_id)
        queue.mark_done(node.unique_id)
    return taken


def test_what_the_longest_chain_waits_for_is_built_first() -> None:
    assert order_of_building() == ["a", "b", "c", "f", "d", "e"]  # dbt's own: layer by layer
    with dbt_private.longest_chain_first():
        assert order_of_building() == ["b", "c", "d", "a", "e", "f"]
    assert order_of_building() == ["a", "b", "c", "f", "d", "e"]


def test_another_dbt_builds_in_its_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_private, "ORDER_TRIED_WITH", "0.0.")
    with dbt_private.longest_chain_first():
        assert order_of_building() == ["a", "b", "c", "f", "d", "e"]
