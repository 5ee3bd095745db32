"""`_omnium_odd_values` in the destination: a row for each odd value, until its row is replaced or deleted."""

import contextlib
from collections import defaultdict

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from omnium_elt.warehouse.database import ODD_VALUES, RECEIPTS, id_lists, literal
from omnium_elt.warehouse.destination import Warehouse


def forget_mended(warehouse: Warehouse) -> None:
    """Delete odd values of rows that were loaded again since, or are deleted; values that are still odd come anew.

    Entries without a row id are deleted once all rows of their resource were loaded again; entries about objects that
    were no rows (`no_row`), once the resource was read again from its beginning.
    """
    columns = warehouse.tables.get(ODD_VALUES, {}).get("columns", {})
    if "row_id" not in columns:
        return
    with contextlib.suppress(DatabaseUndefinedRelation):  # somebody dropped the table
        for resource in _texts(warehouse, f"select distinct resource from {_odd(warehouse)}"):
            if resource in warehouse.tables:
                _forget_rows(warehouse, resource)
                _forget_rest(warehouse, resource)


def _odd(warehouse: Warehouse) -> str:
    return warehouse.name_of(ODD_VALUES)


def _texts(warehouse: Warehouse, sql: str) -> list[str]:
    """The values of a query with one column as texts, without nulls."""
    return [str(found) for (found,) in warehouse.query(sql) if found is not None]


def _forget_rows(warehouse: Warehouse, resource: str) -> None:
    """Delete odd values of rows that were replaced, are marked as deleted, or are gone."""
    found = warehouse.query(
        f"select distinct odd.row_id, odd._dlt_load_id from {_odd(warehouse)} as odd "
        f"left join {warehouse.name_of(resource)} as living "
        "on living._dlt_id = odd.row_id and living._omnium_deleted_at is null "
        f"where odd.resource = {literal(resource)} and odd.row_id is not null "
        "and (living._dlt_id is null or living._dlt_load_id > odd._dlt_load_id)"
    )
    mended: dict[str, list[str]] = defaultdict(list)
    for row_id, load in found:
        mended[load].append(row_id)
    for load, row_ids in mended.items():
        for ids in id_lists(row_ids):
            warehouse.execute(
                f"delete from {_odd(warehouse)} where resource = {literal(resource)} "
                f"and _dlt_load_id = {literal(load)} and row_id in ({ids})"
            )


def _forget_rest(warehouse: Warehouse, resource: str) -> None:
    """Delete odd values without a row id, as `forget_mended` says."""
    oldest = _texts(
        warehouse,
        f"select min(_dlt_load_id) from {warehouse.name_of(resource)} where _omnium_deleted_at is null",
    )
    all_loads = _texts(
        warehouse,
        f"select max(_dlt_load_id) from {warehouse.name_of(RECEIPTS)} "
        f"where resource = {literal(resource)} and window_from is null",
    )
    for kinds, loads in (("kind <> 'no_row'", oldest), ("kind = 'no_row'", all_loads)):
        for load in loads:
            warehouse.execute(
                f"delete from {_odd(warehouse)} where resource = {literal(resource)} and {kinds} "
                f"and row_id is null and _dlt_load_id < {literal(load)}"
            )
