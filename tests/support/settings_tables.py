"""Writes the tables of settings into README.md and docs/settings.md; a test compares these with the code.

python -m tests.support.settings_tables
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from omnium_elt.infra.settings import ENVIRONMENT, TRANSFORM
from omnium_source.fields import OPTIONS, options_of
from omnium_source.resources import RESOURCES
from omnium_source.setting import Setting
from omnium_source.settings import SOURCE

ROOT = Path(__file__).parents[2]


def as_table(rows: Mapping[str, Setting], prefix: str = "") -> str:
    """A Markdown table of settings."""
    lines = ["| setting | default | may be | means |", "|---|---|---|---|"]
    for row in rows.values():
        written = row.default if isinstance(row.default, str) else json.dumps(row.default)
        default = "" if row.default in (None, "") else f"`{written}`"
        lines.append(f"| `{prefix}{row.name.upper()}` | {default} | {row.range} | {row.meaning} |")
    return "\n".join(lines)


TABLES = {
    "README.md": [as_table(SOURCE, "SOURCES__OMNIUM__")],
    "docs/settings.md": [
        as_table(ENVIRONMENT),
        as_table(OPTIONS, "SOURCES__OMNIUM__ORDERS__"),
        *(
            as_table(
                {name: options_of(row.name)[name] for name in row.optional},
                f"SOURCES__OMNIUM__{row.name.upper()}__",
            )
            for row in RESOURCES.values()
            if row.optional
        ),
        as_table(TRANSFORM, "TRANSFORM__"),
    ],
}


def write() -> None:
    """Replace each table by the code's."""
    for name, tables in TABLES.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        for table in tables:
            head, first = table.split("\n")[0], table.split("\n")[2].split("|")[1].strip()
            old = next(
                found
                for found in re.findall(rf"^{re.escape(head)}\n(?:\|.*\n)+", text, flags=re.MULTILINE)
                if first in found
            )
            text = text.replace(old, table + "\n")
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
