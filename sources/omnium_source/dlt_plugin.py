"""The plugin that dlt loads wherever this package is installed (entry point `dlt` in pyproject.toml).

`dataset()[…].arrow()` of dlt 1.31 fails with DuckDB 2.0. The plugin fixes it also in a process that reads a pipeline's
rows with dlt alone.
"""

from omnium_source.dlt_private import mend_arrow

mend_arrow()
