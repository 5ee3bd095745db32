"""The purchaser's decisions: kept in a file of their own, and settled when they are ordered."""

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.infra.errors import OmniumEltError

LAMP = Decision("oslo", "A", "sup-1", "NOK", date(2026, 1, 1), Decimal("48.0000"), is_ticked=True)
CHAIR = Decision(
    "oslo", "B", "sup-1", None, date(2026, 1, 1), Decimal("2.5"), quantity=Decimal("3.25"),
    snoozed_until=date(2026, 2, 1), note="Æøå 'quoted'; -- no SQL",
)  # fmt: skip


@pytest.fixture
def decisions(tmp_path: Path) -> Decisions:
    return Decisions(tmp_path / "state" / "decisions.sqlite")


def without_time(kept: dict[tuple[str, str], Decision]) -> list[Decision]:
    return [replace(decision, decided_at="") for decision in kept.values()]


def test_what_is_kept_comes_back_as_it_was(decisions: Decisions) -> None:
    assert decisions.all() == {}
    assert not decisions.path.exists()
    decisions.keep([LAMP, CHAIR])
    assert without_time(decisions.all()) == [LAMP, CHAIR]
    assert without_time(Decisions(decisions.path).all()) == [LAMP, CHAIR]


def test_the_last_decision_of_a_line_counts_and_all_stand_in_the_history(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    decisions.keep([replace(LAMP, quantity=Decimal(72))])
    decisions.keep([replace(LAMP, is_ticked=False)])
    assert decisions.all() == {}
    assert [(event.what, event.decision.quantity) for event in decisions.history()] == [
        ("decided", None),
        ("decided", Decimal(72)),
        ("cleared", None),
    ]


def test_what_was_ordered_is_settled_once(decisions: Decisions) -> None:
    decisions.keep([replace(LAMP, note="call them")])
    sent_at = datetime(2100, 1, 1, tzinfo=UTC)
    ordered = replace(LAMP, quantity=Decimal(24))
    decisions.settle([ordered, CHAIR], "elt-1", sent_at)
    assert decisions.all() == {}
    decisions.keep([LAMP])
    decisions.settle([ordered, CHAIR], "elt-1", sent_at)
    assert without_time(decisions.all()) == [LAMP]
    assert [
        (event.what, event.order_id, event.decision.sku, event.decision.quantity, event.decision.note)
        for event in decisions.history()
    ] == [
        ("decided", "", "A", None, "call them"),
        ("ordered", "elt-1", "A", Decimal(24), "call them"),
        ("ordered", "elt-1", "B", Decimal("3.25"), CHAIR.note),
        ("decided", "", "A", None, ""),
    ]


def test_a_line_that_was_decided_anew_after_it_was_sent_stays(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    decisions.settle([LAMP], "elt-1", datetime(2001, 1, 1, tzinfo=UTC))
    assert without_time(decisions.all()) == [LAMP]
    decisions.take_back("elt-1")
    assert without_time(decisions.all()) == [LAMP]


def test_what_was_ordered_is_settled_though_the_clock_was_set_back_since(decisions: Decisions) -> None:
    """Else a line that was ordered would stay ticked, to be ordered once more."""
    decisions.keep([LAMP])
    with closing(sqlite3.connect(decisions.path)) as connection, connection:
        connection.execute("update decision set decided_at = '2100-01-01T00:00:00Z'")
    decisions.settle([LAMP], "elt-1", datetime(2001, 1, 1, tzinfo=UTC))
    assert decisions.all() == {}


def test_what_an_order_settled_is_decided_again_when_it_is_taken_back(decisions: Decisions) -> None:
    sent_at = datetime(2100, 1, 1, tzinfo=UTC)
    decisions.keep([LAMP, CHAIR])
    before = decisions.all()
    table = replace(LAMP, sku="C")
    decisions.settle([LAMP, CHAIR, table], "elt-1", sent_at)
    for _ in range(2):
        decisions.take_back("elt-1")
        decisions.settle([LAMP, CHAIR, table], "elt-1", sent_at)
        assert decisions.all() == before
    assert [event.what for event in decisions.history()] == [
        *["decided"] * 2, *["ordered"] * 3, "taken_back", "decided", "taken_back", "decided", "taken_back",
    ]  # fmt: skip
    decisions.settle([CHAIR], "elt-2", sent_at)
    decisions.take_back("elt-2")
    decisions.take_back("never-made")
    assert decisions.all() == before


def test_what_was_decided_since_stands_when_an_order_is_taken_back(decisions: Decisions) -> None:
    decisions.keep([LAMP, CHAIR])
    decisions.settle([LAMP, CHAIR], "elt-1", datetime(2100, 1, 1, tzinfo=UTC))
    decisions.keep([replace(LAMP, quantity=Decimal(96))])
    decisions.keep([CHAIR])
    decisions.keep([replace(CHAIR, quantity=None, snoozed_until=None, note="")])
    decisions.take_back("elt-1")
    assert without_time(decisions.all()) == [replace(LAMP, quantity=Decimal(96))]


def test_only_its_owner_reads_it(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    assert stat.S_IMODE(decisions.path.stat().st_mode) == 0o600


def test_a_damaged_file_is_told_and_kept(decisions: Decisions) -> None:
    decisions.path.parent.mkdir()
    decisions.path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(OmniumEltError, match="is damaged"):
        decisions.all()
    with pytest.raises(OmniumEltError, match="is damaged"):
        decisions.keep([LAMP])
    assert decisions.path.read_bytes().startswith(b"no database")


def test_a_disk_without_room_is_told_and_keeps_what_was_decided(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    most = decisions.path.stat().st_size
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
        "from tests.omnium_elt.decide.test_decisions import LAMP, Decisions, Path, replace\n"
        "decisions = Decisions(Path(sys.argv[1]))\n"
        "decisions.keep([replace(LAMP, sku=str(number), note='n' * 900) for number in range(100)])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(decisions.path)],
        # Half of a compiled module would fail whoever reads it next.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stderr.splitlines()[-2:]
    assert said[1] == "Look at its disk, and at who may write there; what was decided before is kept.", said
    assert without_time(decisions.all()) == [LAMP]


def test_who_holds_the_file_is_waited_for(decisions: Decisions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omnium_elt.decide.decisions.WAIT_SECONDS", 0.1)
    decisions.keep([LAMP])
    with closing(sqlite3.connect(decisions.path)) as other:
        other.execute("begin exclusive")
        with pytest.raises(OmniumEltError, match="Try again; another program holds it"):
            decisions.keep([CHAIR])
    assert without_time(decisions.all()) == [LAMP]


def test_a_file_of_a_newer_program_is_left_alone(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    with sqlite3.connect(decisions.path) as connection:
        connection.execute("pragma user_version = 99")
    with pytest.raises(OmniumEltError, match="newer omnium-elt"):
        decisions.keep([CHAIR])


def test_what_fails_in_the_middle_leaves_everything_as_it_was(decisions: Decisions) -> None:
    decisions.keep([LAMP])
    with pytest.raises(OmniumEltError):
        decisions.keep([CHAIR, replace(CHAIR, note=["no text"])])  # type: ignore[arg-type]
    assert without_time(decisions.all()) == [LAMP]


def _decide(path: Path, place: str) -> None:
    for number in range(20):
        Decisions(path).keep([replace(LAMP, warehouse_code=place, sku=str(number))])


def test_several_processes_decide_at_once(decisions: Decisions) -> None:
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may stand still
    processes = [context.Process(target=_decide, args=(decisions.path, place)) for place in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(decisions.all()) == len(decisions.history()) == 60
