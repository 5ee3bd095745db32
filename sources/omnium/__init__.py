"""Omnium as a dlt source.

    import dlt
    from sources.omnium import omnium_source

    pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
    pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders"))

What this module offers stands in `source.py`. It is imported when it is first asked for, because it imports dlt:
that takes longer than all else, and a worker (`workshop.py`) does not need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sources.omnium.source import (
        MARK,
        RESOURCES,
        dlt_resource,
        feed,
        known_types,
        mark_personal,
        omnium_source,
        select,
        shape,
    )

__all__ = [
    "MARK",
    "RESOURCES",
    "dlt_resource",
    "feed",
    "known_types",
    "mark_personal",
    "omnium_source",
    "select",
    "shape",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.source"), name)
