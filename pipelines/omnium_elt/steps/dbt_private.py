"""Reaches into dbt's private parts: checks and messages that the program does without, and another order of models.

dbt builds a graph in layers: all that rests on nothing, then all that rests on those alone. The long chain that a build
takes as long as (order lines, demand, estimates, levels, quantities, the proposal) so begins after a hundred views, and
ends while nothing is left for the other core. Here what the longest chain waits for comes first, the rest beside it.

dbt holds every model, test and column description that it parses against a JSON schema, and makes these schemas first:
a fifth of the time of parsing this project (1.4 of 6.6 s of CPU, all in one thread while nothing else runs). The
project is the program's own and is checked whenever dbt is called on it by itself, as the tests do; settings and
credentials are checked here as well.

Of each of seven thousand events dbt makes a message, and of each message a line without secrets, though its log file
takes none below `info`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any

TRIED_WITH = "1.39."
"""The versions of dbt-common with which this was tried; with any other, dbt makes all checks and all messages."""
ORDER_TRIED_WITH = "1.11."
"""The versions of dbt-core with which this was tried; any other builds in its own order."""
COUNTED = "NodeFinished"
"""The one event below `info` that the program itself reads (transform.py)."""
OF_THE_PROJECT = ("dbt.artifacts.", "dbt.contracts.graph.")
"""Modules of what dbt makes of files of the project, rather than of settings."""


@contextmanager
def as_quick_as_it_can() -> Iterator[None]:
    """Let dbt build with all that is below, for the length of a `with`."""
    with (
        project_taken_as_checked(),
        longest_chain_first(),
        events_nobody_reads_left_out(),
    ):
        yield


def project_taken_as_checked() -> AbstractContextManager[None]:
    """Let dbt parse the project's files without holding them against its schemas, for the length of a `with`."""
    if not _is_version("dbt-common", TRIED_WITH):
        return nullcontext()
    from dbt_common.dataclass_schema import dbtClassMixin

    kept = dbtClassMixin.__dict__["validate"]

    def validate(cls: Any, data: Any) -> None:
        if not cls.__module__.startswith(OF_THE_PROJECT):
            kept.__get__(None, cls)(data)

    return _instead(dbtClassMixin, "validate", classmethod(validate))


def longest_chain_first() -> AbstractContextManager[None]:
    """Let dbt, of what it could build next, take what the longest chain waits for; for the length of a `with`."""
    if not _is_version("dbt-core", ORDER_TRIED_WITH):
        return nullcontext()
    from dbt.graph.queue import GraphQueue

    return _instead(GraphQueue, "_get_scores", lambda _, graph: chain_scores(graph))


def events_nobody_reads_left_out() -> AbstractContextManager[None]:
    """Let dbt make no message of an event that neither a log nor the program takes, for the length of a `with`."""
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
    """Let a class of dbt's have `made` under a name of its own, for the length of a `with`."""
    kept = owner.__dict__[name]
    setattr(owner, name, made)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def chain_scores(graph: Any) -> dict[str, int]:
    """Per node of a networkx.DiGraph minus the length of the longest chain from it on: the lowest comes first."""
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
