"""Omnium as a dlt source.

    import dlt
    from omnium_source import omnium_source

    pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
    pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders"))

`omnium_source` is defined in `source.py` and imported on first use: importing dlt takes longer than everything else,
and the worker processes (`normalize/worker_pool.py`) do not need it.
"""

from typing import TYPE_CHECKING, Any

from omnium_source.resources import RESOURCES

__all__ = ["RESOURCES", "omnium_source"]

if TYPE_CHECKING:
    from omnium_source.source import omnium_source
else:

    def __getattr__(name: str) -> Any:
        if name != "omnium_source":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from omnium_source.source import omnium_source

        return omnium_source
