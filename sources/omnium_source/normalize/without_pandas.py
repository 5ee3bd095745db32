"""Keeps Arrow from importing pandas, which it does only to ask whether a list is a data frame.

The import takes half a second and 40 MiB in each process that makes tables.
"""

import contextlib
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not needed here", name=fullname)


@contextlib.contextmanager
def without_pandas() -> Iterator[None]:
    """Within the block pandas cannot be imported; if it has been already, nothing changes."""
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
