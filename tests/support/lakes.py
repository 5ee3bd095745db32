"""Raw tables of a home, for tests of where they are written to: lakes and buckets."""

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import duckdb
import pytest
from omnium_elt.infra.home import Home


def execute(home: Home, *statements: str) -> None:
    """Run statements in the working database."""
    with duckdb.connect(str(home.working_database)) as connection:
        for statement in statements:
            connection.execute(statement)


@contextlib.contextmanager
def killed_half_way(step: ModuleType) -> Iterator[None]:
    """Interrupt the step that runs in this `with`, when it has written one table and begins the next."""
    write, written = step.write_table, list[int]()

    def killed_after_one(*arguments: Any) -> Any:
        if written:
            raise KeyboardInterrupt
        written.append(1)
        return write(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "write_table", killed_after_one)
        with pytest.raises(KeyboardInterrupt):
            yield
