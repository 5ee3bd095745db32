"""Checks whether a database holds what a tenant holds, value for value, by the public description alone.

Nothing in it depends on how the program makes its tables. The expected columns follow from the description's schemas
(objects are flattened, lists of objects are tables down to the second level, everything else is JSON), their names from
dlt's own naming.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
from dlt.common.normalizers.naming.snake_case import NamingConvention

from tests.support.stranger import Stranger
from tests.support.stranger_rows import ENDPOINTS, SCHEMAS, Row, as_json, at, moment, version_of, without

NAMING = NamingConvention()
COLUMN_TYPES = {
    "decimal": "DECIMAL(38,9)",
    "double": "DECIMAL(38,9)",
    "int": "BIGINT",
    "long": "BIGINT",
    "time": "TIMESTAMP WITH TIME ZONE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "uuid": "VARCHAR",
}
EXACT = Context(prec=400)
LAST_MOMENT = 253_402_214_400_000_000
"""The first moment of 9999-12-31 in microseconds: later ones are stored as that, for readers of Parquet in Python."""


@dataclass
class Tree:
    """One row as it should be: column → (value, type of the column or None for any), and its children."""

    values: dict[str, tuple[Any, str | None]] = field(default_factory=dict)
    children: dict[str, list["Tree"]] = field(default_factory=dict)


def tree_of(row: Row, schema: str) -> Tree:
    """The tree that a row becomes."""
    tree = Tree()
    _grow(tree, row, schema, (), "", 0)
    return tree


def _grow(tree: Tree, row: Row, schema: str, above: tuple[str, ...], prefix: str, level: int) -> None:
    above = (*above, schema)
    for name, value in row.items():
        if value is None:
            continue
        column = prefix + NAMING.normalize_identifier(name)
        kind = SCHEMAS[schema].get(name, "").removesuffix("?")
        inner = kind.strip("[]")
        is_flat = bool(SCHEMAS.get(inner)) and inner not in above
        if is_flat and isinstance(value, dict):
            _grow(tree, value, inner, above, f"{column}__", level)
        elif is_flat and isinstance(value, list) and level < 2:
            below = tree.children.setdefault(column, [])
            for item in value:
                below.append(Tree())
                _grow(below[-1], item, inner, above, "", level + 1)
        elif not kind:
            tree.values[column] = (value, None)
        else:
            is_json = kind.startswith("[") or bool(SCHEMAS.get(inner))
            tree.values[column] = (value, "JSON" if is_json else COLUMN_TYPES.get(kind, "VARCHAR"))


def holds(actual: Any, of_type: str, expected: Any) -> bool:
    """Whether a value in the database means the same as the tenant's value."""
    if of_type == "JSON" or isinstance(expected, dict | list):
        return bool(json.loads(actual, parse_float=Decimal) == _plain(expected))
    if of_type == COLUMN_TYPES["time"]:
        stamp = moment(expected)
        return bool((min(stamp, LAST_MOMENT) if stamp is not None else None) == actual)
    if isinstance(expected, bool) or of_type == "BOOLEAN":
        return bool(actual is expected or actual == str(expected).lower())
    if of_type == COLUMN_TYPES["decimal"]:
        rounded = Decimal(expected).quantize(Decimal("1e-9"), ROUND_HALF_EVEN, EXACT)
        return bool(actual == rounded)
    if isinstance(expected, int | Decimal):
        return Decimal(actual) == expected
    return bool(actual == expected)


def _plain(value: Any) -> Any:
    return json.loads(as_json(value), parse_float=Decimal)


@dataclass
class Comparison:
    """What was compared and what differs."""

    rows: int = 0
    children: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)


class Held:
    """The tables of one resource in a database."""

    def __init__(self, connection: Any, name: str) -> None:
        self.name = name
        self.types: dict[str, dict[str, str]] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.below: dict[str, dict[str, list[dict[str, Any]]]] = {}
        found = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'omnium' "
            "and (table_name = $name or starts_with(table_name, $name || '__'))",
            {"name": name},
        ).fetchall()
        for table, column, kind in found:
            self.types.setdefault(table, {})[column] = kind
        for table, types in self.types.items():
            columns = ", ".join(
                f'epoch_us("{column}") as "{column}"' if kind == COLUMN_TYPES["time"] else f'"{column}"'
                for column, kind in types.items()
            )
            relation = connection.execute(f'select {columns} from omnium."{table}"')
            names = [column[0] for column in relation.description]
            self.rows[table] = [
                {name: value for name, value in zip(names, row, strict=True) if value is not None}
                for row in relation.fetchall()
            ]
            if table != name:
                below = self.below[table] = {}
                for row in sorted(self.rows[table], key=lambda row: row["_dlt_list_idx"]):
                    below.setdefault(row["_dlt_parent_id"], []).append(row)

    def compare(self, expected: Tree, row: dict[str, Any], table: str, where: str, into: Comparison) -> None:
        """Note every difference between a row with its children and what they should be."""
        left = {name for name in row if not name.startswith(("_dlt_", "_omnium_"))}
        for column, (value, kind) in expected.values.items():
            into.values += 1
            places = [c for c in (column, f"{column}__v_text", f"{column}__v_json") if c in left]
            left -= set(places)
            if isinstance(value, Decimal) and len(places) == 2 and Decimal(row[places[1]]) == value:
                # A number with more than nine decimals is rounded, and kept as it came beside its column.
                places = places[:1] if value != round(value, 9) else places
            if len(places) != 1:
                into.differences.append(f"{table} {where}: {column} {value!r} stands in {places}")
                continue
            (place,) = places
            of_type = self.types[table][place]
            fits = not (isinstance(value, Decimal) and value.adjusted() > 28)
            if kind and fits and (place != column or of_type != kind):
                into.differences.append(f"{table} {where}: {place} is {of_type}, not {column} {kind}")
            if not holds(row[place], of_type, value):
                into.differences.append(
                    f"{table} {where}: {place} {of_type} is {row[place]!r}, not {value!r}"
                )
        into.differences += [f"{table} {where}: {name} {row[name]!r} too many" for name in left]
        for column, trees in expected.children.items():
            child = f"{table}__{column}"
            rows = self.below.get(child, {}).pop(row["_dlt_id"], [])
            if len(rows) != len(trees):
                into.differences.append(f"{child} {where}: {len(rows)} rows, not {len(trees)}")
                continue
            for number, (tree, below) in enumerate(zip(trees, rows, strict=True)):
                into.children += 1
                self.compare(tree, below, child, f"{where}[{number}]", into)

    def forget(self, row: dict[str, Any]) -> None:
        """Leave out a row and its children."""
        for below in self.below.values():
            for key in [key for key, rows in below.items() if rows[0]["_dlt_root_id"] == row["_dlt_id"]]:
                del below[key]


def compare(
    database: Path, stranger: Stranger, names: Iterable[str] | None = None, *, gone: bool = False
) -> Comparison:
    """Compare every row and child of every resource. `gone`: rows that the tenant no longer has may still be there."""
    into = Comparison()
    with duckdb.connect(str(database), read_only=True) as connection:
        for name in names or [*ENDPOINTS, "supplier_versions"]:
            _compare_one(Held(connection, name), stranger, name, into, gone)
    return into


def expected_rows(
    stranger: Stranger, name: str
) -> tuple[str, dict[tuple[Any, ...], Row], set[tuple[Any, ...]]]:
    """The schema, the rows by key, and the keys of rows that need not be there."""
    if name == "supplier_versions":
        rows = {
            (supplier, version): version_of(row)
            for supplier, versions in stranger.versions.items()
            for version, row in versions.items()
        }
        history = {key for key in rows if (key[0],) not in stranger.rows["suppliers"]}
        return "OmniumSupplierVersion", rows, history
    rows = {key: stored.row for key, stored in stranger.rows[name].items()}
    if name == "products":
        rows = {key: without(row, {"assets", "inventory", "prices"}) for key, row in rows.items()}
    if name == "inventory":
        rows = {key: {**row, "batches": None} for key, row in rows.items()}
    return ENDPOINTS[name].schema, rows, set()


def _compare_one(held: Held, stranger: Stranger, name: str, into: Comparison, gone: bool) -> None:
    schema, rows, optional = expected_rows(stranger, name)
    key = ("id", "versionId") if name == "supplier_versions" else ENDPOINTS[name].key
    key = key if len(key) < 3 else ("productId", "skuId")
    columns = ["__".join(NAMING.normalize_identifier(part) for part in path.split(".")) for path in key]
    wanted = {tuple(at(row, path) for path in key): row for row in rows.values()}
    if name == "supplier_versions":
        wanted = dict(rows)
    for row in held.rows.get(name, ()):
        identity = tuple(row.get(column) for column in columns)
        expected = wanted.pop(identity, None)
        if expected is None or "_omnium_deleted_at" in row:
            if expected is not None or not (gone or "_omnium_deleted_at" in row):
                into.differences.append(f"{name} {identity}: too many, or deleted and still there")
            held.forget(row)
            continue
        into.rows += 1
        if name == "supplier_versions" and "value" not in expected:
            expected = {"id": identity[0], "versionId": identity[1], "value": expected}
            row.pop("created", None)
        held.compare(tree_of(expected, schema), row, name, str(identity), into)
    into.differences += [f"{name} {identity}: missing" for identity in wanted if identity not in optional]
    for table, below in held.below.items():
        into.differences += [f"{table}: children of {parent} too many" for parent in below]
