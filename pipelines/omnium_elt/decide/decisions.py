"""The purchaser's decisions: state/decisions.sqlite, a small database of their own.

decision     one row per warehouse and SKU with a decision that is not settled
history      one row for each time a line was decided, cleared, ordered or taken back; append-only

A new proposal does not change them: a decision stays until the line is ordered or the decision is taken back. Each one
keeps what was proposed when it was made, so that a later proposal can be compared with it. The mart proposal_accuracy
shows the decisions (kept.py) without the notes, which are never part of the published warehouse.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnium_elt.infra.errors import OmniumEltError
from omnium_elt.infra.text import in_utc

WAIT_SECONDS = 10.0
"""Seconds to wait for another process or thread that is writing a decision."""
VERSION = 1
LONGEST_NOTE = 1_000
Key = tuple[str, str]
"""Warehouse code and SKU."""


@dataclass(frozen=True)
class Decision:
    """The decision on one line of the proposal.

    `quantity`: stock units to order; None: the proposed quantity. `proposed_quantity`, `supplier_id`, `currency` and
    `proposal_date`: the proposal as it was when this was decided.

    One record, as its fields are the columns of the table of decisions.
    """

    warehouse_code: str
    sku: str
    supplier_id: str
    currency: str | None
    proposal_date: date
    proposed_quantity: Decimal
    is_ticked: bool = False
    quantity: Decimal | None = None
    snoozed_until: date | None = None
    """The first day on which the line is proposed again."""
    note: str = ""
    decided_at: str = ""

    @property
    def key(self) -> Key:
        """Warehouse and SKU of the line."""
        return self.warehouse_code, self.sku

    @property
    def says_something(self) -> bool:
        """Whether it differs from having decided nothing."""
        return self.is_ticked or self.quantity is not None or bool(self.snoozed_until) or bool(self.note)


@dataclass(frozen=True)
class Event:
    """One row of the history: `what` is decided, cleared, ordered or taken_back; the last two have an `order_id`."""

    what: str
    decision: Decision
    order_id: str = ""


_COLUMNS = tuple(field.name for field in fields(Decision))
_TABLES = f"""
begin immediate;
create table if not exists decision ({", ".join(_COLUMNS)}, primary key (warehouse_code, sku));
create table if not exists history (number integer primary key, what, order_id, {", ".join(_COLUMNS)});
pragma user_version = {VERSION};
commit;
"""


_QUANTITIES, _DAYS = ("proposed_quantity", "quantity"), ("proposal_date", "snoozed_until")


def as_table(decisions: Sequence[Decision]) -> Any:
    """Decisions as an Arrow table for joins in SQL, one row each; `number` is the position in `decisions`."""
    import pyarrow

    kinds = {"number": pyarrow.int64(), "is_ticked": pyarrow.bool_()}
    kinds |= dict.fromkeys(_QUANTITIES, pyarrow.decimal128(18, 4)) | dict.fromkeys(_DAYS, pyarrow.date32())
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in ("number", *_COLUMNS)])
    rows = [{**asdict(decision), "number": number} for number, decision in enumerate(decisions)]
    for row in rows:
        row |= {name: round(row[name], 4) for name in _QUANTITIES if row[name] is not None}
    return pyarrow.Table.from_pylist(rows, schema)


class Decisions:
    """The decisions in a file. Safe for several processes and threads at once, as each call is a transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> dict[Key, Decision]:
        """The decisions that are not settled. Raises OmniumEltError if the file is damaged."""
        if not self.path.exists():
            return {}
        with self._connect() as connection:
            return _all(connection)

    def keep(self, decisions: Sequence[Decision]) -> None:
        """Replace the decisions on the same lines by these; one that says nothing only removes the old one."""
        self.change(lambda _: decisions)

    def change(self, decide: Callable[[Mapping[Key, Decision]], Iterable[Decision]]) -> None:
        """Keep what `decide` returns of the decisions made so far, which nobody else changes meanwhile."""
        now = in_utc(datetime.now(UTC))
        with self._connect() as connection:
            for decision in decide(_all(connection)):
                row = _row(replace(decision, decided_at=now))
                what = "decided" if decision.says_something else "cleared"
                _forget(connection, decision)
                if decision.says_something:
                    connection.execute(f"insert into decision values ({_marks(row)})", row)
                _note(connection, what, "", row)

    def settle(self, ordered: Sequence[Decision], order_id: str, sent_at: datetime) -> None:
        """Remove the decisions on ordered lines, except those made after `sent_at`; the history gets an order once."""
        with self._connect() as connection:
            ((known,),) = connection.execute(
                "select count(*) from history where what = 'ordered' and order_id = ?", [order_id]
            ).fetchall()
            if known:
                return
            for decision in ordered:
                kept = connection.execute(
                    "select note, decided_at from decision where warehouse_code = ? and sku = ?",
                    list(decision.key),
                ).fetchall()
                for note, decided_at in kept:
                    # A decision dated in the future was made before the clock was set back, so before the order.
                    if sent_at < datetime.fromisoformat(decided_at) <= datetime.now(UTC):
                        continue  # decided again since the order was sent
                    _forget(connection, decision)
                    decision = replace(decision, note=note)
                row = _row(replace(decision, decided_at=in_utc(sent_at)))
                _note(connection, "ordered", order_id, row)

    def take_back(self, order_id: str) -> None:
        """Restore the decisions that a canceled order had settled, except on lines that were decided since."""
        with self._connect() as connection:
            columns = ", ".join(_COLUMNS)
            ordered = connection.execute(
                f"""
                select number, {columns} from history
                where what = 'ordered' and order_id = :order_id
                    and not exists (select * from history where what = 'taken_back' and order_id = :order_id)
                order by number
                """,
                {"order_id": order_id},
            ).fetchall()
            for number, *row in ordered:
                newest, *before = connection.execute(
                    f"""
                    select number, what, {columns} from history
                    where warehouse_code = ? and sku = ? and what <> 'taken_back'
                    order by number desc limit 2
                    """,
                    _decision(row).key,
                ).fetchall()
                _note(connection, "taken_back", order_id, row)
                if newest[0] != number:
                    continue  # decided again since the order was sent
                for _, what, *settled in before:
                    if what == "decided":
                        connection.execute(
                            f"insert or ignore into decision values ({_marks(settled)})", settled
                        )
                        _note(connection, what, "", settled)

    def history(self) -> list[Event]:
        """All events, oldest first."""
        if not self.path.exists():
            return []
        with self._connect() as connection:
            rows = connection.execute(
                f"select what, order_id, {', '.join(_COLUMNS)} from history order by number"
            ).fetchall()
            return [Event(str(what), _decision(rest), str(order_id)) for what, order_id, *rest in rows]

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which an exception rolls back."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Create the file as 0600 first: SQLite would follow the umask, and gives its journals the mode of this file.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            (version,) = connection.execute("pragma user_version").fetchone()
            if version > VERSION:
                raise OmniumEltError(
                    f"{self.path} was written by a newer omnium-elt", "Use that one, or a newer one."
                )
            if not version:
                connection.executescript(_TABLES)
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
        except sqlite3.OperationalError as error:
            raise OmniumEltError(f"{self.path}: {error}", _remedy_of(error)) from error
        except sqlite3.DatabaseError as error:
            raise OmniumEltError(
                f"{self.path} is damaged: {error}",
                "Restore it from a backup, or move it away: what was decided in it is then forgotten.",
            ) from error
        finally:
            connection.close()


def _remedy_of(error: sqlite3.OperationalError) -> str:
    """What to do about an error that the content of the file did not cause."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "Try again; another program holds it."
    if code == sqlite3.SQLITE_FULL:
        return "Make room on the disk, and decide it again: what was decided before is kept."
    return "Look at its disk, and at who may write there; what was decided before is kept."


def _all(connection: sqlite3.Connection) -> dict[Key, Decision]:
    rows = connection.execute(f"select {', '.join(_COLUMNS)} from decision").fetchall()
    return {decision.key: decision for decision in map(_decision, rows)}


def _forget(connection: sqlite3.Connection, decision: Decision) -> None:
    connection.execute("delete from decision where warehouse_code = ? and sku = ?", list(decision.key))


def _note(connection: sqlite3.Connection, what: str, order_id: str, row: Sequence[Any]) -> None:
    connection.execute(f"insert into history values (null, ?, ?, {_marks(row)})", (what, order_id, *row))


def _marks(row: Sequence[Any]) -> str:
    return ", ".join("?" * len(row))


def _row(decision: Decision) -> tuple[Any, ...]:
    return tuple(
        int(value) if isinstance(value, bool) else str(value) if isinstance(value, date | Decimal) else value
        for value in astuple(decision)
    )


def _decision(row: Sequence[Any]) -> Decision:
    values = dict(zip(_COLUMNS, row, strict=True))
    kinds: dict[str, Callable[[Any], Any]] = {"is_ticked": bool}
    kinds |= dict.fromkeys(_QUANTITIES, Decimal) | dict.fromkeys(_DAYS, date.fromisoformat)
    for name, kind in kinds.items():
        if values[name] is not None:
            values[name] = kind(values[name])
    return Decision(**values)
