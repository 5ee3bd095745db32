"""Writes tables.md from the models' YAML: python docs/make_tables.py. A test says when it is out of date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MODELS = HERE.parent / "transforms" / "models"
AREAS = {
    "replenishment": "Replenishment",
    "accuracy": "How good the proposals were",
    "purchasing": "Purchasing and lead times",
    "demand": "Demand and stock",
    "core": "Dimensions and data quality",
}
OPENING = """\
# The tables

Made from the models' YAML by `python docs/make_tables.py`: change it there.

Schema `marts` is for people and BI tools; `exports/` contains all of it as well. Schema `staging` is the raw data
with consistent names and types, without deleted rows. Schema `omnium` is the data that the tenant returned, in dlt's
conventions: a table per resource, and lists of objects as child tables
(`purchase_orders__purchase_order_form__line_items`) that join on `_dlt_parent_id` = the parent's `_dlt_id`.
`_omnium_deleted_at` is set on rows that no longer exist in the tenant.

Quantities are in stock units, days are calendar days in the warehouse's time zone, rates are units per day, and
shares are 0…1. Every amount of money has a currency column in the same row. A dbt variable is written as `var name`;
its default is in `transforms/dbt_project.yml`.
"""


def main() -> None:
    """Write tables.md."""
    (HERE / "tables.md").write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole page."""
    parts = [OPENING, "".join(_contents())]
    for area, title in AREAS.items():
        parts.append(f"## {title}\n")
        parts += [_mart(model) for model in models(MODELS / "marts" / area)]
    staged = models(MODELS / "staging")
    if staged:
        parts.append("## Staging\n")
        lines = [f"| `{model['name']}` | {_line(model.get('description'))} |" for model in staged]
        parts.append("\n".join(["| view | what |", "|---|---|", *lines]) + "\n")
    return "\n".join(parts)


def models(folder: Path) -> list[dict[str, Any]]:
    """The models that the YAML files below a folder describe, by name."""
    found = []
    for path in folder.rglob("*.yml"):
        found += (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models") or []
    return sorted(found, key=lambda model: str(model["name"]))


def _contents() -> Iterator[str]:
    for area, title in AREAS.items():
        names = [model["name"] for model in models(MODELS / "marts" / area)]
        yield f"- {title}: {', '.join(f'[{name}](#{name})' for name in names)}\n"


def _mart(model: dict[str, Any]) -> str:
    rows = [f"| `{column['name']}` | {_line(column.get('description'))} |" for column in model["columns"]]
    lines = [
        f"### {model['name']}",
        "",
        _line(model["description"]),
        "",
        "| column | what |",
        "|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _line(description: str | None) -> str:
    """A description in one line that a Markdown table can hold."""
    return " ".join((description or "").split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
