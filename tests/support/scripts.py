"""Loads scripts outside the packages as modules."""

import importlib.util
from pathlib import Path
from typing import Any


def loaded(path: Path) -> Any:
    """The module in a file."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
