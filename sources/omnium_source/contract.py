"""The response schemas, as the vendor describes them (`contract.json`)."""

import json
from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=1)
def contract() -> dict[str, dict[str, str]]:
    """The response schemas: schema → field → its kind, the schema of the object, or `[schema]` of a list."""
    text = resources.files("omnium_source").joinpath("contract.json").read_text(encoding="utf-8")
    schemas: dict[str, dict[str, str]] = json.loads(text)
    return schemas
