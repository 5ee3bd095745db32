"""The versions that pyproject.toml allows are those that `.ci/run` has run with."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["dlt", "duckdb", "dbt-core", "dbt-duckdb"])
def test_lower_ends_are_the_pinned_versions(package: str) -> None:
    """`.ci/newest` runs the upper ends."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = [re.fullmatch(rf"{package}(\[\w+\])?>=([\d.]+),<.*", one) for one in project["dependencies"]]
    pinned = re.findall(
        rf"^{package}==(.*)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [found[2] for found in allowed if found] == pinned
