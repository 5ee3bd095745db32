"""Four functions of dlt 1.31 that take too long where there are many tables, and what takes their place.

A tenant that fills its fields has more than five hundred tables. For each of them dlt walks all tables below its
root and copies their schemas, four times a package, and looks for a table's children among all tables: a first
load of 360 rows took 80 s of CPU, 60 of them there. What they answer stays the same.

And whenever it reads a schema that it wrote itself, it holds every field of every column against its type: a third of
the time of a run that finds nothing new. And whenever it looks at one, it sorts all of it to compute its hash, forty
times a package: a fifth of the time of the thread that loads.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dlt
import dlt.common.normalizers.json.helpers
import dlt.common.schema.utils
import dlt.load.load
import dlt.load.utils
import orjson
from dlt.common.schema.exceptions import ParentTableNotFoundException
from dlt.common.schema.utils import get_root_table

TRIED_WITH = "1.31."
"""The versions of dlt in which these functions are known to answer what dlt's own do."""
HASHES_KEPT = 16
Tables = Mapping[str, Any]


def nested_tables(
    tables: Tables, table_name: str, max_nesting: int | None = None, include_self: bool | None = True
) -> list[Any]:
    """A table and all below it, parents first, each table's children in the schema's order."""
    if table_name not in tables:
        return []
    children: dict[str, list[Any]] = {}
    for table in tables.values():
        if parent := table.get("parent"):
            children.setdefault(parent, []).append(table)
    chain: list[Any] = []

    def walk(table: Any, level: int) -> None:
        if include_self or level:
            chain.append(table)
        if max_nesting is None or level < max_nesting:
            for child in children.get(table["name"], ()):
                walk(child, level + 1)

    walk(tables[table_name], 0)
    return chain


def _once_a_root(extend: Callable[..., Iterable[str]]) -> Callable[..., Iterable[str]]:
    """dlt starts at the root of every table it is given: the roots alone give the same tables."""

    def extend_roots(schema: Any, tables: Iterable[str], *arguments: Any, **named: Any) -> Iterable[str]:
        roots = {get_root_table(schema.tables, table)["name"] for table in tables}
        return extend(schema, roots, *arguments, **named)

    return extend_roots


def check_parents(schema: Mapping[str, Any]) -> None:
    """What is left of dlt's look at a schema: whether every table's parent is there."""
    tables = schema["tables"]
    for name, table in tables.items():
        if (parent := table.get("parent")) and parent not in tables:
            raise ParentTableNotFoundException(schema["name"], name, parent)


def _once_a_content(version_hash: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """The hashes of the last few contents are kept; a content is told by its JSON as it stands, unsorted."""
    kept: dict[bytes, str] = {}

    def hash_of(schema: Mapping[str, Any]) -> str:
        content = hashlib.blake2b(orjson.dumps(schema, default=str), digest_size=16).digest()
        if content not in kept:
            while len(kept) >= HASHES_KEPT:
                kept.pop(next(iter(kept)), None)
            kept[content] = version_hash(schema)
        return kept[content]

    return hash_of


def be_quick() -> None:
    """Put them in dlt's place, wherever dlt imported its own. A dlt that was not tried keeps its own."""
    if not dlt.__version__.startswith(TRIED_WITH):
        return
    dlt.common.schema.utils.validate_stored_schema = check_parents
    for module in (dlt.common.schema.utils, dlt.common.normalizers.json.helpers, dlt.load.utils):
        if hasattr(module, "get_nested_tables"):
            module.get_nested_tables = nested_tables
    own_hash = dlt.common.schema.utils.generate_version_hash
    if own_hash.__name__ != "hash_of":
        dlt.common.schema.utils.generate_version_hash = _once_a_content(own_hash)
    own = getattr(dlt.load.utils, "_extend_tables_with_table_chain", None)
    if own is not None and own.__name__ != "extend_roots":
        for module in (dlt.load.utils, dlt.load.load):
            module._extend_tables_with_table_chain = _once_a_root(own)
