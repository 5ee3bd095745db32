"""Purchase orders, their receipts, and transfers from the central warehouse to the stores.

Lead times can be measured without bias only because a line's days are drawn when it is ordered, whatever happens later.
Only the end of the history, or a cancellation on a day drawn in advance, cuts a line off.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from omnium_sandbox.data.catalogue import CENTRAL, Cell
from omnium_sandbox.data.history import DAY, HOUR, History
from omnium_sandbox.data.sales import Sales
from omnium_sandbox.data.showcase import LOST_DAYS_AGO, LOST_ORDER


@dataclass
class Line:
    """A line of a purchase order. A split line becomes two lines of the row.

    One record, as its fields are the state of one line.
    """

    cell: Cell
    quantity: int
    days: int | None
    """Drawn days to full receipt; None if the line is cancelled or never received."""
    unit_cost: float
    promised: float | None
    canceled: int = 0
    delivered: int = 0
    split: int = 0
    """Units that become a second line with a delivery of its own."""
    over: int = 0
    parts: list[tuple[float, int]] = field(default_factory=list)
    """(time, quantity) of future receipts."""
    moved_promises: int = 0
    delivered_at: float | None = None
    shipped: bool = False

    @property
    def net(self) -> int:
        """Ordered less cancelled."""
        return self.quantity - self.canceled


@dataclass
class PurchaseOrder:
    """A purchase order, or a transfer from the central warehouse to a store."""

    number: int
    supplier: int | None
    """The number of the supplier; None for a transfer."""
    warehouse: int
    created: float
    lines: list[Line]
    modified: float = 0.0
    status: str = "Confirmed"
    canceled_at: float | None = None
    closes_short: bool = False
    deliveries: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id that the API shows."""
        return f"PO{self.number}"


class Purchases:
    """The buyers' side of the simulation: reorder points, purchase orders, transfers.

    One class, as buyers, suppliers and transfers change the same orders and share their numbers.
    """

    def __init__(self, history: History, sales: Sales) -> None:
        self.history, self.sales = history, sales
        self.orders: list[PurchaseOrder] = []
        self._number = 100_000
        self._delivery_number = 0
        self._reception_number = 0
        self._by_supplier: list[list[Cell]] = [[] for _ in history.catalogue.suppliers]

    def plan(self) -> None:
        """Set the buyer's reorder points, from average sales and the configured lead time, which may be wrong."""
        catalogue, scale = self.history.catalogue, self.history.catalogue.scale
        totals: dict[int, float] = {}
        for cell in catalogue.cells:
            article = catalogue.articles[cell.article]
            for number, quantity in article.components or [(article.number, 1)]:
                totals[number] = totals.get(number, 0.0) + cell.curve.base * quantity
        for cell in catalogue.cells:
            article = catalogue.articles[cell.article]
            if article.is_package:
                continue
            rate = totals[article.number] if cell.warehouse == CENTRAL else cell.curve.base
            rate *= self.history.choice.uniform(0.9, 1.1)
            if cell.warehouse == CENTRAL:
                self._by_supplier[article.supplier].append(cell)
                days = catalogue.suppliers[article.supplier].configured_days + scale.review_days
                cover = scale.cover_days
            else:
                days, cover = scale.transfer_days + 3, scale.transfer_cover_days
            # Stores have spare stock. The central warehouse may sell out if a supplier is late.
            spare = 1.0 if cell.warehouse == CENTRAL else 1.5
            largest = max(cell.quantities)
            spread = spare * math.sqrt(rate * days * largest)
            cell.reorder_point = math.floor(rate * days + spread + (largest if rate * days < 6 else 1))
            cell.order_up_to = max(cell.reorder_point + 1, math.ceil(cell.reorder_point + rate * cover))

    def open_stock(self) -> None:
        """The stock on the first day, or on the day when an article comes into the range."""
        for cell in self.history.catalogue.cells:
            article = self.history.catalogue.articles[cell.article]
            if article.is_package:
                continue
            spread = cell.order_up_to - cell.reorder_point
            quantity = cell.reorder_point + round(spread * self.history.choice.random())
            if self.history.choice.random() < 0.04:
                quantity = 0
            if (
                cell.warehouse != CENTRAL
                and cell.lines_per_day < 0.002
                and self.history.choice.random() < 0.7
            ):
                # The store carries the article but never had it in stock.
                continue
            quantity += cell.opening_excess
            if article.first_day:
                self.history.at(article.first_day * DAY + 300.0, self._begin(cell, max(1, quantity)))
                continue
            if quantity:
                self.history.move(cell, 300.0, quantity, 0, "InventoryCount", reason="Opening stock")
            self.history.check(cell)

    def _begin(self, cell: Cell, quantity: int) -> Callable[[float], None]:
        """An event that brings the first stock of an article that comes into the range later."""

        def action(seconds: float) -> None:
            self.history.move(cell, seconds, quantity, 0, "InventoryCount", reason="New in the range")
            self.history.check(cell)

        return action

    def review(self, day: int) -> None:
        """The buyer reviews cells whose stock changed, by supplier and by store, on the days of their reviews."""
        catalogue, scale = self.history.catalogue, self.history.catalogue.scale
        if day == scale.days - LOST_DAYS_AGO:
            self._lose_order(day)
        for number in range(len(catalogue.suppliers)):
            if (day + number) % scale.review_days == 0:
                self._purchase(day, number)
        for store in range(1, len(catalogue.warehouses)):
            if (day + store) % scale.transfer_days == 0:
                self._transfer(day, store)

    def _lose_order(self, day: int) -> None:
        """Place an order that never arrives and is never closed, so that the buyer always takes it for on order."""
        article = next(one for one in self.history.catalogue.articles if one.sku == LOST_ORDER)
        cell = self.history.catalogue.cell_of[article.number, CENTRAL]
        created = self.history.some_time(day)
        order = PurchaseOrder(self._next_number(), article.supplier, CENTRAL, created, [])
        order.modified = created + HOUR
        order.lines.append(Line(cell, 40, None, article.cost, (day + 18) * DAY + 12 * HOUR))
        cell.on_order += 40
        self.orders.append(order)
        self._log_status(order, created, "Confirmed")

    def _purchase(self, day: int, number: int) -> None:
        catalogue, choice = self.history.catalogue, self.history.choice
        supplier = catalogue.suppliers[number]
        pending = self.history.to_check.pop(number, set())
        due: list[tuple[Cell, int]] = []
        for cell_number in sorted(pending):
            cell = catalogue.cells[cell_number]
            article = catalogue.articles[cell.article]
            position = cell.available + cell.on_order
            if position > cell.reorder_point or article.is_excluded or cell.is_overlooked(day):
                continue
            if article.discontinued_day is not None and article.discontinued_day <= day:
                continue
            quantity = cell.order_up_to - position
            if not article.can_break_pack or choice.random() < 0.8:
                quantity = math.ceil(quantity / article.pack) * article.pack
            due.append((cell, quantity))
        value = sum(catalogue.articles[cell.article].cost * quantity for cell, quantity in due)
        urgent = any(cell.available <= 0 for cell, _ in due)
        if due and value < supplier.minimum_amount and not urgent:
            self.history.to_check[number] = {cell.number for cell, _ in due}
            return
        while due:
            chunk, due = due[:12], due[12:]
            self._order(day, number, chunk)

    def _order(self, day: int, number: int, wanted: list[tuple[Cell, int]]) -> None:
        catalogue, choice = self.history.catalogue, self.history.choice
        supplier = catalogue.suppliers[number]
        created = day * DAY + choice.uniform(6, 16) * HOUR
        promised_day = day + max(1, supplier.quoted_days + choice.choice([-1, 0, 0, 0, 1]))
        order = PurchaseOrder(self._next_number(), number, CENTRAL, created, [], modified=created + HOUR)
        if choice.random() < 0.02:
            order.canceled_at = self.history.some_time(day + choice.randint(3, 40))
        elif len(wanted) == 1 and choice.random() < 0.2:
            order.closes_short = True
        for cell, quantity in wanted:
            article = catalogue.articles[cell.article]
            line = self._line(order, cell, quantity, article.cost, day, number)
            if supplier.by_truck:
                _load_truck(order, line)
            line.promised = None if choice.random() < 0.1 else promised_day * DAY + 12 * HOUR
            order.lines.append(line)
        self._place(order)
        if order.canceled_at:
            self.history.at(order.canceled_at, lambda seconds: self._cancel(order, seconds))
        self._log_status(order, created, "New")
        self._log_status(order, created + HOUR, "Confirmed")

    def _line(
        self, order: PurchaseOrder, cell: Cell, quantity: int, cost: float, day: int, number: int
    ) -> Line:
        """A line of an order, with everything that will happen to it."""
        choice = self.history.choice
        supplier = self.history.catalogue.suppliers[number]
        fate = choice.random()
        line = Line(cell, quantity, None, round(cost * choice.uniform(0.97, 1.03), 2), None)
        if order.canceled_at is None and not order.closes_short:
            if fate < 0.02:
                line.canceled = quantity
                return line
            if fate < 0.05 and quantity > 3:
                line.canceled = choice.randint(1, quantity // 3)
        regime = supplier.regime(day)
        supplier.lines[regime] += 1
        line.days = bisect_right(supplier.regimes[regime].cumulative, choice.random())
        net = line.net
        last = self.history.some_time(day + line.days)
        if order.closes_short and net > 1:
            line.parts = [(last, choice.randint(max(1, net // 2), net - 1))]
        elif 0.05 <= fate < 0.22 and order.canceled_at is None and net > 1 and line.days > 2:
            first = choice.randint(1, net - 1)
            earlier = self.history.some_time(day + choice.randint(1, line.days - 1))
            line.parts = [(earlier, first), (last, net - first)]
        elif 0.22 <= fate < 0.25:
            line.over = choice.randint(1, max(1, net // 10))
            line.parts = [(last, net + line.over)]
        else:
            line.parts = [(last, net)]
        if 0.25 <= fate < 0.3 and quantity > 3:
            line.split = choice.randint(1, quantity - 1)
        if 0.3 <= fate < 0.36:
            line.moved_promises = 1
        return line

    def _place(self, order: PurchaseOrder) -> None:
        for line in order.lines:
            line.cell.on_order += line.net
            for seconds, quantity in line.parts:
                self.history.at(seconds, self._receive(order, line, quantity))
            if line.moved_promises and line.promised is not None and line.days:
                self._move_promise(order, line)
        self.orders.append(order)

    def _move_promise(self, order: PurchaseOrder, line: Line) -> None:
        """Three days before the promised day, promise a later one, unless goods of the line have come by then."""
        postponed_at = line.promised - 3 * DAY if line.promised else 0.0
        if postponed_at <= order.created:
            return

        def action(seconds: float) -> None:
            if line.delivered == 0 and order.status in ("Confirmed", "InProgress") and line.promised:
                line.promised += self.history.choice.choice([5, 7, 14]) * DAY
                order.modified = seconds
                self.history.log(seconds, "PurchaseOrder", "PurchaseOrderLineChanged", order.id, order.status)

        self.history.at(postponed_at, action)

    def _receive(self, order: PurchaseOrder, line: Line, quantity: int) -> Callable[[float], None]:
        def action(seconds: float) -> None:
            if order.status in ("OrderCanceled", "Completed"):
                return
            cell = line.cell
            cell.on_order -= min(quantity, line.net - min(line.delivered, line.net))
            line.delivered += quantity
            line.delivered_at = line.delivered_at or seconds
            self._reception_number += 1
            self.history.move(
                cell,
                seconds,
                quantity,
                0,
                "TransferIn" if order.supplier is None else "GoodsReception",
                purchaseOrderId=order.id,
                goodsReceptionId=f"GR{self._reception_number:06d}",
                userName="Lager",
            )
            self.sales.ship_backlog(cell, seconds)
            order.modified = seconds + 60
            before = order.status
            is_done = all(one.delivered >= one.net for one in order.lines) or order.closes_short
            order.status = "Completed" if is_done else "InProgress"
            if is_done:
                for one in order.lines:
                    one.cell.on_order -= max(0, one.net - one.delivered)
                    self.history.check(one.cell)
            if order.status != before:
                self._log_status(order, seconds + 60, order.status)

        return action

    def _cancel(self, order: PurchaseOrder, seconds: float) -> None:
        if order.status == "Completed":
            return
        for line in order.lines:
            line.cell.on_order -= max(0, line.net - line.delivered)
            self.history.check(line.cell)
        order.status, order.modified = "OrderCanceled", seconds
        self._log_status(order, seconds, "OrderCanceled")

    def _transfer(self, day: int, store: int) -> None:
        """Order a transfer that refills a store, as far as the central stock suffices."""
        catalogue, choice = self.history.catalogue, self.history.choice
        pending = sorted(self.history.to_check.pop(-store, set()))
        order = PurchaseOrder(
            self._next_number(),
            None,
            store,
            day * DAY + choice.uniform(6, 10) * HOUR,
            [],
        )
        order.modified = order.created
        still: set[int] = set()
        for number in pending:
            cell = catalogue.cells[number]
            article = catalogue.articles[cell.article]
            if cell.available + cell.on_order > cell.reorder_point or cell.is_overlooked(day):
                continue
            source = catalogue.cell_of[cell.article, CENTRAL]
            wanted = cell.order_up_to - cell.available - cell.on_order
            quantity = min(wanted, max(0, source.available))
            if quantity < wanted:
                still.add(number)
            if quantity <= 0 or len(order.lines) >= 25:
                still.add(number)
                continue
            days = choice.choice([1, 2, 2, 2, 3, 3, 4, 6])
            line = Line(cell, quantity, days, article.cost, (day + 2) * DAY + 12 * HOUR)
            line.parts = [(self.history.some_time(day + days), quantity)]
            order.lines.append(line)
            cell.on_order += quantity
        self.history.to_check.setdefault(-store, set()).update(still)
        if not order.lines:
            return
        self.orders.append(order)
        self._log_status(order, order.created, "Confirmed")
        ships = day * DAY + choice.uniform(11, 20) * HOUR
        self.history.at(ships, lambda seconds: self._send(order, seconds))

    def _send(self, order: PurchaseOrder, seconds: float) -> None:
        """Take a transfer's units from the central stock, as far as they are still available."""
        delivery = self.next_delivery()
        order.deliveries.append(delivery)
        for line in order.lines:
            source = self.history.catalogue.cell_of[line.cell.article, CENTRAL]
            quantity = min(line.quantity, max(0, source.available))
            line.cell.on_order -= line.quantity - quantity
            line.canceled = line.quantity - quantity
            line.shipped = True
            if quantity:
                self.history.move(source, seconds, -quantity, 0, "TransferOut", internalReference=order.id)
                self.history.check(source)
                self.history.at(max(seconds + HOUR, line.parts[0][0]), self._receive(order, line, quantity))
            line.parts = []
        order.modified = seconds
        order.status = "InProgress" if any(line.net for line in order.lines) else "Completed"
        self._log_status(order, seconds, order.status)

    def place_drafts(self) -> None:
        """A few orders that were entered but not placed."""
        catalogue, choice = self.history.catalogue, self.history.choice
        for _ in range(max(1, len(self.orders) // 150)):
            number = choice.randrange(len(catalogue.suppliers))
            cells = self._by_supplier[number]
            if not cells:
                continue
            created = self.history.end - choice.uniform(0.1, 4) * DAY
            order = PurchaseOrder(self._next_number(), number, CENTRAL, created, [])
            order.status, order.modified = choice.choice(["New", "New", "OnHold"]), created
            for cell in choice.sample(cells, min(len(cells), choice.randint(1, 3))):
                article = catalogue.articles[cell.article]
                order.lines.append(Line(cell, 5 * article.pack, None, article.cost, None))
            self.orders.append(order)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def next_delivery(self) -> str:
        """The id of a new delivery."""
        self._delivery_number += 1
        return f"DEL{self._delivery_number:06d}"

    def _log_status(self, order: PurchaseOrder, seconds: float, status: str) -> None:
        self.history.log(seconds, "PurchaseOrder", "PurchaseOrderStatusChanged", order.id, status)


def _load_truck(order: PurchaseOrder, line: Line) -> None:
    """Make a line arrive together with the other lines of its order, in one receipt."""
    if not line.parts:
        return
    loaded = next((other for other in order.lines if other.parts), None)
    if loaded is not None:
        line.days = loaded.days
    moment = (loaded or line).parts[-1][0]
    line.parts = [(moment, sum(units for _, units in line.parts))]
