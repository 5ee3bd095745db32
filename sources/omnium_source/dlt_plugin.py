"""The plugin that dlt loads wherever this package is installed (entry point `dlt` in pyproject.toml).

`dataset()[…].arrow()` of dlt 1.31 fails with DuckDB 2.0. The plugin fixes it also in a process that reads a pipeline's
rows with dlt alone. With an older DuckDB it imports nothing.
"""

from importlib.metadata import PackageNotFoundError, version

FIRST_WITHOUT = 2
"""The first major version of DuckDB without the method that dlt calls for an Arrow table."""


def is_needed() -> bool:
    """Whether the installed DuckDB lacks the method that dlt calls."""
    try:
        return int(version("duckdb").split(".")[0]) >= FIRST_WITHOUT
    except (PackageNotFoundError, ValueError):
        return False


if is_needed():
    from omnium_source.dlt_private import mend_arrow

    mend_arrow()
