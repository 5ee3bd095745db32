"""Purchase orders of the proposal: one draft (status New) per supplier, warehouse and currency.

The id of an order is a digest of the proposal's day and the order's lines, so that sending it twice creates one order:
the server answers the second request with 409.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from omnium_source.errors import Conflict, OmniumError, Refused
from omnium_source.http.client import OmniumClient

from omnium_elt.decide import lines as decided
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.decide.lines import Selection
from omnium_elt.infra.home import Home
from omnium_elt.infra.text import digits
from omnium_elt.warehouse import database, selection
from omnium_elt.warehouse.queries import rows
from omnium_elt.write import exact
from omnium_elt.write.changes import Change
from omnium_elt.write.journal import Entry, Journal, everything, written

ROLE = "PurchaseOrderAdmin"
DRAFT, CANCELED = "New", "OrderCanceled"
CANCELED_STATUSES = {"ordercanceled", "canceled", "cancelled", "deleted"}
PROVIDER = "omnium-elt"
"""The name under which an order carries the id of the run that made it, as an external id and as a property."""
PAGE, MOST_PAGES = 100, 100
"""Rows per page, and pages per search: a search shows no more than 10,000 rows."""


class Orders:
    """The purchase orders of a tenant. `writer`: the client of the API user that may change them; None: read only."""

    def __init__(self, reader: OmniumClient, writer: OmniumClient | None) -> None:
        self._reader, self._writer = reader, writer

    def find(self, order_id: str, supplier_id: str, run_id: str | None) -> dict[str, Any] | None:
        """Search for an order, as the API has no request for one id; None if the search does not show it (yet).

        `run_id`: the run that made the order; None if unknown, then all orders of the supplier are searched.
        """
        filters: dict[str, Any] = {"supplierId": supplier_id}
        if run_id is not None:
            filters["externalIds"] = [run_id]
        seen = set[str]()
        for number in range(MOST_PAGES):
            answer = self._reader.post(
                "PurchaseOrders/Search",
                {**filters, "take": PAGE, "page": number},
                what=f"purchase order {order_id}",
                role="PurchaseOrderRead",
                read=exact.value,
            )
            found = answer.get("result") or []
            ids = {str(row.get("id")) for row in found}
            if order_id in ids:
                return next(dict(row) for row in found if row.get("id") == order_id)
            # Pages are numbered from 0 or from 1, so that page 1 may show the rows of page 0 again.
            if not found or (not ids - seen and number > 1):
                break
            seen |= ids
        return None

    def send(self, change: Change, journal: Journal) -> None:
        """Create the order, or cancel a draft."""
        assert self._writer is not None
        is_new = change.kind == "order"
        content = exact.text(_sent(change, journal.run_id) if is_new else {"status": CANCELED})
        entry = journal.sending(change.entry())
        method, path = ("POST", "PurchaseOrders") if is_new else ("PATCH", _address(change.target))
        try:
            answer = self._writer.send(
                method, path, content, what=f"purchase order {change.target}", role=ROLE
            )
        except Conflict:
            return self._after_conflict(change, entry, journal, content)
        except Refused as error:
            journal.ended(entry, "not_written", detail=str(error))
            raise
        except OmniumError as error:
            return self._after_silence(change, entry, journal, error)
        version, differs = _compared(content, answer)
        journal.ended(entry, "written", version=version, detail=differs)
        change.end("failed" if differs else "written", differs)

    def _after_conflict(self, change: Change, entry: Entry, journal: Journal, sent: bytes) -> None:
        """Handle a 409: the order that exists counts as ours if it has the same content."""
        try:
            found = self.find(entry.target, str(entry.facts.get("supplier_id", "")), None)
        except OmniumError as error:
            # The journal's line stays open: the next call finds out what became of it.
            return change.end("unknown", f"it exists already; looking for it: {error}")
        differs = "" if found is None else _otherwise(found, sent)
        if differs:
            journal.ended(entry, "not_written", detail=differs)
            return change.end("refused", f"an order {change.target} is in Omnium already: {differs}")
        journal.ended(entry, "written", detail="it existed already")
        change.end("unchanged", "it exists already")

    def _after_silence(self, change: Change, entry: Entry, journal: Journal, error: OmniumError) -> None:
        """Handle a lost answer: look whether the change took place."""
        try:
            outcome, version, detail = self.outcome(entry)
        except OmniumError as other:
            return change.end("unknown", f"{error}; looking for it: {other}")
        journal.ended(entry, outcome, version=version, detail=detail or str(error))
        if outcome == "written":
            return change.end("written")
        change.end("unknown", f"{error}; sending it again is safe")

    def outcome(self, entry: Entry) -> tuple[str, str | None, str]:
        """Whether the order exists, or for an undo is canceled; unknown if the search does not show it."""
        facts = entry.facts
        made_by = str(facts.get("made_by") or entry.run_id)
        found = self.find(entry.target, str(facts.get("supplier_id", "")), made_by)
        if found is None:
            return "unknown", None, "search does not show it; the index may be late"
        version = str(found.get("versionId") or found.get("modified") or "") or None
        if entry.kind == "order":
            return "written", version, ""
        is_canceled = found.get("status") == CANCELED
        return ("written" if is_canceled else "not_written"), version, ""


def proposed(home: Home, chosen: Selection) -> tuple[list[Change], list[str]]:
    """The orders of the published proposal with decisions applied, and remarks on what was left out or changed."""
    with decided.connect(home, as_proposed=chosen.as_proposed) as connection:
        came_to = decided.choose(connection, chosen)
        lines = rows(connection, "from chosen_line")
        newest, as_of = _newest_load(connection), decided.day(connection).isoformat()
        suppliers = selection.supplier_ids(connection, chosen.suppliers)
        warehouses = selection.warehouse_codes(connection, chosen.warehouses)
    undone = canceled_by_undo(home)
    changes = [_order(order, as_of, undone) for order in decided.by_order(lines)]
    for change in changes:
        change.facts["newest_load"] = newest[0] if newest else None
        change.facts["ticked_only"] = came_to.ticked_only
    made = [
        entry
        for entry in everything(home.writes)
        if entry.kind == "order" and entry.outcome != "not_written" and entry.target not in undone
    ]
    _written_before(changes, made, newest)
    if not (came_to.ticked_only or chosen.everything or chosen.as_proposed):
        of_selection = replace(chosen, suppliers=suppliers, warehouses=warehouses)
        _refuse_unticked(changes, made, of_selection, as_of)
    return changes, came_to.remarks


def _newest_load(connection: Any) -> tuple[str, datetime] | None:
    """The run id of the newest load in the published data, and when it began; None if unknown."""
    if not database.columns_of(connection, database.RUNS):
        return None
    newest = rows(
        connection,
        f"select run_id, started_at from {database.RAW}.{database.RUNS} order by run_id desc limit 1",
    )
    return (str(newest[0]["run_id"]), newest[0]["started_at"].astimezone(UTC)) if newest else None


def canceled_by_undo(home: Home) -> set[str]:
    """The ids of orders that an undo canceled. Raises OmniumEltError if a journal is damaged."""
    return {entry.target for entry in written(everything(home.writes), "undo_order")}


def _order(lines: Sequence[dict[str, Any]], as_of: str, undone: AbstractSet[str]) -> Change:
    """The change that creates one order. An order that was undone is created again under another id."""
    first = lines[0]
    supplier_id, warehouse, currency = first["supplier_id"], first["warehouse_code"], first["currency"]
    order_id = order_id_of(lines, as_of, undone)
    requested = requested_delivery(lines)
    order = {
        "id": order_id,
        "status": DRAFT,
        "supplierId": supplier_id,
        "supplierName": first["supplier_name"],
        "storeId": warehouse,
        "billingCurrency": currency,
        "requestedDeliveryDate": f"{requested.isoformat()}T00:00:00Z" if requested else None,
        "purchaseOrderForm": {"lineItems": [_line(order_id, line) for line in lines]},
    }
    value = sum(line["line_value"] for line in lines)
    return Change(
        "order",
        order_id,
        f"{first['supplier_name']} to {warehouse}",
        {},
        order,
        f"proposal as of {as_of}",
        facts={
            "supplier_id": supplier_id,
            "warehouse_code": warehouse,
            "currency": currency,
            "lines": len(lines),
            "units": sum(line["quantity"] for line in lines),
            "value": value,
            "as_of": as_of,
            "proposed": {line["sku"]: line["proposed_quantity"] for line in lines},
            "remarks": _remarks(lines),
        },
    )


def requested_delivery(lines: Sequence[dict[str, Any]]) -> date | None:
    """The requested delivery date of an order: the latest among its lines; None if they have none."""
    return max((day for line in lines if (day := line["requested_delivery_date"])), default=None)


def _remarks(lines: Sequence[dict[str, Any]]) -> list[str]:
    """How the decisions differ from the proposal, a sentence each."""
    said = []
    for line in lines:
        if line["is_changed"]:
            note = f" ({line['note']})" if line["note"] else ""
            said.append(
                f"{line['sku']}: {digits(line['quantity'])} instead of {digits(line['proposed_quantity'])}{note}"
            )
        if line["is_outdated"]:
            said.append(
                f"{line['sku']}: when it was decided {digits(line['decided_against'])} were proposed, now "
                f"{digits(line['proposed_quantity'])}"
            )
    return said


def settle(home: Home) -> None:
    """Settle the decisions on lines that were ordered according to the journals; restore those of canceled orders.

    Repeating it changes nothing.
    """
    decisions = Decisions(home.decisions)
    for entry in everything(home.writes):
        if entry.kind == "undo_order" and entry.is_written:
            decisions.take_back(entry.target)
        facts = entry.facts
        if entry.kind != "order" or not entry.is_written or "as_of" not in facts:
            continue
        ordered = [
            Decision(
                facts["warehouse_code"],
                line["code"],
                facts["supplier_id"],
                facts["currency"],
                date.fromisoformat(facts["as_of"]),
                Decimal(str(facts["proposed"].get(line["code"], line["quantity"]))),
                is_ticked=True,
                quantity=Decimal(str(line["quantity"])),
            )
            for line in entry.after["purchaseOrderForm"]["lineItems"]
        ]
        decisions.settle(ordered, entry.target, datetime.fromisoformat(entry.sent_at))


def order_id_of(lines: Sequence[dict[str, Any]], as_of: str, undone: AbstractSet[str]) -> str:
    """The id of an order, derived from the proposal's day and the lines: the same proposal gives the same id.

    `undone`: the ids of canceled orders, which Omnium keeps; if the id is among them, the next one is derived.
    """
    first = lines[0]
    place = [first["supplier_id"], first["warehouse_code"], first["currency"]]
    quantities = sorted([line["sku"], digits(Decimal(line["quantity"]))] for line in lines)
    ids = (_digest([*place, as_of, quantities, *([anew] if anew else [])]) for anew in itertools.count())
    return next(order_id for order_id in ids if order_id not in undone)


def _digest(content: list[Any]) -> str:
    return "elt-" + hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()


def _line(order_id: str, line: dict[str, Any]) -> dict[str, Any]:
    made = {
        "lineItemId": f"{order_id}-{line['line_number']}",
        "code": line["sku"],
        "supplierSkuId": line["supplier_sku_id"],
        "displayName": line["product_name"],
        "gtin": line.get("gtin"),
        "quantity": _number(line["quantity"]),
        "supplierPackagingQuantity": _number(line["pack_quantity"]),
        "placedPriceExclTax": _number(line["unit_cost"]),
        "discountedPriceExclTax": _number(line["unit_cost"]),
        "currency": line["currency"],
        "warehouseCode": line["warehouse_code"],
    }
    return {name: value for name, value in made.items() if value is not None}


def _number(value: Any) -> Any:
    """A decimal without trailing zeros; a whole number becomes an int."""
    if value is None:
        return None
    number = Decimal(str(value)).normalize()
    return int(number) if number == number.to_integral_value() else number


def _sent(change: Change, run_id: str) -> dict[str, Any]:
    """The order as it is sent, with the id of the run that makes it."""
    return {
        **{name: value for name, value in change.after.items() if value is not None},
        "origin": PROVIDER,
        "externalIds": [{"id": run_id, "providerName": PROVIDER}],
        "properties": [{"key": "omniumEltRun", "value": run_id, "valueType": "String", "keyGroup": PROVIDER}],
    }


def _written_before(
    changes: Sequence[Change], made: Sequence[Entry], newest: tuple[str, datetime] | None
) -> None:
    """Refuse a change if the published data do not know of an earlier order (`made`) to the same place yet.

    An order that was written under the same id is `unchanged`. The data know of an order if their newest load (run id,
    start) is not the one they had when it was sent, and began after that. The id is compared as well, because after a
    clock was set back an old load could look like a later one.
    """
    for entry in made:
        is_known = (
            newest is not None
            and newest[0] != entry.facts.get("newest_load")
            and newest[1] > datetime.fromisoformat(entry.sent_at)
        )
        for change in changes:
            if change.target == entry.target:
                if entry.is_written:
                    change.end("unchanged", f"written by {entry.run_id}")
            elif _place(change.facts) == _place(entry.facts) and not is_known and change.status == "shown":
                change.end(
                    "refused",
                    f"the proposal does not know of order {entry.target} yet, which {entry.run_id} sent to the same "
                    "supplier and warehouse: omnium-elt run first",
                )


def _refuse_unticked(changes: Sequence[Change], made: Sequence[Entry], chosen: Selection, as_of: str) -> None:
    """Refuse lines that are not ticked, if the ticked lines of the same selection of this proposal were ordered.

    Ordering settles the decisions, so that no line is ticked afterwards. A repeated call, as after a kill, means the
    same lines and not all others. `chosen` holds the ids of suppliers and warehouses.
    """
    for entry in made:
        facts = entry.facts
        if (
            facts.get("ticked_only")
            and facts.get("as_of") == as_of
            and (not chosen.suppliers or facts.get("supplier_id") in chosen.suppliers)
            and (not chosen.warehouses or facts.get("warehouse_code") in chosen.warehouses)
            and chosen.currency in (None, facts.get("currency") or "")
        ):
            for change in changes:
                if change.status == "shown":
                    change.end(
                        "refused",
                        f"{entry.run_id} ordered what was ticked of this proposal, and this was not: tick it, or "
                        "take all lines (--all)",
                    )
            return


def _place(facts: dict[str, Any]) -> tuple[Any, ...]:
    return facts.get("supplier_id"), facts.get("warehouse_code"), facts.get("currency")


def taken_back(entries: Sequence[Entry], orders: Orders) -> list[Change]:
    """The changes that cancel the orders of a run; an order that is no longer a draft is refused."""
    changes = []
    for entry in written(entries, "order"):
        found = orders.find(entry.target, str(entry.facts.get("supplier_id", "")), entry.run_id)
        status = (found or {}).get("status")
        change = Change(
            "undo_order",
            entry.target,
            str(entry.facts.get("name", entry.target)),
            {"status": status},
            {"status": CANCELED},
            f"as before {entry.run_id}",
            str((found or {}).get("versionId") or "") or None,
            facts={**entry.facts, "made_by": entry.run_id},
        )
        if found is None:
            change.end("refused", "search does not show it; the index may be late")
        elif status == CANCELED:
            change.end("unchanged", "it is canceled already")
        elif status != DRAFT:
            change.end("refused", f"it is no draft any more ({status}): cancel it in Omnium")
        changes.append(change)
    return changes


def _compared(sent: bytes, answer: bytes) -> tuple[str | None, str]:
    """The version in the answer (None if it has none), and how the answer differs from what was sent."""
    try:
        kept = exact.value(answer)
    except ValueError:
        return None, ""
    if not isinstance(kept, dict):
        return None, ""
    wanted = exact.value(sent)
    apart = ("purchaseOrderForm", "externalIds", "properties", "requestedDeliveryDate")
    differs = _differing(kept, wanted, [name for name in wanted if name not in apart])
    version = kept.get("versionId") or kept.get("modified")
    return (str(version) if version else None), f"came back otherwise: {differs}" if differs else ""


def _otherwise(found: dict[str, Any], sent: bytes) -> str:
    """How an order in Omnium differs from the one sent; empty if it is the same, even if it was confirmed since."""
    wanted, status = exact.value(sent), found.get("status")
    if str(status).lower() in CANCELED_STATUSES:
        return f"it was canceled ({status}); make it in Omnium, or order another quantity"
    differs = _differing(found, wanted, ["supplierId", "storeId", "billingCurrency"])
    return f"with other content ({differs}): look at it there" if differs else ""


def _differing(found: dict[str, Any], wanted: dict[str, Any], names: Sequence[str]) -> str:
    """The fields among `names`, and `lineItems`, in which an order in Omnium differs from what was sent."""
    differs = [name for name in names if found.get(name) != wanted.get(name)]
    if "purchaseOrderForm" in wanted and _quantities(found) != _quantities(wanted):
        differs.append("lineItems")
    return ", ".join(differs)


def _quantities(order: dict[str, Any]) -> dict[str, Any]:
    """Units by article, added up because Omnium splits a line when part of it is delivered."""
    units: dict[str, Any] = {}
    for line in (order.get("purchaseOrderForm") or {}).get("lineItems") or ():
        code = str(line.get("code"))
        units[code] = units.get(code, 0) + (line.get("quantity") or 0)
    return units


def _address(order_id: str) -> str:
    return f"PurchaseOrders/{quote(order_id, safe='')}"
