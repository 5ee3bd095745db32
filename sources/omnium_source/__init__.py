"""Omnium as a dlt source.

    import dlt
    from omnium_source import omnium_source

    pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
    pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders"))

What needs dlt stands in `source.py`, and is imported when it is first asked for: dlt takes longer to import than all
else, and a worker (`normalize/worker_pool.py`) does not need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from omnium_source.resources import RESOURCES, select

if TYPE_CHECKING:
    from omnium_source.source import MARK, dlt_resource, feed, keep_mark, mark_personal, omnium_source
    from omnium_source.sync import Sync, known_columns, shape

_MODULES = {
    "MARK": "source",
    "dlt_resource": "source",
    "feed": "source",
    "keep_mark": "source",
    "mark_personal": "source",
    "omnium_source": "source",
    "Sync": "sync",
    "known_columns": "sync",
    "shape": "sync",
}

__all__ = [
    "MARK",
    "RESOURCES",
    "Sync",
    "dlt_resource",
    "feed",
    "keep_mark",
    "known_columns",
    "mark_personal",
    "omnium_source",
    "select",
    "shape",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
