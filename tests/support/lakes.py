"""Raw tables of a home, for tests of what becomes of them outside: lakes, buckets."""

from collections.abc import Callable
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


def killed_after_one_table(publish: Callable[[], Any], step: ModuleType) -> None:
    """Publish, and be killed when one table is written: `step._write` writes one."""
    write, written = step._write, []

    def killed(*arguments: Any) -> Any:
        if written:
            raise KeyboardInterrupt
        written.append(1)
        return write(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            publish()
