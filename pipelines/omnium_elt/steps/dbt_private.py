"""What of dbt the program does without, or does in another order: a reach into what it does not promise to keep.

dbt builds a graph in layers: all that rests on nothing, then all that rests on those alone. The long chain that a build
takes as long as (order lines, demand, estimates, levels, quantities, the proposal) so begins after a hundred views, and
ends while nothing is left for the other core. Here what the longest chain waits for comes first, the rest beside it.

dbt holds every model, test and column description that it parses against a JSON schema, and makes these schemas first:
a fifth of the time of parsing this project (1.4 of 6.6 s of CPU, all in one thread while nothing else runs). The
project is the program's own and is checked whenever dbt is called on it by itself, as the tests do; settings and
credentials are checked here as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

TRIED_WITH = "1.39."
"""The versions of dbt-common with which this was tried; with any other dbt checks all of it."""
ORDER_TRIED_WITH = "1.11."
"""The versions of dbt-core whose queue was tried with another order; any other builds in dbt's own."""
OF_THE_PROJECT = ("dbt.artifacts.", "dbt.contracts.graph.")
"""Modules of what dbt makes of files of the project, rather than of settings."""


@contextmanager
def project_taken_as_checked() -> Iterator[None]:
    """Let dbt parse the project's files without holding them against its schemas, for the length of a `with`."""
    if not _is_version("dbt-common", TRIED_WITH):
        yield
        return
    from dbt_common.dataclass_schema import dbtClassMixin

    checked: Any = dbtClassMixin

    kept = checked.__dict__["validate"]

    def validate(cls: Any, data: Any) -> None:
        if not cls.__module__.startswith(OF_THE_PROJECT):
            kept.__get__(None, cls)(data)

    checked.validate = classmethod(validate)
    try:
        yield
    finally:
        checked.validate = kept


@contextmanager
def longest_chain_first() -> Iterator[None]:
    """Let dbt, of what it could build next, take what the longest chain waits for; for the length of a `with`."""
    if not _is_version("dbt-core", ORDER_TRIED_WITH):
        yield
        return
    from dbt.graph.queue import GraphQueue

    queue: Any = GraphQueue

    kept = queue._get_scores
    queue._get_scores = lambda _, graph: chain_scores(graph)
    try:
        yield
    finally:
        queue._get_scores = kept


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
