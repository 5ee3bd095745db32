"""Changes decisions for the controls of the pages, and collects those made so far."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from omnium_elt.decide import lines, quantities
from omnium_elt.decide.decisions import LONGEST_NOTE, Decision, Decisions, Event, as_table
from omnium_elt.desk import marts
from omnium_elt.infra.home import Home
from omnium_elt.warehouse import database
from omnium_elt.warehouse.queries import Row, rows


class Refused(Exception):
    """A decision cannot be saved; the message says why."""


def decide(home: Home, warehouse: str, sku: str, field: str, value: Any) -> Row:
    """Change one field of the decision on a line; return the line and its order as they are then.

    `field`: ticked, quantity, snoozed_until or note; `confirm` keeps the decision although the proposal has changed,
    `forget` removes it. Raises Refused.
    """
    with lines.connect(home) as connection:
        line = marts.line(connection, warehouse, sku)
        if line is None:
            raise Refused("This line is not proposed any more: load the page again.")
        kept, day = Decisions(home.decisions), lines.day(connection)
        # A page sends a quantity and the tick beside it at the same moment.
        kept.change(lambda decided: [changed(decided.get((warehouse, sku)), line, day, field, value)])
        lines.join(connection, home, kept.all())
        return state(connection, warehouse, sku)


def tick_order(home: Home, supplier_id: str, warehouse: str, currency: str, *, is_ticked: bool) -> int:
    """Tick or untick all lines of an order that are not snoozed; return how many there are."""
    with lines.connect(home) as connection:
        where = f"{marts.OF_ORDER} and not is_snoozed"
        found = marts.lines(connection, where, [supplier_id, warehouse, currency], 1_000_000)
        day = lines.day(connection)
        Decisions(home.decisions).change(
            lambda decided: [
                changed(decided.get((line["warehouse_code"], line["sku"])), line, day, "ticked", is_ticked)
                for line in found
                if line["is_ticked"] != is_ticked
            ]
        )
        return len(found)


def changed(before: Decision | None, line: Row, as_of: date, field: str, value: Any) -> Decision:
    """The decision on a line after one of its fields has changed. Raises Refused."""
    proposed = line["proposed_quantity"]
    now = Decision(
        line["warehouse_code"], line["sku"], line["supplier_id"], line["currency"], as_of, proposed
    )
    if field == "forget":
        return now
    if before is None:
        before = now
    # A ticked line keeps the quantity that was proposed when it was ticked, whatever is proposed today.
    seen = before.quantity
    if seen is None and before.is_ticked and before.proposed_quantity != proposed:
        seen = before.proposed_quantity
    renewed = replace(
        now, is_ticked=before.is_ticked, quantity=seen, snoozed_until=before.snoozed_until, note=before.note
    )
    if field == "confirm":
        return renewed
    if field == "ticked":
        return replace(renewed, is_ticked=bool(value), quantity=before.quantity)
    if field == "quantity":
        return replace(renewed, quantity=_quantity(str(value), line))
    if field == "snoozed_until":
        return replace(before, snoozed_until=_day(str(value), as_of))
    if field == "note":
        return replace(before, note=" ".join(str(value).split())[:LONGEST_NOTE])
    raise Refused(f"There is no field {field}.")


def _quantity(text: str, line: Mapping[str, Any]) -> Decimal | None:
    if not text.strip():
        return None
    checked = quantities.check(text, line)
    if checked.quantity is None:
        raise Refused(checked.problem)
    return None if checked.quantity == line["proposed_quantity"] else checked.quantity


def _day(text: str, as_of: date) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise Refused("That is no day.") from None
    if day <= as_of:
        raise Refused(f"Choose a day after {as_of}.")
    return day


def state(connection: Any, warehouse: str, sku: str) -> Row:
    """A line and its order, as the page shows them after a change."""
    line = marts.line(connection, warehouse, sku)
    assert line is not None
    order = marts.order(connection, line["supplier_id"], line["warehouse_code"], line["currency"] or "")
    return {"line": line, "order": order, "remark": minimum_remark(order) if order else ""}


def minimum_remark(order: Row) -> str:
    """A remark if the ticked lines (all, if none is ticked) miss the supplier's minimum or exceed its maximum."""
    value = order["ticked_value"] if order["ticked_lines"] else order["value"]
    minimum, maximum = order["minimum_order_amount"], order["maximum_order_amount"]
    currency = order["currency"] or ""
    if minimum and 0 < value < minimum:
        return f"{minimum - value:,.0f} {currency} below the supplier's minimum of {minimum:,.0f}."
    if maximum and value > maximum:
        return f"{value - maximum:,.0f} {currency} above the supplier's maximum of {maximum:,.0f}: order in parts."
    return ""


MOST_SHOWN = 200


def decided(home: Home, connection: Any) -> Row:
    """The decisions of a home: counts, and the newest ones, each with what was proposed and what came of it."""
    events = Decisions(home.decisions).history()
    newest = list(reversed(events[-MOST_SHOWN:]))
    outcomes = _outcomes(connection, newest)
    taken_back = {event.order_id for event in events if event.what == "taken_back"}
    ordered = [event for event in events if event.what == "ordered" and event.order_id not in taken_back]
    changes = sum(event.decision.quantity != event.decision.proposed_quantity for event in ordered)
    return {
        "ordered": len(ordered),
        "changed": changes,
        "followed": len(ordered) - changes,
        "snoozed": sum(
            event.what == "decided" and event.decision.snoozed_until is not None for event in events
        ),
        "lines": [
            {
                "when": event.decision.decided_at[:16].replace("T", " "),
                "sku": event.decision.sku,
                "warehouse_code": event.decision.warehouse_code,
                "what": _what(event),
                "proposed": event.decision.proposed_quantity,
                "quantity": event.decision.quantity,
                "note": event.decision.note,
                **outcomes.get(number, {"ordered": None, "wanted": None, "has_held": None}),
            }
            for number, event in enumerate(newest)
        ],
    }


def _outcomes(connection: Any, events: Sequence[Event]) -> dict[int, Row]:
    """Position in `events` → the figures in proposal_accuracy of the proposal that the event was decided against."""
    if not events or not database.columns_of(connection, "proposal_accuracy", "marts"):
        return {}
    connection.register("decided", as_table([event.decision for event in events]))
    # An unchanged proposal is not stored again, so the newest one up to that day is the one that was seen.
    found = rows(
        connection,
        """
        select
            decided.number, accuracy.ordered_quantity as ordered, accuracy.wanted_quantity as wanted,
            accuracy.has_reorder_point_held as has_held
        from decided
        asof join marts.proposal_accuracy as accuracy
            on accuracy.sku = decided.sku
            and accuracy.warehouse_code = decided.warehouse_code
            and decided.proposal_date >= accuracy.proposal_date
        """,
    )
    connection.unregister("decided")
    return {one.pop("number"): one for one in found}


def _what(event: Event) -> str:
    decision = event.decision
    if event.what == "ordered":
        return "ordered"
    if event.what == "taken_back":
        return "order taken back"
    if event.what == "cleared":
        return "taken back"
    said = ["ticked"] if decision.is_ticked else []
    if decision.snoozed_until:
        said.append(f"snoozed until {decision.snoozed_until}")
    return ", ".join(said) or "changed"
