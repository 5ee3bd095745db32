"""Writes transforms/models/sources.yml, all raw tables, from the table of resources: python docs/make_sources.py.

A test says when it is out of date.
"""

import sys
from pathlib import Path

from omnium_elt.cli.listing import listing
from omnium_source.normalize.schema import shape_of
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import RESOURCES

PATH = Path(__file__).parents[1] / "transforms" / "models" / "sources.yml"
HEAD = """\
# Made by `python docs/make_sources.py`: change the table of resources instead.
sources:
  - name: omnium
    description: >
      The data that the tenant returned, in dlt's conventions: a table per resource, and lists of objects as child
      tables that join on `_dlt_parent_id` = the parent's `_dlt_id`. `_omnium_deleted_at` is set on rows that no longer
      exist in the tenant.
    schema: "{{ var('raw_schema') }}"
    config:
      # A table without changed rows is as fresh as the last run that checked it. A run that lies ahead of now was
      # written while a clock was wrong.
      loaded_at_query: >
        select max(finished_at) from {{ target.database }}.{{ var('raw_schema') }}._omnium_runs
        where finished_at <= current_timestamp
      freshness:
        warn_after: {count: 26, period: hour}
        error_after: {count: 50, period: hour}
    tables:
"""


def main() -> None:
    """Write the file."""
    PATH.write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole file."""
    personal = PersonalData("hash", b"only the names of tables are asked for")
    lines = []
    for row in listing():
        for table in shape_of(RESOURCES[row.name], personal).tables.values():
            lines.append(f"      - name: {table.name}")
            if table.parent is None:
                grain = f"One row per {_key(row.key)}, from {row.endpoint}; {row.current_by}"
                lines.append(f"        description: {grain}.")
            else:
                path = ".".join(table.path)
                lines.append(f"        description: One row per entry of {path}, below {table.parent}.")
    return HEAD + "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if "fields" not in key else f"combination of {key}"


if __name__ == "__main__":
    sys.exit(main())
