"""What is ordered: the proposal, and what was decided of it."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from omnium_elt.decide import lines
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.decide.lines import WHAT_IS_ORDERED, Chosen, Selection
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home

from tests.support import proposal

Decide = Callable[..., None]


@pytest.fixture
def published(home: Home) -> Home:
    proposal.publish(home)
    return home


@pytest.fixture
def decide(published: Home) -> Decide:
    proposed = {"A": "48", "B": "2.5", "C": "1"}

    def keep(sku: str, place: str = "oslo", **said: Any) -> None:
        supplier = "sup-2" if sku == "C" else "sup-1"
        decision = Decision(place, sku, supplier, "NOK", proposal.AS_OF, Decimal(proposed[sku]), **said)
        Decisions(published.decisions).keep([decision])

    return keep


def ordered(home: Home, chosen: Selection = WHAT_IS_ORDERED) -> tuple[list[tuple[Any, ...]], Chosen]:
    with lines.connect(home, as_proposed=chosen.as_proposed) as connection:
        came_to = lines.choose(connection, chosen)
        return (
            connection.execute(
                "select warehouse_code, sku, quantity, packs, line_value from chosen_line"
            ).fetchall(),
            came_to,
        )


def d(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


LAMP, CHAIR = ("oslo", "A", *d("48", "2", "600")), ("oslo", "B", *d("2.5", "2.5", "250"))
TABLE, WAITING = ("oslo", "C", *d("1", "1", "900")), ("bergen", "C", *d("1", "1", "900"))


def test_with_nothing_decided_it_is_the_proposal(published: Home) -> None:
    assert ordered(published) == ([LAMP, CHAIR, TABLE], Chosen(3, False, 0, 0, 0, 0))
    assert ordered(published, Selection(deferred=True))[0] == [LAMP, CHAIR, WAITING, TABLE]
    assert ordered(published, Selection(["Sør AS"], ["Bergen"], deferred=True))[0] == [WAITING]


def test_a_changed_quantity_brings_its_packs_and_value(published: Home, decide: Decide) -> None:
    decide("A", quantity=Decimal(72))
    decide("B", quantity=Decimal("0.333"))
    found, came_to = ordered(published)
    assert found == [("oslo", "A", *d("72", "3", "900")), ("oslo", "B", *d("0.333", "0.333", "33.30")), TABLE]
    assert came_to.remarks == ["2 lines in another quantity than proposed"]
    assert ordered(published, Selection(as_proposed=True)) == (
        [LAMP, CHAIR, TABLE],
        Chosen(3, False, 0, 0, 0, 0),
    )


def test_where_lines_are_ticked_only_these_are_ordered(published: Home, decide: Decide) -> None:
    decide("B", is_ticked=True)
    found, came_to = ordered(published)
    assert found == [CHAIR]
    assert came_to.remarks == ["the 1 ticked line; 2 others left out (--all takes them, too)"]
    assert ordered(published, Selection(everything=True))[0] == [LAMP, CHAIR, TABLE]
    assert ordered(published, Selection(["sup-2"]))[0] == [TABLE]


def test_a_ticked_line_is_ordered_though_its_order_could_wait(published: Home, decide: Decide) -> None:
    decide("C", place="bergen", is_ticked=True)
    assert ordered(published)[0] == [WAITING]


def test_a_snoozed_line_is_left_out_until_its_day(published: Home, decide: Decide) -> None:
    decide("A", snoozed_until=date(2026, 1, 2), is_ticked=True)
    decide("B", snoozed_until=proposal.AS_OF)
    found, came_to = ordered(published)
    assert found == [CHAIR, TABLE]
    assert came_to.remarks == ["1 snoozed line left out"]


def test_a_proposal_that_changed_since_is_marked_and_the_decision_stands(
    published: Home, decide: Decide
) -> None:
    decide("A", is_ticked=True, quantity=Decimal(24))
    decide("B", is_ticked=True)
    proposal.propose(published, "A", quantity=72, line_value=900, packs=3)
    proposal.propose(published, "B", quantity=4, line_value=400, packs=4)
    found, came_to = ordered(published)
    # Who ticked B saw 2.5 of it.
    assert found == [("oslo", "A", *d("24", "1", "300")), CHAIR]
    assert (came_to.changed, came_to.outdated) == (2, 2)
    assert "of 2 lines the proposal has changed since it was decided" in came_to.remarks


def test_another_supplier_is_another_proposal(published: Home, decide: Decide) -> None:
    decide("A", is_ticked=True)
    proposal.propose(published, "A", supplier_id="sup-2")
    assert ordered(published)[1].outdated == 1


def test_a_line_that_is_not_proposed_any_more_is_not_ordered(published: Home) -> None:
    gone = Decision("oslo", "Z", "sup-1", "NOK", proposal.AS_OF, Decimal(5), is_ticked=True)
    Decisions(published.decisions).keep([gone])
    assert ordered(published)[0] == [LAMP, CHAIR, TABLE]


def test_an_unknown_supplier_is_refused(published: Home) -> None:
    with pytest.raises(UsageError, match="there is no supplier 'Nort AS'"):
        ordered(published, Selection(["Nort AS"]))
