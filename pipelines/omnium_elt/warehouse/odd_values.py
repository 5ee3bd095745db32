"""`_omnium_odd_values` in the destination: what was odd is told for as long as it stands there.

forget_mended    takes away what was odd in rows that came again since, or are deleted
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from omnium_elt.warehouse.database import ODD_VALUES, RECEIPTS, literal
from omnium_elt.warehouse.destination import Warehouse

IDS_A_STATEMENT = 1_000


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
    mended: dict[str, list[str]] = defaultdict(list)
    for ids in _chunks(sorted(loads_of)):
        rows = warehouse.query(
            f"select _dlt_id, _dlt_load_id from {warehouse.name_of(resource)} "
            f"where _omnium_deleted_at is null and _dlt_id in ({_listed(ids)})"
        )
        living = dict(zip(rows["_dlt_id"].to_pylist(), rows["_dlt_load_id"].to_pylist(), strict=True))
        for row_id in ids:
            for load in loads_of[row_id]:
                if row_id not in living or living[row_id] > load:
                    mended[load].append(row_id)
    for load, ids in mended.items():
        for some in _chunks(ids):
            warehouse.execute(
                f"delete from {_odd(warehouse)} where resource = {literal(resource)} "
                f"and _dlt_load_id = {literal(load)} and row_id in ({_listed(some)})"
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


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(map(literal, ids))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_A_STATEMENT):
        yield ids[start : start + IDS_A_STATEMENT]
