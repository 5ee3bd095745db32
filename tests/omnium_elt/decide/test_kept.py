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


@pytest.mark.parametrize("is_older", [False, True])
def test_what_a_lost_file_held_stays_and_is_told(tmp_path: Path, is_older: bool) -> None:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    first, second, third, fourth = (
        Decision("w", sku, "north", "NOK", DAY, Decimal("1.23456"), is_ticked=True) for sku in "abcd"
    )
    decisions.keep([first])
    older = decisions.path.read_bytes()
    decisions.keep([second])
    with duckdb.connect() as connection:
        assert bring(connection, decisions.path) == 0
        decisions.path.unlink()
        if is_older:
            decisions.path.write_bytes(older)
        assert bring(connection, decisions.path) == 2 - is_older
        assert bring(connection, decisions.path) == 2 - is_older
        decisions.keep([third])
        decisions.keep([fourth])
        assert bring(connection, decisions.path) == 0  # who decides anew has heard of it
        rows = connection.execute(
            "select number, sku from omnium._omnium_decisions order by number"
        ).fetchall()
        assert rows == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_the_history_may_say_the_same_twice(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    decision = Decision("w", "a", "north", "NOK", DAY, Decimal("40"), is_ticked=True)
    decisions.keep([decision])
    decisions.keep([decision])
    with duckdb.connect() as connection:
        for _ in range(2):
            assert bring(connection, decisions.path) == 0
        assert connection.execute("select count(*) from omnium._omnium_decisions").fetchone() == (2,)


def test_a_damaged_file_leaves_what_was_brought(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    decisions.keep([Decision("w", "a", "north", "NOK", DAY, Decimal("40"), is_ticked=True)])
    with duckdb.connect() as connection:
        bring(connection, decisions.path)
        decisions.path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
        with pytest.raises(OmniumEltError):
            bring(connection, decisions.path)
        assert connection.execute("select count(*) from omnium._omnium_decisions").fetchone() == (1,)
