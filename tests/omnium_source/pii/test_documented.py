"""docs/personal-data.md: each line of its tables is loaded, and what it says is so."""

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import RESOURCES

PAGE = (Path(__file__).parents[3] / "docs" / "personal-data.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`([^`]+)`(?: `([^`]+)`)?")


def lines(heading: str) -> list[tuple[str, str]]:
    """The first two cells of a table's rows."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [(cell[0], cell[1].strip("`")) for cell in cells]


def order(place: str, value: str) -> dict[str, Any]:
    """An order that has the value there: `a.b[]` is a field of each object in a list, `key: x` a field beside it."""
    found = PLACE.match(place)
    assert found
    path, beside = found.groups()
    inner: Any = value
    if beside:
        fields = dict(pair.split(": ") for pair in beside.split(", ") if ": " in pair)
        named = [field for field in beside.split(", ") if ": " not in field]
        inner = {**fields, (named[0] if named else "value"): value}
    if "{" in path:
        path = path.partition(".{")[0]
        inner = {"name": value, "phone": "22334455"}
    names = [path] if path == "kunde.navn" else path.split(".")
    for name in reversed(names):
        inner = {name[:-2]: [inner]} if name.endswith("[]") else {name: inner}
    row: dict[str, Any] = {"id": "1", **inner}
    return row


def shown(row: dict[str, Any]) -> str:
    resource = RESOURCES["orders"]
    personal = PersonalData("hash", b"a key for tests only")
    shape = shape_of(resource, personal)
    batch = ResourceNormalizer(shape).normalize([Page(orjson.dumps({"result": [row]}))])
    return json.dumps([table.to_pylist() for table in batch.tables.values()], default=str, ensure_ascii=False)


def secret(value: str) -> str:
    """The personal part of a value that has words around it."""
    for part in (r"\S+@\S+", r"\+?\d[\d /-]{6,}\d[A-Z]?", r"(?<=: \")\w+"):
        if (found := re.search(part, value)) and ("{" in value or "@" in value or " " in value):
            return found.group()
    return value


@pytest.mark.parametrize(("place", "value"), lines("Covered"))
def test_what_is_covered_is_found_nowhere(place: str, value: str) -> None:
    assert secret(value) not in shown(order(place, value))


@pytest.mark.parametrize(("place", "value"), lines("Not covered"))
def test_what_is_not_covered_stays(place: str, value: str) -> None:
    assert value in shown(order(place, value))


def test_the_tables_are_there() -> None:
    assert len(lines("Covered")) > 25
    assert len(lines("Not covered")) > 8
