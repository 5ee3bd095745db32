"""Checks whether a warehouse equals its tenant, row for row and child for child."""

from pathlib import Path
from typing import Any

import duckdb
import orjson
from omnium_sandbox import Sandbox
from omnium_source import RESOURCES
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import PersonalData

NOT_COMPARED = {"_dlt_load_id"}


def differences(
    database: Path, sandbox: Sandbox, personal: PersonalData, resources: Any = RESOURCES
) -> list[str]:
    """A line for each table that differs from what the tenant's rows become; deleted rows are left out."""
    found: list[str] = []
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in resources:
            found += _differences_of(connection, sandbox, personal, name)
    return found


def _differences_of(connection: Any, sandbox: Sandbox, personal: PersonalData, name: str) -> list[str]:
    resource = RESOURCES[name]
    rows = [row for row in sandbox.tenant.rows(name) if not (name == "products" and row.get("isDeleted"))]
    rows = [row for row in rows if not (name == "products" and row.get("status") == "Deleted")]
    # The server leaves out the price of a product along with its prices.
    left_out = {*resource.excluded, "price", "variants.price"} if name == "products" else resource.excluded
    rows = [_without(row, left_out) for row in rows]
    normalizer = ResourceNormalizer(shape_of(resource, personal))
    # Of rows with the same key the last is kept: no column tells which is newer.
    batch = normalizer.normalize([Page(orjson.dumps({"result": rows}))], "no column")
    held = {
        row[0]
        for row in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'omnium'"
        ).fetchall()
    }
    tables = {table for table in held if table == name or table.startswith(f"{name}__")} | set(batch.tables)
    lines = []
    for table in sorted(tables):
        expected = batch.tables.get(table)
        count = 0 if expected is None else expected.num_rows
        if table not in held:
            lines += [f"{table}: missing, {count} rows expected"] if count else []
            continue
        if table == name:
            living = f'omnium."{table}" where _omnium_deleted_at is null'
        else:
            living = (
                f'omnium."{table}" where _dlt_root_id in '
                f'(select _dlt_id from omnium."{name}" where _omnium_deleted_at is null)'
            )
        if expected is None:
            rest = connection.execute(f"select count(*) from {living}").fetchall()[0][0]
            lines += [f"{table}: {rest} rows that should be gone"] if rest else []
            continue
        columns = ", ".join(f'"{column}"' for column in expected.column_names if column not in NOT_COMPARED)
        connection.register("expected", expected)
        missing = connection.execute(
            f"select count(*) from (select {columns} from expected except all select {columns} from {living})"
        ).fetchall()[0][0]
        surplus = connection.execute(
            f"select count(*) from (select {columns} from {living} except all select {columns} from expected)"
        ).fetchall()[0][0]
        connection.unregister("expected")
        if missing or surplus:
            lines.append(f"{table}: {missing} rows missing, {surplus} rows too many or different, of {count}")
    return lines


def _without(row: dict[str, Any], paths: Any) -> dict[str, Any]:
    """A row as the server sends it if these fields are excluded."""
    row = dict(row)
    for path in paths:
        name, _, rest = path.partition(".")
        if not rest:
            row.pop(name, None)
        elif isinstance(row.get(name), list):
            row[name] = [_without(item, [rest]) for item in row[name]]
    return row
