"""Sales: customer orders, the backlog of what waits for stock, and returns."""

from collections.abc import Callable

import numpy

from omnium_sandbox.data.catalogue import CENTRAL, Article, Cell
from omnium_sandbox.data.customer_order import CustomerOrder, lines_of
from omnium_sandbox.data.demand import demand_events
from omnium_sandbox.data.history import DAY, HOUR, History
from omnium_sandbox.data.people import Person
from omnium_sandbox.rows import Row
from omnium_sandbox.tenant import Rows


class Sales:
    """The customers' side of the simulation.

    `keep_orders`: whether orders become rows of the tenant. `recent_orders` are the newest ones, for rows of other
    resources that refer to an order.

    One class, as orders and returns share one backlog.
    """

    def __init__(self, history: History, people: list[Person], *, keep_orders: bool) -> None:
        self.history, self.people, self.keep_orders = history, people, keep_orders
        self.recent_orders: list[Row] = []
        self._orders: Rows = history.tenant.collection("orders")
        self._returns: Rows = history.tenant.collection("returns")
        self._number = 1_000_000
        self._backlog: dict[int, list[tuple[int, str, str]]] = {}
        """By cell: reserved units that wait for stock, as (units, order, line)."""
        self._missing: dict[tuple[str, str], int] = {}
        """By order and line: the number of cells that have not delivered yet."""

    def customer_orders(
        self, generator: numpy.random.Generator
    ) -> list[tuple[float, int, list[tuple[Cell, int]]]]:
        """The demand as customer orders of (second, warehouse, wanted units by cell), sorted by time.

        An order combines a few events of one warehouse within a day (or `order_span_days`).
        """
        cells = self.history.catalogue.cells
        by_warehouse: dict[int, list[tuple[float, int, int]]] = {}
        numbers, seconds, quantities = demand_events(cells, self.history.catalogue.scale.days, generator)
        for number, second, quantity in zip(
            numbers.tolist(), seconds.tolist(), quantities.tolist(), strict=True
        ):
            by_warehouse.setdefault(cells[number].warehouse, []).append((second, number, quantity))
        orders: list[tuple[float, int, list[tuple[Cell, int]]]] = []
        mean, span = (
            self.history.catalogue.scale.lines_per_order,
            self.history.catalogue.scale.order_span_days,
        )
        for warehouse, events in by_warehouse.items():
            position = 0
            while position < len(events):
                size = 1 + min(15, int(self.history.choice.expovariate(0.8 / mean)))
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

    def sell(
        self,
        seconds: float,
        warehouse: int,
        wanted: list[tuple[Cell, int]],
        *,
        is_canceled: bool = False,
    ) -> None:
        """Sell to one customer what is in stock. Most of the demand without stock leaves no trace in the data."""
        catalogue, choice = self.history.catalogue, self.history.choice
        taken: list[tuple[Cell, int]] = []
        waiting: list[tuple[Cell, int]] = []
        can_wait = seconds > self.history.end - 9 * DAY and not is_canceled and warehouse == CENTRAL
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
        is_late = warehouse == CENTRAL and (seconds > self.history.end - 2 * DAY or choice.random() < 0.15)
        if is_late or is_canceled:
            ships = seconds + choice.uniform(8, 56) * HOUR
        self._number += 1
        order = CustomerOrder(self.history, self._number, seconds, warehouse, ships, is_canceled)
        for cell, quantity in taken:
            article = catalogue.articles[cell.article]
            needed = self._stock_of(article, cell, quantity)
            is_short = not is_canceled and any(stock.available < units for stock, units in needed)
            line_id = order.add(article, cell, quantity, is_canceled=is_canceled, is_short=is_short)
            for stock, units in needed:
                if is_short:
                    # With only a part in stock the customer still orders, and the line waits for the rest.
                    self.history.move(stock, seconds, 0, units, "Reservation", orderId=order.id)
                    self._wait(stock, units, order.id, line_id)
                elif ships > seconds:
                    self.history.move(stock, seconds, 0, units, "Reservation", orderId=order.id)
                    self.history.at(ships, self._ship(stock, units, order.id, line_id, is_canceled))
                else:
                    self.history.move(stock, seconds, -units, 0, "Sale", orderId=order.id)
                self.history.check(stock)
        for cell, quantity in waiting:
            order.add(catalogue.articles[cell.article], cell, quantity, is_waiting=True)
        self._write(order)

    def _write(self, order: CustomerOrder) -> None:
        """Store the order and its return."""
        row = order.row(self.people[self.history.choice.randrange(len(self.people))])
        if order.returned:
            self._returns.put(order.return_row(row))
            for _, cell, units in order.returned:
                self.history.at(order.returns_at, self._take_back(cell, units, order.id, order.return_id))
        if self.keep_orders:
            self._orders.put(row)
        self.recent_orders.append(row)
        if len(self.recent_orders) > 40 * self.history.catalogue.scale.others:
            del self.recent_orders[: len(self.recent_orders) // 2]

    def _stock_of(self, article: Article, cell: Cell, quantity: int) -> list[tuple[Cell, int]]:
        """The cells that the units come from; for a package, those of its components."""
        if not article.components:
            return [(cell, quantity)]
        cell_of = self.history.catalogue.cell_of
        return [(cell_of[part, cell.warehouse], units * quantity) for part, units in article.components]

    def _can_sell(self, article: Article, cell: Cell) -> bool:
        """Whether anything is available. Then the customer can order the full quantity."""
        return all(stock.available >= min(1, units) for stock, units in self._stock_of(article, cell, 1))

    def _claim(self, article: Article, cell: Cell, quantity: int) -> None:
        for stock, units in self._stock_of(article, cell, quantity):
            stock.reserved += units

    def _ship(
        self, stock: Cell, units: int, order_id: str, line_id: str, is_canceled: bool
    ) -> Callable[[float], None]:
        def action(seconds: float) -> None:
            if is_canceled:
                self.history.move(
                    stock, seconds, 0, -units, "Reservation", orderId=order_id, reason="Canceled"
                )
            elif stock.on_hand < units:
                self._wait(stock, units, order_id, line_id)
                self._reopen(order_id, line_id)
            else:
                self.history.move(stock, seconds, -units, -units, "Sale", orderId=order_id)
                self.history.check(stock)

        return action

    def _wait(self, stock: Cell, units: int, order_id: str, line_id: str) -> None:
        self._backlog.setdefault(stock.number, []).append((units, order_id, line_id))
        self._missing[order_id, line_id] = self._missing.get((order_id, line_id), 0) + 1

    def ship_backlog(self, stock: Cell, seconds: float) -> None:
        """Ship the backlog in the order of the customer orders, as far as the stock suffices."""
        waiting = self._backlog.get(stock.number, [])
        while waiting and stock.on_hand >= waiting[0][0]:
            units, order_id, line_id = waiting.pop(0)
            self.history.move(stock, seconds, -units, -units, "Sale", orderId=order_id)
            self._missing[order_id, line_id] -= 1
            if not self._missing[order_id, line_id]:
                self._deliver(order_id, line_id, seconds)

    def _reopen(self, order_id: str, line_id: str) -> None:
        """Reopen a line that could not be shipped for lack of stock."""
        order = self._orders.get(order_id)
        if order:
            for line in lines_of(order, line_id):
                line["deliveredQuantity"] = 0
                line.pop("returnQuantity", None)
            order["status"] = "InProgress"
            self._orders.put(order)

    def _deliver(self, order_id: str, line_id: str, seconds: float) -> None:
        order = self._orders.get(order_id)
        if order is None:
            return
        for line in lines_of(order, line_id):
            line["deliveredQuantity"] = line["quantity"] - line["canceledQuantity"]
        open_lines = [
            line
            for line in order["orderForm"]["lineItems"]
            if line["deliveredQuantity"] + line["canceledQuantity"] < line["quantity"]
        ]
        if not open_lines and order["status"] == "InProgress":
            order["status"] = order["orderForm"]["shipments"][0]["status"] = "Completed"
        order["modified"] = max(order["modified"], self.history.iso(seconds + 60))
        self._orders.put(order)

    def _take_back(self, stock: Cell, units: int, order_id: str, return_id: str) -> Callable[[float], None]:
        """An event that puts returned units back into stock."""

        def action(seconds: float) -> None:
            self.history.move(stock, seconds, units, 0, "Return", orderId=order_id, returnOrderId=return_id)
            self.ship_backlog(stock, seconds)

        return action
