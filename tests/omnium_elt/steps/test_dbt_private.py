"""What dbt is spared: checks of its own project, messages and files that nobody reads; and in which order it builds."""

from pathlib import Path

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


def events_said(log_level: str, folder: Path) -> tuple[list[str], list[str]]:
    """Which of three events dbt tells its callbacks, and which of them stand in a log file of that level."""
    from dbt.events.types import NodeFinished
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import LineFormat, LoggerConfig
    from dbt_common.events.types import Note

    log = folder / f"{log_level}.log"
    said: list[str] = []
    manager = EventManager()
    manager.add_callback(lambda message: said.append(message.info.msg))
    manager.add_logger(
        LoggerConfig(
            name=log_level,
            line_format=LineFormat.PlainText,
            level=EventLevel(log_level),
            output_file_name=str(log),
        )
    )
    manager.fire_event(Note(msg="looked at"), level=EventLevel.DEBUG)
    manager.fire_event(Note(msg="made"), level=EventLevel.INFO)
    manager.fire_event(NodeFinished(node_info={"unique_id": "done"}))
    manager.flush()
    return said, [line.split("  ", 1)[1] for line in log.read_text().splitlines()]


def test_an_event_that_no_log_takes_is_not_told(tmp_path: Path) -> None:
    finished = "Finished running node done"
    assert events_said("info", tmp_path) == (["looked at", "made", finished], ["made"])
    with dbt_private.events_nobody_reads_left_out():
        assert events_said("info", tmp_path) == (["made", finished], ["made", "made"])
        assert events_said("debug", tmp_path) == (
            ["looked at", "made", finished],
            ["looked at", "made", finished],
        )


def test_with_another_dbt_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_private, "TRIED_WITH", "0.0.")
    monkeypatch.setattr(dbt_private, "ORDER_TRIED_WITH", "0.0.")
    with dbt_private.as_quick_as_it_can():
        assert events_said("info", tmp_path)[0] == ["looked at", "made", "Finished running node done"]
