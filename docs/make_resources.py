"""Writes resources/*.md from the table of resources and the contract: python docs/make_resources.py.

A test says when they are out of date.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from omnium_elt.cli.listing import ListedResource, listing
from omnium_source.normalize.schema import Column, TableShape, shape_of
from omnium_source.pii.masking import PersonalData
from omnium_source.resources import RESOURCES, Resource

HERE = Path(__file__).parent
FOLDER = HERE / "resources"
PERSONAL = PersonalData("hash", b"only the names of columns are asked for")
KINDS = {
    "text": "text",
    "decimal": "exact decimal",
    "double": "double",
    "bigint": "whole number",
    "bool": "boolean",
    "timestamp": "timestamp (UTC)",
    "json": "JSON",
}
INDEX = """\
# The resources

Made from the table of resources and the vendor's description by `python docs/make_resources.py`. One page each: where
it is read, how it stays current, what a deletion looks like, what it costs, and every column.

A field that the vendor adds later comes as a new column by itself; it stands on no page here.

| resource | endpoint | stays current by | requests if unchanged |
|---|---|---|---|
"""
PLACES = {
    "versions": "Versions are never deleted; those of a deleted supplier stay.",
    "event": "Rows are what happened, and stay. One that disappears is found by `omnium-elt reconcile`.",
}
DELETED = (
    "The API does not tell of deletions. `omnium-elt reconcile` finds rows that no longer exist and sets "
    "`_omnium_deleted_at`; staging leaves those out."
)
DELETED_PRODUCTS = (
    "A deleted product is told with the run that follows: it is marked with `_omnium_deleted_at`, and its names stay "
    "for history. `omnium-elt reconcile` finds those that vanished without a trace."
)


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """File name → text of every page, the index as README.md."""
    rows = {row.name: row for row in listing()}
    found = {f"{name}.md": page(RESOURCES[name], row) for name, row in rows.items()}
    lines = [
        f"| [`{name}`]({name}.md) | {row.endpoint} | {row.current_by} | {row.cost} |"
        for name, row in rows.items()
    ]
    return {"README.md": INDEX + "\n".join(lines) + "\n", **found}


def page(resource: Resource, row: ListedResource) -> str:
    """The page of one resource."""
    tables = list(shape_of(resource, PERSONAL).tables.values())
    facts = [
        ("read from", f"`{row.endpoint}`, by {row.read_by}"),
        ("role", f"`{row.role}`"),
        ("key", " + ".join(f"`{path}`" for path in resource.key)),
        ("stays current by", row.current_by),
        ("cursor", f"`{row.cursor}`" if row.cursor else "none"),
        ("requests if unchanged", row.cost),
        (
            "deletions",
            PLACES.get(resource.rule, DELETED_PRODUCTS if resource.name == "products" else DELETED),
        ),
    ]
    if resource.excluded:
        facts.append(
            ("left out of the request", ", ".join(f"`{name}`" for name in sorted(resource.excluded)))
        )
    lines = [
        f"# {resource.name}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in facts),
        "",
    ]
    lines += ["```sql", *_query(resource, tables), "```", ""]
    for table in tables:
        lines += _table(table)
    return "\n".join(lines).rstrip() + "\n"


def _query(resource: Resource, tables: list[TableShape]) -> list[str]:
    names = {column.name for column in tables[0].columns}
    cursor = resource.cursor.replace(".", "__")
    order = [f"order by {cursor} desc"] if cursor in names else []
    return [
        "select *",
        f"from omnium.{resource.name}",
        "where _omnium_deleted_at is null",
        *order,
        "limit 10",
    ]


def _table(table: TableShape) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    if table.parent is not None:
        yield f"One row per entry of `{'.'.join(table.path)}`; `_dlt_parent_id` is the `_dlt_id` of `{table.parent}`."
        yield ""
    yield "| column | type | personal |"
    yield "|---|---|---|"
    for column in sorted(table.columns, key=lambda column: column.name):
        yield f"| `{column.name}` | {KINDS.get(str(column.kind), str(column.kind))} | {_personal(column)} |"
    yield ""


def _personal(column: Column) -> str:
    """Whether values are hashed, and which."""
    if column.personal:
        return "hashed"
    if column.sibling:
        return f"hashed where `{column.sibling}` says so"
    if column.watched:
        return "e-mail addresses and phone numbers in it"
    return "what is personal in it" if column.kind == "json" else ""


if __name__ == "__main__":
    sys.exit(main())
