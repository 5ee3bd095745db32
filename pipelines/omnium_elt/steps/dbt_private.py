"""Changes to private parts of dbt that make a build faster: another order of models, fewer checks, fewer messages.

dbt builds a graph in layers: first all nodes without parents, then all that depend only on those. The longest chain
(order lines, demand, estimates, levels, quantities, the proposal), which decides how long a build takes, so starts
after a hundred views, and ends while the other core is idle. `longest_chain_first` starts its models first.

dbt validates every model, test and column description that it parses against a JSON schema, and builds these schemas
first: a fifth of the time of parsing this project (1.4 of 6.6 s of CPU, in one thread while nothing else runs).
`project_taken_as_checked` omits this for the project, which plain dbt validates in the tests. Settings and credentials
are still validated.

dbt formats a message for each of seven thousand events, and masks secrets in it, although its log file takes none below
`info`. `events_nobody_reads_left_out` omits these messages.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any

TRIED_WITH = "1.39."
"""Versions of dbt-common with which this was tried; with any other, dbt makes all checks and all messages."""
ORDER_TRIED_WITH = "1.11."
"""Versions of dbt-core with which this was tried; any other builds in its own order."""
COUNTED = "NodeFinished"
"""The only event below `info` that the program reads (`steps/dbt_commands.py`)."""
OF_THE_PROJECT = ("dbt.artifacts.", "dbt.contracts.graph.")
"""Modules of the classes that dbt makes from the project's files, as opposed to settings."""


@contextmanager
def as_quick_as_it_can() -> Iterator[None]:
    """Apply all changes of this module to dbt within the `with` block."""
    with (
        project_taken_as_checked(),
        longest_chain_first(),
        events_nobody_reads_left_out(),
    ):
        yield


def project_taken_as_checked() -> AbstractContextManager[None]:
    """Let dbt parse the project's files without validating them against its schemas, within the `with` block."""
    if not _is_version("dbt-common", TRIED_WITH):
        return nullcontext()
    from dbt_common.dataclass_schema import dbtClassMixin

    kept = dbtClassMixin.__dict__["validate"]

    def validate(cls: Any, data: Any) -> None:
        if not cls.__module__.startswith(OF_THE_PROJECT):
            kept.__get__(None, cls)(data)

    return _instead(dbtClassMixin, "validate", classmethod(validate))


def longest_chain_first() -> AbstractContextManager[None]:
    """Within the `with` block, let dbt build next the node with the longest chain of nodes that depend on it."""
    if not _is_version("dbt-core", ORDER_TRIED_WITH):
        return nullcontext()
    from dbt.graph.queue import GraphQueue

    return _instead(GraphQueue, "_get_scores", lambda _, graph: chain_scores(graph))


def events_nobody_reads_left_out() -> AbstractContextManager[None]:
    """Let dbt format no message of events that neither a log nor the program reads, within the `with` block."""
    if not _is_version("dbt-common", TRIED_WITH):
        return nullcontext()
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager

    low, kept = (EventLevel.DEBUG, EventLevel.TEST), EventManager.fire_event

    def fire_event(
        self: Any, e: Any, level: Any = None, node: Any = None, force_warn_or_error_handling: bool = False
    ) -> None:
        if (
            force_warn_or_error_handling
            or (level or e.level_tag()) not in low
            or type(e).__name__ == COUNTED
            or any(logger.level in low for logger in self.loggers)
        ):
            kept(self, e, level, node, force_warn_or_error_handling)

    return _instead(EventManager, "fire_event", fire_event)


@contextmanager
def _instead(owner: type, name: str, made: Any) -> Iterator[None]:
    """Replace the attribute `name` of the class `owner` by `made` within the `with` block."""
    kept = owner.__dict__[name]
    setattr(owner, name, made)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def chain_scores(graph: Any) -> dict[str, int]:
    """Node of a networkx.DiGraph → minus the length of the longest chain that starts with it; dbt takes the lowest."""
    from networkx import topological_sort  # type: ignore[import-untyped]

    scores: dict[str, int] = {}
    for node in reversed(list(topological_sort(graph))):
        scores[node] = min((scores[next_node] for next_node in graph.successors(node)), default=0) - 1
    return scores


def _is_version(package: str, beginning: str) -> bool:
    try:
        return version(package).startswith(beginning)
    except PackageNotFoundError:
        return False
