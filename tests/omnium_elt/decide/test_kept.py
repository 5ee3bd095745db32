"""What was decided stands in the working database, for the models."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.decide.kept import bring
from omnium_elt.infra.errors import OmniumEltError

DAY = date(2026, 3, 1)
COLUMNS = "number, what, sku, proposal_date, proposed_quantity, quantity, is_ticked, snoozed_until"


def test_each_time_something_was_decided_is_a_row(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    plain = Decision("w", "a", "north", "NOK", DAY, Decimal("40"))
    with duckdb.connect() as connection:
        bring(connection, decisions.path)
        assert connection.execute("from duckdb_tables()").fetchall() == []  # nothing was ever decided

        decisions.keep([Decision("w", "a", "north", "NOK", DAY, Decimal("40"), True, Decimal("12.5"))])
        bring(connection, decisions.path)
        decisions.keep([plain])
        bring(connection, decisions.path)
        bring(connection, decisions.path)
        rows = connection.execute(
            f"select {COLUMNS} from omnium._omnium_decisions order by number"
        ).fetchall()
        assert rows == [
            (1, "decided", "a", DAY, Decimal("40.0000"), Decimal("12.5000"), True, None),
            (2, "cleared", "a", DAY, Decimal("40.0000"), None, False, None),
        ]
        assert connection.execute("select count(decided_at) from omnium._omnium_decisions").fetchone() == (2,)

        decisions.path.unlink()  # as after a new start
        bring(connection, decisions.path)
        assert connection.execute("select count(*) from omnium._omnium_decisions").fetchone() == (0,)


def test_a_damaged_file_leaves_what_was_brought(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    decisions.keep([Decision("w", "a", "north", "NOK", DAY, Decimal("40"), is_ticked=True)])
    with duckdb.connect() as connection:
        bring(connection, decisions.path)
        decisions.path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
        with pytest.raises(OmniumEltError):
            bring(connection, decisions.path)
        assert connection.execute("select count(*) from omnium._omnium_decisions").fetchone() == (1,)
