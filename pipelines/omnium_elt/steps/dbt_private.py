"""What dbt does besides that the program can do without: a reach into what it does not promise to keep.

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
OF_THE_PROJECT = ("dbt.artifacts.", "dbt.contracts.graph.")
"""Modules of what dbt makes of files of the project, rather than of settings."""


@contextmanager
def project_taken_as_checked() -> Iterator[None]:
    """Let dbt parse the project's files without holding them against its schemas, for the length of a `with`."""
    if not _is_tried():
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


def _is_tried() -> bool:
    try:
        return version("dbt-common").startswith(TRIED_WITH)
    except PackageNotFoundError:
        return False
