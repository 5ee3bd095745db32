"""`_omnium_odd_values` in the destination: a row for each odd value, until its row is mended.

forget_mended    takes away what was odd in rows that came again since, or are deleted
"""

import contextlib
from collections import defaultdict

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from omnium_elt.warehouse.database import ODD_VALUES, RECEIPTS, id_lists, literal
from omnium_elt.warehouse.destination import Warehouse


def forget_mended(warehouse: Warehouse) -> None:
    """Take away what was odd in rows that came again since, or are deleted; what is odd again stands there anew.

    What names no row, as an earlier version wrote it, goes once all rows of its resource came again; what was no row,
    once everything was read again.
    """
    columns = warehouse.tables.get(ODD_VALUES, {}).get("columns", {})
    if "row_id" not in columns:
        return
    with contextlib.suppress(DatabaseUndefinedRelation):  # somebody dropped it: nothing is told
        for resource in _texts(warehouse, f"select distinct resource as found from {_odd(warehouse)}"):
            if resource in warehouse.tables:
                _forget_rows(warehouse, resource)
                _forget_rest(warehouse, resource)


def _odd(warehouse: Warehouse) -> str:
    return warehouse.name_of(ODD_VALUES)


def _texts(warehouse: Warehouse, sql: str) -> list[str]:
    """The texts of the column `found` of a query."""
    return [str(found) for found in warehouse.query(sql)["found"].to_pylist() if found is not None]


def _forget_rows(warehouse: Warehouse, resource: str) -> None:
    """What was odd in rows that stand there no more as they did."""
    kept = warehouse.query(
        f"select row_id, _dlt_load_id from {_odd(warehouse)} "
        f"where resource = {literal(resource)} and row_id is not null"
    )
    loads_of: dict[str, set[str]] = defaultdict(set)
    for row_id, load in zip(kept["row_id"].to_pylist(), kept["_dlt_load_id"].to_pylist(), strict=True):
        loads_of[row_id].add(load)
    living: dict[str, str] = {}
    for ids in id_lists(sorted(loads_of)):
        rows = warehouse.query(
            f"select _dlt_id, _dlt_load_id from {warehouse.name_of(resource)} "
            f"where _omnium_deleted_at is null and _dlt_id in ({ids})"
        )
        living |= zip(rows["_dlt_id"].to_pylist(), rows["_dlt_load_id"].to_pylist(), strict=True)
    mended: dict[str, list[str]] = defaultdict(list)
    for row_id, loads in loads_of.items():
        for load in loads:
            if row_id not in living or living[row_id] > load:
                mended[load].append(row_id)
    for load, row_ids in mended.items():
        for ids in id_lists(row_ids):
            warehouse.execute(
                f"delete from {_odd(warehouse)} where resource = {literal(resource)} "
                f"and _dlt_load_id = {literal(load)} and row_id in ({ids})"
            )


def _forget_rest(warehouse: Warehouse, resource: str) -> None:
    """What names no row."""
    oldest = _texts(
        warehouse,
        f"select min(_dlt_load_id) as found from {warehouse.name_of(resource)} where _omnium_deleted_at is null",
    )
    all_loads = _texts(
        warehouse,
        f"select max(_dlt_load_id) as found from {warehouse.name_of(RECEIPTS)} "
        f"where resource = {literal(resource)} and window_from is null",
    )
    for kinds, loads in (("kind <> 'no_row'", oldest), ("kind = 'no_row'", all_loads)):
        for load in loads:
            warehouse.execute(
                f"delete from {_odd(warehouse)} where resource = {literal(resource)} and {kinds} "
                f"and row_id is null and _dlt_load_id < {literal(load)}"
            )
