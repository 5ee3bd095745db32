"""Copies the purchaser's decisions into the working database, for the models: `omnium._omnium_decisions`.

The table has one row per event in the history of decisions.sqlite, without the notes.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from omnium_elt.decide.decisions import Decisions, as_table
from omnium_elt.warehouse import database

_COLUMNS = {
    "what": "varchar",
    "sku": "varchar",
    "warehouse_code": "varchar",
    "proposal_date": "date",
    "proposed_quantity": "decimal(18, 4)",
    "quantity": "decimal(18, 4)",
    "is_ticked": "boolean",
    "snoozed_until": "date",
    "decided_at": "timestamp with time zone",
}
_TABLE = f"{database.RAW}.{database.DECISIONS}"


def bring(connection: Any, path: Path) -> int:
    """Append the events in `path` that the table lacks; the table is created with the first event.

    Rows that the file does not have stay in the table, as the file may have been lost or replaced by an older one.
    Returns how many of them are newer than all events in the file. Raises OmniumEltError if the file is damaged.
    """
    events = Decisions(path).history()
    if not events and not database.columns_of(connection, database.DECISIONS):
        return 0
    coming = as_table([event.decision for event in events])
    coming = coming.append_column("what", pa.array([event.what for event in events], pa.string()))
    connection.execute(f"create schema if not exists {database.RAW}")
    kinds = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    connection.execute(f"create table if not exists {_TABLE} (number bigint, {kinds})")
    connection.register("history_of_file", coming)
    typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in _COLUMNS.items())
    is_same = " and ".join(f"known.{name} is not distinct from coming.{name}" for name in _COLUMNS)
    decided = f"(select number, {typed} from history_of_file) as coming"
    connection.execute(
        f"""
        insert into {_TABLE}
        select
            (select coalesce(max(number), 0) from {_TABLE}) + row_number() over (order by number),
            coming.* exclude (number)
        from {decided}
        where not exists (select 1 from {_TABLE} as known where {is_same})
        """
    )
    ((lost,),) = connection.execute(
        f"""
        select count(*) from {_TABLE} as known
        where decided_at > (select coalesce(max(decided_at), '-infinity') from {decided})
            and not exists (select 1 from {decided} where {is_same})
        """
    ).fetchall()
    connection.unregister("history_of_file")
    return int(lost)
