"""Simulated time, stock, and the transactions and event log that record them.

Every change of stock is a transaction, so that the stock is the sum of its transactions. One random sequence, `choice`,
makes the same seed give the same rows.
"""

import heapq
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from omnium_sandbox.data.catalogue import CENTRAL, VIRTUAL_CODE, Catalogue, Cell
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Rows, Tenant

DAY = 86_400.0
HOUR = 3_600.0


class History:
    """Future events by time, in seconds since the first day, and the changes of stock."""

    def __init__(self, tenant: Tenant, catalogue: Catalogue, choice: random.Random) -> None:
        self.tenant, self.catalogue, self.choice = tenant, catalogue, choice
        self.start = datetime.combine(catalogue.first_day, datetime.min.time(), UTC)
        self.end = catalogue.scale.days * DAY - 2.5 * HOUR
        self.to_check: dict[int, set[int]] = {}
        """Cells that the buyer checks in the next review, by supplier number, or by the negative number of a store."""
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._sequence = 0
        self._transactions: Rows = tenant.collection("inventory_transactions")
        self._log: Rows = tenant.collection("event_log")
        self._transaction_number = 0
        self._event_number = 0

    def iso(self, seconds: float) -> str:
        """A second of the history in the API's format."""
        return iso(self.start + timedelta(seconds=int(seconds)))

    def at(self, seconds: float, action: Callable[[float], None]) -> None:
        """Schedule an action, unless its time is after the end of the history."""
        if seconds < self.end:
            self._sequence += 1
            heapq.heappush(self._events, (seconds, self._sequence, action))

    @property
    def next_event(self) -> float:
        """The time of the next event; infinity if there is none."""
        return self._events[0][0] if self._events else math.inf

    def step(self) -> None:
        """Run the next event."""
        seconds, _, action = heapq.heappop(self._events)
        action(seconds)

    def some_time(self, day: int) -> float:
        """A random time between 06:00 and 22:00 of a day."""
        return day * DAY + self.choice.uniform(6, 22) * HOUR

    def move(self, cell: Cell, seconds: float, change: int, reserved: int, kind: str, **fields: Any) -> None:
        """Change stock and write the transaction, and a second one if the virtual location shows the cell."""
        cell.on_hand += change
        cell.reserved += reserved
        # No two transactions of a cell share a second, so that sorting by time gives their true order.
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

    def check(self, cell: Cell) -> None:
        """Make the buyer check the cell in the next review."""
        key = self.catalogue.articles[cell.article].supplier if cell.warehouse == CENTRAL else -cell.warehouse
        self.to_check.setdefault(key, set()).add(cell.number)

    def log(self, seconds: float, model: str, kind: str, object_id: str, status: str) -> None:
        """Write an entry of the event log, unless its time is after the end of the history."""
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
