"""What dlt loads by itself wherever this package is installed (entry point `dlt`, see pyproject.toml).

Another process reads a pipeline's rows with dlt alone, and `dataset()[…].arrow()` of dlt 1.31 fails there with DuckDB
2.0. With an older DuckDB there is nothing to mend, and nothing is imported.
"""

from importlib.metadata import PackageNotFoundError, version

FIRST_WITHOUT = 2
"""DuckDB's first version without the name by which dlt asks for an Arrow table."""


def is_needed() -> bool:
    """Whether the DuckDB that is installed lacks what dlt asks for."""
    try:
        return int(version("duckdb").split(".")[0]) >= FIRST_WITHOUT
    except (PackageNotFoundError, ValueError):
        return False


if is_needed():
    from omnium_source.dlt_private import mend_arrow

    mend_arrow()
