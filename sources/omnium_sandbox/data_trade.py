"""The retailer's days: customers buy while there is stock, buyers order, suppliers take their time.

One loop over all events in order of time. Every change of stock is a transaction, so that the stock is
the sum of its transactions; every sale and receipt happens at a time spread evenly over the day, so that
the share of a day in stock and the demand of that day go together.

What must stay true for lead times to be measurable without bias: a line's days are drawn when it is
ordered, whatever happens later; only time (the history's end, or a cancellation on a day drawn before)
cuts it off.
"""

import heapq
import math
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy

from omnium_sandbox.data_catalogue import (
    CENTRAL,
    TRANSFER_SUPPLIER,
    VIRTUAL_CODE,
    Article,
    Catalogue,
    Cell,
)
from omnium_sandbox.data_demand import demand_events
from omnium_sandbox.data_people import Person
from omnium_sandbox.data_showcase import LOST_DAYS_AGO, LOST_ORDER
from omnium_sandbox.rows import Row
from omnium_sandbox.tenant import Collection, Tenant

DAY = 86_400.0
_HOUR = 3_600.0


@dataclass
class Line:
    """A line of a purchase order; a split line stands as two in the order."""

    cell: Cell
    quantity: int
    days: int | None
    """Drawn days to full receipt; None for a line that is cancelled."""
    unit_cost: float
    promised: float | None
    canceled: int = 0
    delivered: int = 0
    split: int = 0
    """Units that stand as a second line with a delivery of its own."""
    over: int = 0
    parts: list[tuple[float, int]] = field(default_factory=list)
    """(time, quantity) of receipts to come."""
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
    """None: a transfer."""
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
        """As the API shows it."""
        return f"PO{self.number}"


class Trade:
    """One run of the retailer's history into a tenant."""

    def __init__(
        self,
        tenant: Tenant,
        catalogue: Catalogue,
        people: list[Person],
        choice: random.Random,
        *,
        keep_orders: bool = True,
    ) -> None:
        self.tenant, self.catalogue, self.people, self.choice = tenant, catalogue, people, choice
        self.keep_orders = keep_orders
        self.start = datetime.combine(catalogue.first_day, datetime.min.time(), UTC)
        self.end = catalogue.scale.days * DAY - 2.5 * _HOUR
        self._events: list[tuple[float, int, Any]] = []
        self._sequence = 0
        self._transactions: Collection = tenant.collection("inventory_transactions")
        self._orders: Collection = tenant.collection("orders")
        self._returns: Collection = tenant.collection("returns")
        self._log: Collection = tenant.collection("event_log")
        self.purchase_orders: list[PurchaseOrder] = []
        self.recent_orders: list[Row] = []
        self._cells_to_check: dict[int, set[int]] = {}
        self._transaction_number = 0
        self._order_number = 1_000_000
        self._purchase_number = 100_000
        self._event_number = 0
        self._delivery_number = 0
        self._reception_number = 0
        self._backlog: dict[int, list[tuple[int, str, str]]] = {}
        """By cell: what customers wait for, as (units, order, line)."""
        self._missing: dict[tuple[str, str], int] = {}
        """By order and line: from how many stocks something is still to come."""
        self._by_supplier: list[list[Cell]] = [[] for _ in catalogue.suppliers]

    # Time and events

    def iso(self, seconds: float) -> str:
        """A second of the history as the API writes it."""
        return (self.start + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def at(self, seconds: float, action: Any) -> None:
        """Does something at a later time; never, where the history ends before."""
        if seconds < self.end:
            self._sequence += 1
            heapq.heappush(self._events, (seconds, self._sequence, action))

    def some_time(self, day: int) -> float:
        """A moment between 06 and 22 o'clock of a day."""
        return day * DAY + self.choice.uniform(6, 22) * _HOUR

    # The loop

    def run(self, generator: numpy.random.Generator) -> None:
        """Plays the whole history, then writes purchase orders, deliveries and inventory."""
        self._plan()
        self._open_stock()
        orders = self._orders_of(generator)
        position, days = 0, self.catalogue.scale.days
        for day in range(days):
            self._review(day)
            limit = min((day + 1) * DAY, self.end)
            while True:
                next_order = orders[position][0] if position < len(orders) else math.inf
                next_event = self._events[0][0] if self._events else math.inf
                if min(next_order, next_event) >= limit:
                    break
                if next_event <= next_order:
                    seconds, _, action = heapq.heappop(self._events)
                    action(seconds)
                else:
                    seconds, warehouse, wanted = orders[position]
                    position += 1
                    self._sell(seconds, warehouse, wanted)
                    if self.choice.random() < 0.015 and seconds < self.end - 3 * DAY:
                        # On top of what is wanted: somebody orders and thinks better of it.
                        self._sell(seconds, warehouse, wanted, is_canceled=True)
        self._place_drafts()
        self._write_purchase_orders()
        self._write_inventory()

    def _orders_of(
        self, generator: numpy.random.Generator
    ) -> list[tuple[float, int, list[tuple[Cell, int]]]]:
        """Demand gathered into customer orders: what comes to one warehouse within a day (or
        `order_span_days`), a few at a time."""
        cells = self.catalogue.cells
        by_warehouse: dict[int, list[tuple[float, int, int]]] = {}
        numbers, seconds, quantities = demand_events(cells, self.catalogue.scale.days, generator)
        for number, second, quantity in zip(
            numbers.tolist(), seconds.tolist(), quantities.tolist(), strict=True
        ):
            by_warehouse.setdefault(cells[number].warehouse, []).append((second, number, quantity))
        orders: list[tuple[float, int, list[tuple[Cell, int]]]] = []
        mean, span = self.catalogue.scale.lines_per_order, self.catalogue.scale.order_span_days
        for warehouse, events in by_warehouse.items():
            position = 0
            while position < len(events):
                size = 1 + min(15, int(self.choice.expovariate(0.8 / mean)))
                limit = (events[position][0] // DAY + span) * DAY
                chunk = [event for event in events[position : position + size] if event[0] < limit]
                position += len(chunk)
                wanted: dict[int, int] = {}
                for _, number, quantity in chunk:
                    wanted[number] = wanted.get(number, 0) + quantity
                orders.append(
                    (chunk[0][0], warehouse, [(cells[number], units) for number, units in wanted.items()])
                )
        orders.sort(key=lambda order: order[0])
        return orders

    def _plan(self) -> None:
        """The buyer's reorder points: from average sales and the configured lead time, right or wrong."""
        catalogue, scale = self.catalogue, self.catalogue.scale
        whole: dict[int, float] = {}
        for cell in catalogue.cells:
            article = catalogue.articles[cell.article]
            for number, quantity in article.components or [(article.number, 1)]:
                whole[number] = whole.get(number, 0.0) + cell.curve.base * quantity
        for cell in catalogue.cells:
            article = catalogue.articles[cell.article]
            if article.is_package:
                continue
            rate = whole[article.number] if cell.warehouse == CENTRAL else cell.curve.base
            rate *= self.choice.uniform(0.9, 1.1)
            if cell.warehouse == CENTRAL:
                self._by_supplier[article.supplier].append(cell)
                days = catalogue.suppliers[article.supplier].configured_days + scale.review_days
                cover = scale.cover_days
            else:
                days, cover = scale.transfer_days + 3, scale.transfer_cover_days
            # Enough of what sells seldom; the central warehouse runs dry when suppliers are late.
            spare = 1.0 if cell.warehouse == CENTRAL else 1.5
            largest = max(cell.quantities)
            spread = spare * math.sqrt(rate * days * largest)
            cell.reorder_point = math.floor(rate * days + spread + (largest if rate * days < 6 else 1))
            cell.order_up_to = max(cell.reorder_point + 1, math.ceil(cell.reorder_point + rate * cover))

    def _open_stock(self) -> None:
        for cell in self.catalogue.cells:
            article = self.catalogue.articles[cell.article]
            if article.is_package:
                continue
            spread = cell.order_up_to - cell.reorder_point
            quantity = cell.reorder_point + round(spread * self.choice.random())
            if self.choice.random() < 0.04:
                quantity = 0
            if cell.warehouse != CENTRAL and cell.lines_per_day < 0.002 and self.choice.random() < 0.7:
                # The store has a place for it and never had one.
                continue
            quantity += cell.opening_excess
            if article.first_day:
                self.at(article.first_day * DAY + 300.0, self._begin(cell, max(1, quantity)))
                continue
            if quantity:
                self._move(cell, 300.0, quantity, 0, "InventoryCount", reason="Opening stock")
            self._check(cell)

    def _begin(self, cell: Cell, quantity: int) -> Any:
        """The first stock of an article that comes into the range later."""

        def action(seconds: float) -> None:
            self._move(cell, seconds, quantity, 0, "InventoryCount", reason="New in the range")
            self._check(cell)

        return action

    # Stock

    def _move(self, cell: Cell, seconds: float, change: int, reserved: int, kind: str, **fields: Any) -> None:
        """Changes stock and writes the transaction; twice where a virtual location shows it again."""
        cell.on_hand += change
        cell.reserved += reserved
        # No two in the same second: whoever sorts by time gets the order in which they happened.
        seconds = cell.last_moved = max(int(seconds), int(cell.last_moved) + 1)
        article = self.catalogue.articles[cell.article]
        warehouse = self.catalogue.warehouses[cell.warehouse]
        self._transaction_number += 1
        row: Row = {
            "id": f"IT{self._transaction_number:08d}",
            "transactionDate": self.iso(seconds),
            "transactionType": kind,
            "variant": article.sku,
            "warehouseCode": warehouse.code,
            "warehouseName": warehouse.name,
            "inventoryChange": change,
            "newInventory": cell.on_hand,
            "reservedInventoryChange": reserved,
            "newReservedInventory": cell.reserved,
            "inventoryChangeValue": round(change * article.cost, 2),
            **fields,
        }
        self._transactions.put(row)
        if cell.mirror:
            self._transaction_number += 1
            virtual = {name: value for name, value in row.items() if name not in fields}
            self._transactions.put(
                {
                    **virtual,
                    "id": f"IT{self._transaction_number:08d}",
                    "warehouseCode": VIRTUAL_CODE,
                    "warehouseName": "Nettlager Oslo",
                    "isVirtual": True,
                    "physicalWarehouseCode": warehouse.code,
                    "relatedTransactionId": row["id"],
                }
            )

    def _check(self, cell: Cell) -> None:
        """Has the buyer look at this stock at the next review."""
        key = self.catalogue.articles[cell.article].supplier if cell.warehouse == CENTRAL else -cell.warehouse
        self._cells_to_check.setdefault(key, set()).add(cell.number)

    # Sales

    def _sell(
        self,
        seconds: float,
        warehouse: int,
        wanted: list[tuple[Cell, int]],
        *,
        is_canceled: bool = False,
    ) -> None:
        """One customer: takes what is there; what is not there is demand that nobody sees."""
        catalogue, choice = self.catalogue, self.choice
        taken: list[tuple[Cell, int]] = []
        waiting: list[tuple[Cell, int]] = []
        can_wait = seconds > self.end - 9 * DAY and not is_canceled and warehouse == CENTRAL
        for cell, quantity in wanted:
            article = catalogue.articles[cell.article]
            if self._can_sell(article, cell):
                taken.append((cell, quantity))
                self._claim(article, cell, quantity)
            elif can_wait and choice.random() < 0.1:
                waiting.append((cell, quantity))
        for cell, quantity in taken:
            self._claim(catalogue.articles[cell.article], cell, -quantity)
        if not taken and not waiting:
            return
        ships = seconds
        is_late = warehouse == CENTRAL and (seconds > self.end - 2 * DAY or choice.random() < 0.15)
        if is_late or is_canceled:
            ships = seconds + choice.uniform(8, 56) * _HOUR
        self._order_number += 1
        order = CustomerOrder(self, self._order_number, seconds, warehouse, ships, is_canceled)
        for cell, quantity in taken:
            article = catalogue.articles[cell.article]
            needed = self._stock_of(article, cell, quantity)
            is_short = not is_canceled and any(stock.available < units for stock, units in needed)
            line_id = order.add(article, cell, quantity, is_canceled=is_canceled, is_short=is_short)
            for stock, units in needed:
                if is_short:
                    # Part of it is there, so the customer orders, and the whole line waits for the rest.
                    self._move(stock, seconds, 0, units, "Reservation", orderId=order.id)
                    self._wait(stock, units, order.id, line_id)
                elif ships > seconds:
                    self._move(stock, seconds, 0, units, "Reservation", orderId=order.id)
                    self.at(ships, self._ship(stock, units, order.id, line_id, is_canceled))
                else:
                    self._move(stock, seconds, -units, 0, "Sale", orderId=order.id)
                self._check(stock)
        for cell, quantity in waiting:
            order.add(catalogue.articles[cell.article], cell, quantity, is_waiting=True)
        order.finish()

    def _stock_of(self, article: Article, cell: Cell, quantity: int) -> list[tuple[Cell, int]]:
        """Where the units come from: a package is taken from its components' stock."""
        if not article.components:
            return [(cell, quantity)]
        cell_of = self.catalogue.cell_of
        return [(cell_of[part, cell.warehouse], units * quantity) for part, units in article.components]

    def _can_sell(self, article: Article, cell: Cell) -> bool:
        """Whether there is something left; where there is, the whole quantity can be ordered."""
        return all(stock.available >= min(1, units) for stock, units in self._stock_of(article, cell, 1))

    def _claim(self, article: Article, cell: Cell, quantity: int) -> None:
        for stock, units in self._stock_of(article, cell, quantity):
            stock.reserved += units

    def _ship(self, stock: Cell, units: int, order_id: str, line_id: str, is_canceled: bool) -> Any:
        def action(seconds: float) -> None:
            if is_canceled:
                self._move(stock, seconds, 0, -units, "Reservation", orderId=order_id, reason="Canceled")
            elif stock.on_hand < units:
                self._wait(stock, units, order_id, line_id)
                self._reopen(order_id, line_id)
            else:
                self._move(stock, seconds, -units, -units, "Sale", orderId=order_id)
                self._check(stock)

        return action

    def _wait(self, stock: Cell, units: int, order_id: str, line_id: str) -> None:
        self._backlog.setdefault(stock.number, []).append((units, order_id, line_id))
        self._missing[order_id, line_id] = self._missing.get((order_id, line_id), 0) + 1

    def _ship_backlog(self, stock: Cell, seconds: float) -> None:
        """Sends what customers wait for, first come first served, as far as the stock goes."""
        waiting = self._backlog.get(stock.number, [])
        while waiting and stock.on_hand >= waiting[0][0]:
            units, order_id, line_id = waiting.pop(0)
            self._move(stock, seconds, -units, -units, "Sale", orderId=order_id)
            self._missing[order_id, line_id] -= 1
            if not self._missing[order_id, line_id]:
                self._deliver(order_id, line_id, seconds)

    def _reopen(self, order_id: str, line_id: str) -> None:
        """An order that was to be sent and cannot."""
        order = self._orders.get(order_id)
        if order:
            for line in _lines_of(order, line_id):
                line["deliveredQuantity"] = 0
                line.pop("returnQuantity", None)
            order["status"] = "InProgress"
            self._orders.put(order)

    def _deliver(self, order_id: str, line_id: str, seconds: float) -> None:
        order = self._orders.get(order_id)
        if order is None:
            return
        for line in _lines_of(order, line_id):
            line["deliveredQuantity"] = line["quantity"] - line["canceledQuantity"]
        open_lines = [
            line
            for line in order["orderForm"]["lineItems"]
            if line["deliveredQuantity"] + line["canceledQuantity"] < line["quantity"]
        ]
        if not open_lines and order["status"] == "InProgress":
            order["status"] = order["orderForm"]["shipments"][0]["status"] = "Completed"
        order["modified"] = max(order["modified"], self.iso(seconds + 60))
        self._orders.put(order)

    def take_back(self, stock: Cell, units: int, order_id: str, return_id: str) -> Any:
        """A customer's return, when its day comes."""

        def action(seconds: float) -> None:
            self._move(stock, seconds, units, 0, "Return", orderId=order_id, returnOrderId=return_id)
            self._ship_backlog(stock, seconds)

        return action

    # Purchases

    def _review(self, day: int) -> None:
        catalogue, scale = self.catalogue, self.catalogue.scale
        if day == scale.days - LOST_DAYS_AGO:
            self._lose_order(day)
        for number in range(len(catalogue.suppliers)):
            if (day + number) % scale.review_days == 0:
                self._purchase(day, number)
        for store in range(1, len(catalogue.warehouses)):
            if (day + store) % scale.transfer_days == 0:
                self._transfer(day, store)

    def _lose_order(self, day: int) -> None:
        """An order that never comes and that nobody closes: the buyer believes for ever that it is on its way."""
        article = next(one for one in self.catalogue.articles if one.sku == LOST_ORDER)
        cell = self.catalogue.cell_of[article.number, CENTRAL]
        created = self.some_time(day)
        order = PurchaseOrder(self._next_purchase_order(), article.supplier, CENTRAL, created, [])
        order.modified = created + _HOUR
        order.lines.append(Line(cell, 40, None, article.cost, (day + 18) * DAY + 12 * _HOUR))
        cell.on_order += 40
        self.purchase_orders.append(order)
        self._log_status(order, created, "Confirmed")

    def _purchase(self, day: int, number: int) -> None:
        catalogue, choice = self.catalogue, self.choice
        supplier = catalogue.suppliers[number]
        pending = self._cells_to_check.pop(number, set())
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
            self._cells_to_check[number] = {cell.number for cell, _ in due}
            return
        while due:
            chunk, due = due[:12], due[12:]
            self._order(day, number, chunk)

    def _order(self, day: int, number: int, wanted: list[tuple[Cell, int]]) -> None:
        catalogue, choice = self.catalogue, self.choice
        supplier = catalogue.suppliers[number]
        created = day * DAY + choice.uniform(6, 16) * _HOUR
        promised_day = day + max(1, supplier.quoted_days + choice.choice([-1, 0, 0, 0, 1]))
        order = PurchaseOrder(
            self._next_purchase_order(), number, CENTRAL, created, [], modified=created + _HOUR
        )
        if choice.random() < 0.02:
            order.canceled_at = self.some_time(day + choice.randint(3, 40))
        elif len(wanted) == 1 and choice.random() < 0.2:
            order.closes_short = True
        for cell, quantity in wanted:
            article = catalogue.articles[cell.article]
            line = self._line(order, cell, quantity, article.cost, day, number)
            if supplier.by_truck:
                _load_truck(order, line)
            line.promised = None if choice.random() < 0.1 else promised_day * DAY + 12 * _HOUR
            order.lines.append(line)
        self._place(order)
        if order.canceled_at:
            self.at(order.canceled_at, lambda seconds: self._cancel(order, seconds))
        self._log_status(order, created, "New")
        self._log_status(order, created + _HOUR, "Confirmed")

    def _line(
        self, order: PurchaseOrder, cell: Cell, quantity: int, cost: float, day: int, number: int
    ) -> Line:
        """One line and its fate, drawn at once."""
        choice = self.choice
        supplier = self.catalogue.suppliers[number]
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
        cumulative = _cumulative(supplier.regimes[regime])
        line.days = bisect_right(cumulative, choice.random())
        net = line.net
        last = self.some_time(day + line.days)
        if order.closes_short and net > 1:
            line.parts = [(last, choice.randint(max(1, net // 2), net - 1))]
        elif 0.05 <= fate < 0.22 and order.canceled_at is None and net > 1 and line.days > 2:
            first = choice.randint(1, net - 1)
            earlier = self.some_time(day + choice.randint(1, line.days - 1))
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
                self.at(seconds, self._receive(order, line, quantity))
            if line.moved_promises and line.promised is not None and line.days:
                self._move_promise(order, line)
        self.purchase_orders.append(order)

    def _move_promise(self, order: PurchaseOrder, line: Line) -> None:
        """Tells a later day, some days before the promised one, if the goods have not come by then."""
        told = line.promised - 3 * DAY if line.promised else 0.0
        if told <= order.created:
            return

        def action(seconds: float) -> None:
            if line.delivered == 0 and order.status in ("Confirmed", "InProgress") and line.promised:
                line.promised += self.choice.choice([5, 7, 14]) * DAY
                order.modified = seconds
                self._log_event(seconds, "PurchaseOrder", "PurchaseOrderLineChanged", order.id, order.status)

        self.at(told, action)

    def _receive(self, order: PurchaseOrder, line: Line, quantity: int) -> Any:
        def action(seconds: float) -> None:
            if order.status in ("OrderCanceled", "Completed"):
                return
            cell = line.cell
            cell.on_order -= min(quantity, line.net - min(line.delivered, line.net))
            line.delivered += quantity
            line.delivered_at = line.delivered_at or seconds
            self._reception_number += 1
            self._move(
                cell,
                seconds,
                quantity,
                0,
                "TransferIn" if order.supplier is None else "GoodsReception",
                purchaseOrderId=order.id,
                goodsReceptionId=f"GR{self._reception_number:06d}",
                userName="Lager",
            )
            self._ship_backlog(cell, seconds)
            order.modified = seconds + 60
            before = order.status
            is_done = all(one.delivered >= one.net for one in order.lines) or order.closes_short
            order.status = "Completed" if is_done else "InProgress"
            if is_done:
                for one in order.lines:
                    one.cell.on_order -= max(0, one.net - one.delivered)
                    self._check(one.cell)
            if order.status != before:
                self._log_status(order, seconds + 60, order.status)

        return action

    def _cancel(self, order: PurchaseOrder, seconds: float) -> None:
        if order.status == "Completed":
            return
        for line in order.lines:
            line.cell.on_order -= max(0, line.net - line.delivered)
            self._check(line.cell)
        order.status, order.modified = "OrderCanceled", seconds
        self._log_status(order, seconds, "OrderCanceled")

    def _transfer(self, day: int, store: int) -> None:
        """Brings a store back to its level, as far as the central stock goes."""
        catalogue, choice = self.catalogue, self.choice
        pending = sorted(self._cells_to_check.pop(-store, set()))
        order = PurchaseOrder(
            self._next_purchase_order(),
            None,
            store,
            day * DAY + choice.uniform(6, 10) * _HOUR,
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
            line = Line(cell, quantity, days, article.cost, (day + 2) * DAY + 12 * _HOUR)
            line.parts = [(self.some_time(day + days), quantity)]
            order.lines.append(line)
            cell.on_order += quantity
        self._cells_to_check.setdefault(-store, set()).update(still)
        if not order.lines:
            return
        self.purchase_orders.append(order)
        self._log_status(order, order.created, "Confirmed")
        ships = day * DAY + choice.uniform(11, 20) * _HOUR
        self.at(ships, lambda seconds: self._send(order, seconds))

    def _send(self, order: PurchaseOrder, seconds: float) -> None:
        """Takes a transfer's units from the central stock; what sold out meanwhile is not sent."""
        delivery = self._next_delivery()
        order.deliveries.append(delivery)
        for line in order.lines:
            source = self.catalogue.cell_of[line.cell.article, CENTRAL]
            quantity = min(line.quantity, max(0, source.available))
            line.cell.on_order -= line.quantity - quantity
            line.canceled = line.quantity - quantity
            line.shipped = True
            if quantity:
                self._move(source, seconds, -quantity, 0, "TransferOut", internalReference=order.id)
                self._check(source)
                self.at(max(seconds + _HOUR, line.parts[0][0]), self._receive(order, line, quantity))
            line.parts = []
        order.modified = seconds
        order.status = "InProgress" if any(line.net for line in order.lines) else "Completed"
        self._log_status(order, seconds, order.status)

    def _place_drafts(self) -> None:
        """A few orders that were typed in and not placed."""
        catalogue, choice = self.catalogue, self.choice
        for _ in range(max(1, len(self.purchase_orders) // 150)):
            number = choice.randrange(len(catalogue.suppliers))
            cells = self._by_supplier[number]
            if not cells:
                continue
            created = self.end - choice.uniform(0.1, 4) * DAY
            order = PurchaseOrder(self._next_purchase_order(), number, CENTRAL, created, [])
            order.status, order.modified = choice.choice(["New", "New", "OnHold"]), created
            for cell in choice.sample(cells, min(len(cells), choice.randint(1, 3))):
                article = catalogue.articles[cell.article]
                order.lines.append(Line(cell, 5 * article.pack, None, article.cost, None))
            self.purchase_orders.append(order)

    def _next_purchase_order(self) -> int:
        self._purchase_number += 1
        return self._purchase_number

    def _next_delivery(self) -> str:
        self._delivery_number += 1
        return f"DEL{self._delivery_number:06d}"

    # Events

    def _log_status(self, order: PurchaseOrder, seconds: float, status: str) -> None:
        self._log_event(seconds, "PurchaseOrder", "PurchaseOrderStatusChanged", order.id, status)

    def _log_event(self, seconds: float, model: str, kind: str, object_id: str, status: str) -> None:
        if seconds >= self.end:
            return
        self._event_number += 1
        self._log.put(
            {
                "id": f"EV{self._event_number:08d}",
                "timestamp": self.iso(seconds),
                "eventLogModel": model,
                "eventLogType": kind,
                "objectId": object_id,
                "status": status,
                "userId": "buyer-1",
                "userName": "Innkjøp",
            }
        )

    # What is left at the end

    def _write_purchase_orders(self) -> None:
        catalogue, choice = self.catalogue, self.choice
        orders, deliveries = self.tenant.collection("purchase_orders"), self.tenant.collection("deliveries")
        for order in self.purchase_orders:
            supplier = None if order.supplier is None else catalogue.suppliers[order.supplier]
            if supplier and order.status not in ("New", "OnHold") and choice.random() < 0.5:
                order.deliveries.append(self._next_delivery())
            splits = any(line.split for line in order.lines)
            if splits and len(order.deliveries) == 1:
                order.deliveries.append(self._next_delivery())
            lines: list[Row] = []
            for line in order.lines:
                lines += self._line_rows(order, line, len(lines))
            total = round(sum(row["quantity"] * row["placedPriceExclTax"] for row in lines), 2)
            row: Row = {
                "id": order.id,
                "purchaseOrderNumber": str(order.number),
                "created": self.iso(order.created),
                "modified": self.iso(min(order.modified, self.end)),
                "status": order.status,
                "storeId": catalogue.warehouses[order.warehouse].code,
                "marketId": "nor",
                "billingCurrency": supplier.currency if supplier else "NOK",
                "supplierId": supplier.id if supplier else TRANSFER_SUPPLIER,
                "supplierName": supplier.name if supplier else "Sentrallager Oslo",
                "purchaserName": "Innkjøp",
                "subTotalExclTax": total,
                "totalExclTax": total,
                "total": round(total * 1.25, 2),
                "tags": [],
                "purchaseOrderForm": {"lineItems": lines, "totalExclTax": total},
            }
            if supplier is None:
                row["supplierWarehouseCode"] = catalogue.warehouses[CENTRAL].code
            if choice.random() < 0.85 and order.lines:
                row["requestedDeliveryDate"] = self.iso(
                    order.created // DAY * DAY + 12 * _HOUR + (supplier.quoted_days if supplier else 2) * DAY
                )
            if len(order.deliveries) == 1 and choice.random() < 0.5:
                row["deliveryId"] = order.deliveries[0]
            orders.put(row)
            for delivery in order.deliveries:
                deliveries.put(self._delivery_row(order, delivery))

    def _line_rows(self, order: PurchaseOrder, line: Line, before: int) -> list[Row]:
        article = self.catalogue.articles[line.cell.article]
        row: Row = {
            "lineItemId": f"{order.number}-{before + 1}",
            "code": article.sku,
            "displayName": article.name,
            "quantity": line.quantity,
            "deliveredQuantity": line.delivered,
            "canceledQuantity": line.canceled,
            "supplierPackagingQuantity": article.pack,
            "allowSupplierPackageBreak": article.can_break_pack,
            "supplierSkuId": f"S-{article.sku}",
            "placedPriceExclTax": line.unit_cost,
            "discountedPriceExclTax": line.unit_cost,
            "placedPrice": round(line.unit_cost * 1.25, 4),
            "extendedPriceExclTax": round(line.unit_cost * line.quantity, 2),
            "purchaseOrderId": order.id,
            "taxRate": 25,
            "unit": "stk",
            "updateStock": True,
        }
        if line.promised is not None:
            row["estimatedTimeOfArrival"] = self.iso(line.promised)
        if line.delivered_at is not None:
            row["deliveredDate"] = self.iso(line.delivered_at)
        if order.deliveries and (order.supplier is not None or line.shipped):
            row["deliveryId"] = order.deliveries[0]
        if not line.split:
            return [row]
        # Omnium splits a line when a delivery takes a part of it; the promise stays the same.
        second_delivered = min(line.split, max(0, line.delivered - (line.quantity - line.split)))
        second_canceled = min(line.canceled, line.split - second_delivered)
        second = {
            **row,
            "lineItemId": f"{order.number}-{before + 2}",
            "quantity": line.split,
            "deliveredQuantity": second_delivered,
            "canceledQuantity": second_canceled,
            "extendedPriceExclTax": round(line.unit_cost * line.split, 2),
        }
        row["quantity"] -= line.split
        row["deliveredQuantity"] -= second_delivered
        row["canceledQuantity"] -= second_canceled
        row["extendedPriceExclTax"] = round(line.unit_cost * row["quantity"], 2)
        if len(order.deliveries) > 1:
            second["deliveryId"] = order.deliveries[1]
        return [row, second]

    def _delivery_row(self, order: PurchaseOrder, delivery: str) -> Row:
        supplier = None if order.supplier is None else self.catalogue.suppliers[order.supplier]
        status = {"OrderCanceled": "Cancelled"}.get(order.status, order.status)
        promised = [line.promised for line in order.lines if line.promised is not None]
        row: Row = {
            "id": delivery,
            "created": self.iso(min(order.created + 2 * _HOUR, self.end)),
            "modified": self.iso(min(order.modified, self.end)),
            "deliveryStatus": status,
            "warehouseCode": self.catalogue.warehouses[order.warehouse].code,
            "supplierIds": [supplier.id if supplier else TRANSFER_SUPPLIER],
            "suppliers": [supplier.name if supplier else "Sentrallager Oslo"],
            "orderType": "PurchaseOrder" if supplier else "InternalTransfer",
            "tags": [],
        }
        if supplier is None:
            row["supplierWarehouseCode"] = self.catalogue.warehouses[CENTRAL].code
        if promised:
            row["estimatedTimeOfArrival"] = self.iso(max(promised))
        return row

    def _write_inventory(self) -> None:
        inventory, choice = self.tenant.collection("inventory"), self.choice
        arrivals: dict[int, list[Row]] = {}
        for order in self.purchase_orders:
            if order.status not in ("Confirmed", "InProgress"):
                continue
            for number, line in enumerate(order.lines):
                if line.net > line.delivered:
                    arrivals.setdefault(line.cell.number, []).append(
                        {
                            "purchaseOrderId": order.id,
                            "purchaseOrderLineId": f"{order.number}-{number + 1}",
                            "date": self.iso(line.promised or order.created + 14 * DAY),
                            "quantity": line.net - line.delivered,
                            "availableQuantity": line.net - line.delivered,
                            "reservedQuantity": 0,
                        }
                    )
        for cell in self.catalogue.cells:
            article = self.catalogue.articles[cell.article]
            if article.is_package:
                continue
            warehouse = self.catalogue.warehouses[cell.warehouse]
            row: Row = {
                "sku": article.sku,
                "warehouseCode": warehouse.code,
                "inventory": cell.on_hand,
                "reservedInventory": cell.reserved,
                "calculatedInventory": cell.available,
                "cost": article.cost,
                "costCurrency": "NOK",
                "costTotal": round(article.cost * cell.on_hand, 2),
                "location": f"{cell.number % 40:02d}-{cell.number % 7}",
                "created": self.iso(300),
                "modified": self.iso(cell.last_moved),
                "isVirtual": False,
                "atp": arrivals.get(cell.number, []),
            }
            if choice.random() < 0.5:
                row["minQuantity"] = cell.reorder_point
            if choice.random() < 0.2:
                row["maxQuantity"] = cell.order_up_to + article.pack
            if choice.random() < 0.1:
                row["reorderMinQuantity"] = article.pack * 2
            if choice.random() < 0.15 and cell.on_hand > 0:
                row["batches"] = [
                    {
                        "id": f"B{cell.number}",
                        "quantity": cell.on_hand,
                        "costPrice": article.cost,
                        "modified": row["modified"],
                    }
                ]
            inventory.put(row)
            if cell.mirror:
                inventory.put(
                    {
                        **row,
                        "warehouseCode": VIRTUAL_CODE,
                        "isVirtual": True,
                        "physicalWarehouseCode": warehouse.code,
                        "atp": [],
                    }
                )


class CustomerOrder:
    """One customer's order while it is put together."""

    def __init__(
        self, trade: Trade, number: int, seconds: float, warehouse: int, ships: float, is_canceled: bool
    ) -> None:
        self.trade, self.number, self.seconds = trade, number, seconds
        self.warehouse, self.ships, self.is_canceled = warehouse, ships, is_canceled
        self.id = f"O{number}"
        self.lines: list[Row] = []
        self.returned: list[tuple[Row, Cell, int]] = []
        self._is_open = ships >= trade.end
        self._is_short = False
        self._returns_at = 0.0
        if not is_canceled and trade.choice.random() < 0.05:
            self._returns_at = ships + trade.choice.uniform(4, 25) * DAY

    def add(
        self,
        article: Article,
        cell: Cell,
        quantity: int,
        *,
        is_waiting: bool = False,
        is_canceled: bool = False,
        is_short: bool = False,
    ) -> str:
        """A line; a package sometimes with its components as lines of their own. Returns the line's id."""
        choice = self.trade.choice
        is_shipped = not (self._is_open or is_waiting or is_canceled or is_short)
        self._is_short = self._is_short or is_short
        extra = 1 if not is_waiting and not is_canceled and choice.random() < 0.01 else 0
        line = self._line(article, quantity + extra, quantity if is_shipped else 0, article.price)
        line["canceledQuantity"] = quantity if is_canceled and not self._is_open else extra
        if is_waiting:
            line["isAwaitingPurchaseOrder"] = True
        self.lines.append(line)
        if article.components:
            line["isPackage"] = True
            if choice.random() < 0.3:
                line["isPackageBrokeDown"] = True
                for part, units in article.components:
                    component = self.trade.catalogue.articles[part]
                    child = self._line(
                        component, units * (quantity + extra), units * line["deliveredQuantity"], 0.0
                    )
                    child["canceledQuantity"] = units * line["canceledQuantity"]
                    child["isPackageProduct"] = True
                    child["packageLineItemId"] = line["lineItemId"]
                    child["packageSkuId"] = article.sku
                    self.lines.append(child)
        elif self._returns_at and is_shipped and choice.random() < 0.7:
            units = choice.randint(1, quantity)
            if self._returns_at < self.trade.end:
                line["returnQuantity"] = units
                self.returned.append((line, cell, units))
        line_id: str = line["lineItemId"]
        return line_id

    def _line(self, article: Article, quantity: int, delivered: int, price: float) -> Row:
        return {
            "lineItemId": f"{self.number}-{len(self.lines) + 1}",
            "code": article.sku,
            "productId": article.product_id,
            "displayName": article.name,
            "brand": article.brand,
            "quantity": quantity,
            "deliveredQuantity": delivered,
            "canceledQuantity": 0,
            "placedPrice": price,
            "discountedPrice": price,
            "extendedPrice": round(price * quantity, 2),
            "extendedPriceExclTax": round(price * quantity / 1.25, 2),
            "taxRate": 25,
            "cost": article.cost,
            "costTotal": round(article.cost * quantity, 2),
            "supplierId": self.trade.catalogue.suppliers[article.supplier].id,
        }

    def finish(self) -> None:
        """Writes the order, and its return."""
        trade, choice = self.trade, self.trade.choice
        is_waiting = any(line.get("isAwaitingPurchaseOrder") for line in self.lines)
        status = "Completed"
        if self.is_canceled and not self._is_open:
            status = "Canceled"
        elif self._is_open or is_waiting or self._is_short:
            status = "New" if self.seconds > trade.end - 6 * _HOUR else "InProgress"
        modified = self.seconds + 60 if self._is_open else self.ships + 60
        person = trade.people[choice.randrange(len(trade.people))]
        warehouse = trade.catalogue.warehouses[self.warehouse]
        address = person.order_address()
        total = round(sum(line["extendedPrice"] for line in self.lines), 2)
        is_online = self.warehouse == CENTRAL
        row: Row = {
            "id": self.id,
            "orderNumber": str(self.number),
            "created": trade.iso(self.seconds),
            "modified": trade.iso(min(modified, trade.end)),
            "status": status,
            "orderType": "Online" if is_online else "Store",
            "salesChannel": "web" if is_online else "pos",
            "storeId": warehouse.code,
            "marketId": "nor",
            "billingCurrency": "NOK",
            "customerId": person.customer_id,
            "customerNumber": person.number,
            "customerName": person.name,
            "customerEmail": person.email,
            "customerPhone": person.phone,
            "customerType": "Private",
            "billingAddress": address,
            "total": total,
            "totalExclTax": round(total / 1.25, 2),
            "taxTotal": round(total - total / 1.25, 2),
            "tags": ["gift"] if choice.random() < 0.02 else [],
            "orderForm": {
                "lineItems": self.lines,
                "shipments": [
                    {
                        "shipmentId": f"{self.number}-S1",
                        "warehouseCode": warehouse.code,
                        "status": status,
                        "shippingMethodName": "Post" if is_online else "Butikk",
                        "lineItems": self.lines,
                        "address": address,
                    }
                ],
                "payments": [
                    {
                        "id": f"{self.number}-P1",
                        "amount": total,
                        "paymentMethodName": "Kort",
                        "status": "Processed",
                        "transactionType": "Capture",
                        "created": trade.iso(self.seconds),
                        "customerName": person.name,
                    }
                ],
                "subTotal": total,
                "total": total,
            },
        }
        if self.returned:
            self._write_return(row)
        if trade.keep_orders:
            trade._orders.put(row)
        trade.recent_orders.append(row)
        if len(trade.recent_orders) > 40 * trade.catalogue.scale.others:
            del trade.recent_orders[: len(trade.recent_orders) // 2]

    def _write_return(self, order: Row) -> None:
        trade = self.trade
        return_id = f"R{self.number}"
        seconds = self._returns_at
        lines = [{**line, "quantity": units, "returnQuantity": units} for line, _, units in self.returned]
        for line in lines:
            line["extendedPrice"] = round(line["placedPrice"] * line["quantity"], 2)
            line["returnReason"] = "Angret"
        form: Row = {
            "returnId": return_id,
            "created": trade.iso(seconds),
            "modified": trade.iso(seconds + 300),
            "status": "Completed",
            "returnType": "Return",
            "rmaNumber": f"RMA{self.number}",
            "storeId": order["storeId"],
            "lineItems": lines,
            "total": round(sum(line["extendedPrice"] for line in lines), 2),
        }
        order["modified"] = trade.iso(seconds + 300)
        order["returnOrderForms"] = [form]
        names = ("customerId", "customerName", "customerEmail", "customerPhone", "orderNumber")
        trade._returns.put(
            {
                **{name: order[name] for name in names},
                "orderId": self.id,
                "orderStoreName": trade.catalogue.warehouses[self.warehouse].name,
                "returnStoreId": order["storeId"],
                "returnStoreName": trade.catalogue.warehouses[self.warehouse].name,
                "returnOrderForm": form,
            }
        )
        for _, cell, units in self.returned:
            trade.at(seconds, trade.take_back(cell, units, self.id, return_id))


def _load_truck(order: PurchaseOrder, line: Line) -> None:
    """Has a line come when the others of its order come: all of it at once."""
    if not line.parts:
        return
    loaded = next((other for other in order.lines if other.parts), None)
    if loaded is not None:
        line.days = loaded.days
    moment = (loaded or line).parts[-1][0]
    line.parts = [(moment, sum(units for _, units in line.parts))]


def _lines_of(order: Row, line_id: str) -> list[Row]:
    """A line, and the components that stand in the order with it, in the form and in the shipment."""
    form = order["orderForm"]
    return [
        line
        for lines in (form["lineItems"], form["shipments"][0]["lineItems"])
        for line in lines
        if line_id in (line["lineItemId"], line.get("packageLineItemId"))
    ]


_CUMULATIVE: dict[int, tuple[Any, list[float]]] = {}


def _cumulative(distribution: Any) -> list[float]:
    """Cumulative probabilities as a list, kept by distribution."""
    kept = _CUMULATIVE.get(id(distribution))
    if kept is None or kept[0] is not distribution:
        kept = (distribution, numpy.cumsum(distribution.probability).tolist())
        _CUMULATIVE[id(distribution)] = kept
    return kept[1]
