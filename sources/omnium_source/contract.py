"""The response schemas from the vendor's API description (`contract.json`)."""

import json
from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=1)
def contract() -> dict[str, dict[str, str]]:
    """The response schemas: schema → field → type. `[X]` is a list of X; the type of an object names its schema."""
    text = resources.files("omnium_source").joinpath("contract.json").read_text(encoding="utf-8")
    schemas: dict[str, dict[str, str]] = json.loads(text)
    return schemas
