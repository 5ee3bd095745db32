"""What the purchaser decided, brought into the working database for the models: `omnium._omnium_decisions`.

One row for each time something was decided, taken back or ordered, as in the history of decisions.sqlite.
Notes stay there.
"""

from pathlib import Path
from typing import Any

from omnium_elt.decide.decisions import Decisions
from omnium_elt.warehouse import database


def bring(connection: Any, path: Path) -> None:
    """Make the table anew where it differs from the history in `path`; without any decision there is none.

    Raises OmniumEltError where the file is damaged.
    """
    events = Decisions(path).history()
    known = database.DECISIONS in database.tables(connection)
    if not events and not known:
        return
    rows = [
        (
            number,
            event.what,
            event.decision.sku,
            event.decision.warehouse_code,
            event.decision.proposal_date,
            event.decision.proposed_quantity,
            event.decision.quantity,
            event.decision.is_ticked,
            event.decision.snoozed_until,
            event.decision.decided_at or None,
        )
        for number, event in enumerate(events, 1)
    ]
    table = f"{database.RAW}.{database.DECISIONS}"
    # The history is only ever appended to: as many rows are the same rows.
    if known and connection.execute(f"select count(*) from {table}").fetchone() == (len(rows),):
        return
    connection.execute(f"create schema if not exists {database.RAW}")
    connection.execute(
        f"""
        create or replace table {table} (
            number bigint, what varchar, sku varchar, warehouse_code varchar, proposal_date date,
            proposed_quantity decimal(18, 4), quantity decimal(18, 4), is_ticked boolean, snoozed_until date,
            decided_at timestamp with time zone
        )
        """
    )
    if rows:
        connection.executemany(f"insert into {table} values ({', '.join('?' * 10)})", rows)
