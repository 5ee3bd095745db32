"""What the purchaser decided, brought into the working database for the models: `omnium._omnium_decisions`.

One row for each time something was decided, taken back or ordered, as in the history of decisions.sqlite.
Notes stay there.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa

from omnium_elt.decide.decisions import Decisions
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
    """Add what the table lacks of the history in `path`; without any decision there is none.

    The history is only ever appended to. Rows that it has no more are those of a file that was lost, or that an older
    one has replaced: they stay. Returns how many they are, as long as nothing newer was decided. Raises OmniumEltError
    where the file is damaged.
    """
    events = Decisions(path).history()
    if not events and database.DECISIONS not in database.tables(connection):
        return 0
    texts: dict[str, list[str | None]] = {name: [] for name in _COLUMNS}
    for event in events:
        for name, of_column in texts.items():
            value = event.what if name == "what" else getattr(event.decision, name)
            of_column.append(None if value in (None, "") else str(value))
    number = pa.array(range(len(events)), pa.int64())
    columns = {name: pa.array(of_column, pa.string()) for name, of_column in texts.items()}
    connection.execute(f"create schema if not exists {database.RAW}")
    kinds = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    connection.execute(f"create table if not exists {_TABLE} (number bigint, {kinds})")
    connection.register("history_of_file", pa.table({"number": number, **columns}))
    typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in _COLUMNS.items())
    is_same = " and ".join(f"known.{name} is not distinct from coming.{name}" for name in _COLUMNS)
    coming = f"(select number, {typed} from history_of_file) as coming"
    connection.execute(
        f"""
        insert into {_TABLE}
        select
            (select coalesce(max(number), 0) from {_TABLE}) + row_number() over (order by number),
            coming.* exclude (number)
        from {coming}
        where not exists (select 1 from {_TABLE} as known where {is_same})
        """
    )
    ((lost,),) = connection.execute(
        f"""
        select count(*) from {_TABLE} as known
        where decided_at > (select coalesce(max(decided_at), '-infinity') from {coming})
            and not exists (select 1 from {coming} where {is_same})
        """
    ).fetchall()
    connection.unregister("history_of_file")
    return int(lost)
