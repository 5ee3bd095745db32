"""The purchaser's pages, each built from the parameters of a request; `routes.py` gives them their addresses.

/                     today: totals, what is urgent, orders
/supplier?id=         one supplier: terms, lead times, orders, open lines
/order?supplier=…     one order: its lines, to tick, change, snooze
/article?sku=…        one article: the chart that explains its line
/lines?which=         lines of the proposal by filter: urgent, ticked, snoozed, …
/list?name=           the list behind a count
/search?q=            suppliers, articles, orders
/accuracy             how good the proposals were
/check, /decide       called by the controls: check a typed quantity, save a decision
/tick                 tick all lines of an order, or none
/export, /write       orders as files; orders into Omnium
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from omnium_elt.decide import lines, quantities
from omnium_elt.decide.lines import Selection
from omnium_elt.desk import deciding, marts
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import Silent
from omnium_elt.infra.text import digits
from omnium_elt.report import accuracy, line_chart, lists
from omnium_elt.report.proposals import ACTIONS
from omnium_elt.report.rendering import render
from omnium_elt.warehouse.queries import Row

PAGE, SEARCHED = 100, 50
"""Rows per page, and results of each kind per search."""
Words = Mapping[str, str]
Shown = dict[str, Any]
"""The values that a template shows."""
Found = TypeVar("Found")
WHICH = {
    "out": ("Out of stock", "Nothing is available, and it sells or customers wait."),
    "runs_out": ("Runs out even if ordered today", "It will be out before a delivery that is ordered today."),
    "order_now": ("To order now", "The reorder point is reached; a delivery comes in time."),
    "wait": ("Can wait", "What only fills an order up to its minimum."),
    "ticked": ("Ticked", "What is ordered: exported and written."),
    "changed": ("In another quantity", "Lines of which another quantity was decided than is proposed."),
    "snoozed": ("Snoozed", "Left out until their day."),
    "outdated": (
        "Changed since decided",
        "The proposal has changed since these were decided: look at them again.",
    ),
    "noted": ("With a note", "Lines that a note was written to."),
}
"""Name of a filter → title and meaning."""


class NotThere(Exception):
    """The page, line or file that was asked for does not exist."""


class Desk:
    """The pages of one home: each is a method that returns the values its template shows.

    One class, as every page takes the parameters of a request (`words`) and is shown in the same frame.
    """

    def __init__(self, home: Home, notebooks: Mapping[str, str]) -> None:
        self._home, self._notebooks = home, notebooks

    # Pages ------------------------------------------------------------------------------------------

    def page(self, name: str, words: Words) -> str:
        """Render the page `name` of `PAGES`. Raises NotThere if what it is about does not exist."""
        with lines.connect(self._home) as connection:
            return self._shown(connection, name, PAGES[name](self, connection, words))

    def today(self, connection: Any, words: Words) -> Shown:
        """What to order today, the most urgent first."""
        offset = _offset(words)
        return {
            "totals": marts.totals(connection),
            "counts": marts.counts(connection),
            "which": WHICH,
            "tiles": [
                (name, lists.count(connection, name), chosen.title) for name, chosen in lists.LISTS.items()
            ],
            **_cut("orders", marts.orders(connection, PAGE + 1, offset), "/", {}, offset),
        }

    def supplier(self, connection: Any, words: Words) -> Shown:
        """One supplier."""
        supplier_id = words.get("id", "")
        return {
            "supplier": _there(marts.supplier(connection, supplier_id)),
            "orders": marts.orders(connection, 1_000, 0, supplier_id),
            "open_lines": marts.open_lines(
                connection, "supplier_id = ? and not is_transfer", [supplier_id], PAGE
            ),
        }

    def order(self, connection: Any, words: Words) -> Shown:
        """One order and its lines."""
        address, offset = _order_of(words), _offset(words)
        key = list(address.values())
        found = _there(marts.order(connection, *key))
        shown = marts.lines(connection, marts.OF_ORDER, key, PAGE + 1, offset)
        return {
            "order": found,
            "remark": deciding.minimum_remark(found),
            "words": address,
            **_cut("lines", shown, "/order", address, offset),
        }

    def lines(self, connection: Any, words: Words) -> Shown:
        """The lines of all orders that pass a filter of `WHICH`."""
        which, offset = words.get("which", ""), _offset(words)
        where = f"({_there(marts.FILTERS.get(which))}) and (action <> 'defer' or is_decided)"
        shown = marts.lines(connection, where, [], PAGE + 1, offset)
        return {
            "title": WHICH[which][0],
            "meaning": WHICH[which][1],
            "total": marts.count_lines(connection, where, []),
            **_cut("lines", shown, "/lines", {"which": which}, offset),
        }

    def list(self, connection: Any, words: Words) -> Shown:
        """The list behind a count."""
        name, offset = words.get("name", ""), _offset(words)
        return {
            "list": _there(lists.LISTS.get(name)),
            "total": lists.count(connection, name),
            **_cut(
                "rows", lists.page_of(connection, name, PAGE + 1, offset), "/list", {"name": name}, offset
            ),
        }

    def article(self, connection: Any, words: Words) -> Shown:
        """One article in one warehouse; by default where it is most urgent."""
        sku, warehouse = words.get("sku", ""), words.get("warehouse", "")
        places = _there(marts.places(connection, sku))
        found = _there(marts.article(connection, warehouse, sku)) if warehouse else places[0]
        warehouse = found["warehouse_code"]
        line = marts.line(connection, warehouse, sku)
        story = line_chart.story(
            connection, lines.day(connection), sku, warehouse, line["quantity"] if line else None
        )
        return {
            "article": found,
            "line": line,
            "places": places,
            "wide": line_chart.picture(story, 760),
            "narrow": line_chart.picture(story, 360),
            "open_lines": marts.open_lines(
                connection, "sku = ? and warehouse_code = ?", [sku, warehouse], PAGE
            ),
        }

    def search(self, connection: Any, words: Words) -> Shown:
        """Suppliers, articles and open orders whose name or number contains a text."""
        text = words.get("q", "").strip()
        return {"text": text, "found": marts.search(connection, text, SEARCHED) if text else {}}

    def accuracy(self, connection: Any, _: Words) -> Shown:
        """How good the proposals were, and what was decided of them."""
        return {
            "section": accuracy.section(connection),
            "worst": accuracy.furthest_off(connection),
            "decided": deciding.decided(self._home, connection),
        }

    # Requests of the controls -----------------------------------------------------------------------

    def check(self, words: Words) -> dict[str, Any]:
        """Check a quantity while it is typed: the problem, whether it is refused, and what to type instead."""
        with lines.connect(self._home) as connection:
            line = _there(marts.line(connection, words.get("warehouse", ""), words.get("sku", "")))
            text = words.get("quantity", "")
            if not text.strip():
                return {"problem": "", "is_refused": False, "nearest": []}
            checked = quantities.check(text, line)
            return {
                "problem": checked.problem,
                "is_refused": checked.quantity is None,
                "nearest": [digits(value) for value in checked.nearest],
            }

    def decide(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Save one field of a decision; return the line and its order as the page shows them then."""
        state = deciding.decide(
            self._home,
            str(asked.get("warehouse", "")),
            str(asked.get("sku", "")),
            str(asked.get("field", "")),
            asked.get("value"),
        )
        line, order = state["line"], state["order"]
        return {
            "row": render("desk/line_state.html", line=line),
            "quantity": digits(line["quantity"]) if line["is_changed"] else "",
            "value": f"{line['line_value']:,.2f}",
            "is_ticked": line["is_ticked"],
            "order": render("desk/order_state.html", order=order, remark=state["remark"]) if order else "",
        }

    def tick(self, asked: Mapping[str, str]) -> str:
        """Tick or untick all lines of an order; return the address to redirect to."""
        address = _order_of(asked)
        deciding.tick_order(self._home, *address.values(), is_ticked=asked.get("ticked") == "yes")
        return f"/order?{urlencode(address)}"

    # Files, and orders in Omnium --------------------------------------------------------------------

    def export(self, words: Words) -> tuple[str, bytes, str]:
        """A file of one order, or of the lines of all: name, content, media type. Raises NotThere or UsageError."""
        from omnium_elt.steps.export import export_lines
        from omnium_elt.steps.supplier_orders import export_orders

        kind = words.get("format", "xlsx")
        if kind not in MEDIA:
            raise NotThere
        chosen = _selection(words)
        with tempfile.TemporaryDirectory() as folder:
            if words.get("supplier"):
                export_orders(self._home, kind, folder, chosen)
                files = sorted(Path(folder).glob(f"*.{kind}"))
            else:
                files = [Path(folder) / f"purchase-proposal.{kind}"]
                export_lines(self._home, kind, str(files[0]), chosen)
            if len(files) != 1:
                raise UsageError("there is nothing to export", "Tick a line of the order first.")
            return files[0].name, files[0].read_bytes(), MEDIA[kind]

    def write(self, words: Words, *, apply: bool | None) -> str:
        """The page for writing orders. `apply` None: which lines; False: show the changes; True: make them."""
        from omnium_elt.infra.configuration import read_settings
        from omnium_elt.steps.run import perform
        from omnium_elt.write.step import orders_step

        chosen, report = _selection(words), None
        if apply is not None:
            settings = read_settings(self._home, {}, needs_tenant=True)
            report = perform(settings, Silent(), "write", [orders_step(chosen, apply=apply)])
        changes = [
            one for step in (report.steps if report else ()) for one in step.details.get("changes", ())
        ]
        with lines.connect(self._home) as connection:
            came_to = lines.choose(connection, chosen)
            shown = {
                "words": _order_of(words),
                "remarks": came_to.remarks,
                "lines": came_to.lines,
                "report": report,
                "changes": changes,
                "applied": bool(apply),
            }
            return self._shown(connection, "write", shown)

    def _shown(self, connection: Any, name: str, values: Shown) -> str:
        return render(
            f"desk/{name}.html",
            fresh=marts.freshness(connection, self._home),
            notebooks=self._notebooks,
            urgencies=lists.URGENCIES,
            actions=ACTIONS,
            **values,
        )


PAGES: Mapping[str, Callable[[Desk, Any, Words], Shown]] = {
    "today": Desk.today,
    "supplier": Desk.supplier,
    "order": Desk.order,
    "lines": Desk.lines,
    "list": Desk.list,
    "article": Desk.article,
    "search": Desk.search,
    "accuracy": Desk.accuracy,
}
"""Name of a page and of its template → the method that returns the values it shows."""
MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
}


def _there(found: Found | None) -> Found:
    """Return `found`; raise NotThere if it is empty or None."""
    if not found:
        raise NotThere
    return found


def _selection(words: Words) -> Selection:
    """The lines that a request selects; an empty id selects all."""
    return Selection(
        [words["supplier"]] if words.get("supplier") else [],
        [words["warehouse"]] if words.get("warehouse") else [],
        currency=words.get("currency") if words.get("supplier") else None,
    )


def _order_of(words: Words) -> dict[str, str]:
    """The parameters that identify an order; empty texts if the request is about all orders."""
    return {name: words.get(name, "") for name in ("supplier", "warehouse", "currency")}


def _offset(words: Words) -> int:
    text = words.get("from", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _cut(name: str, found: Sequence[Row], path: str, words: Mapping[str, str], offset: int) -> dict[str, Any]:
    """Cut rows to one page: the rows as `name`, and the addresses of the pages before and after.

    `found` holds one row more than a page if another page follows.
    """
    pages = {}
    if offset:
        pages["before"] = f"{path}?{urlencode({**words, 'from': max(0, offset - PAGE)})}"
    if len(found) > PAGE:
        pages["after"] = f"{path}?{urlencode({**words, 'from': offset + PAGE})}"
    return {name: found[:PAGE], "pages": pages}
