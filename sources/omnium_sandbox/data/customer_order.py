"""A customer order and its return, as rows."""

from omnium_sandbox.data.catalogue import CENTRAL, Article, Cell
from omnium_sandbox.data.history import DAY, HOUR, History
from omnium_sandbox.data.people import Person
from omnium_sandbox.rows import Row


class CustomerOrder:
    """A customer order that is being built."""

    def __init__(
        self, history: History, number: int, seconds: float, warehouse: int, ships: float, is_canceled: bool
    ) -> None:
        self.history, self.number, self.seconds = history, number, seconds
        self.warehouse, self.ships, self.is_canceled = warehouse, ships, is_canceled
        self.id, self.return_id = f"O{number}", f"R{number}"
        self.lines: list[Row] = []
        self.returned: list[tuple[Row, Cell, int]] = []
        self._is_open = ships >= history.end
        self._is_short = False
        self.returns_at = 0.0
        if not is_canceled and history.choice.random() < 0.05:
            self.returns_at = ships + history.choice.uniform(4, 25) * DAY

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
        """Add a line and return its id. A package sometimes adds its components as further lines."""
        choice = self.history.choice
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
                    component = self.history.catalogue.articles[part]
                    child = self._line(
                        component, units * (quantity + extra), units * line["deliveredQuantity"], 0.0
                    )
                    child["canceledQuantity"] = units * line["canceledQuantity"]
                    child["isPackageProduct"] = True
                    child["packageLineItemId"] = line["lineItemId"]
                    child["packageSkuId"] = article.sku
                    self.lines.append(child)
        elif self.returns_at and is_shipped and choice.random() < 0.7:
            units = choice.randint(1, quantity)
            if self.returns_at < self.history.end:
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
            "supplierId": self.history.catalogue.suppliers[article.supplier].id,
        }

    def row(self, person: Person) -> Row:
        """The order's row, as the API shows it.

        One function, as it is one literal.
        """
        history, choice = self.history, self.history.choice
        is_waiting = any(line.get("isAwaitingPurchaseOrder") for line in self.lines)
        status = "Completed"
        if self.is_canceled and not self._is_open:
            status = "Canceled"
        elif self._is_open or is_waiting or self._is_short:
            status = "New" if self.seconds > history.end - 6 * HOUR else "InProgress"
        modified = self.seconds + 60 if self._is_open else self.ships + 60
        warehouse = history.catalogue.warehouses[self.warehouse]
        address = person.order_address()
        total = round(sum(line["extendedPrice"] for line in self.lines), 2)
        is_online = self.warehouse == CENTRAL
        row: Row = {
            "id": self.id,
            "orderNumber": str(self.number),
            "created": history.iso(self.seconds),
            "modified": history.iso(min(modified, history.end)),
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
                        "created": history.iso(self.seconds),
                        "customerName": person.name,
                    }
                ],
                "subTotal": total,
                "total": total,
            },
        }
        return row

    def return_row(self, order: Row) -> Row:
        """The row of the order's return, as the API shows it. Adds the return to `order`, the order's row."""
        history, seconds = self.history, self.returns_at
        lines = [{**line, "quantity": units, "returnQuantity": units} for line, _, units in self.returned]
        for line in lines:
            line["extendedPrice"] = round(line["placedPrice"] * line["quantity"], 2)
            line["returnReason"] = "Angret"
        form: Row = {
            "returnId": self.return_id,
            "created": history.iso(seconds),
            "modified": history.iso(seconds + 300),
            "status": "Completed",
            "returnType": "Return",
            "rmaNumber": f"RMA{self.number}",
            "storeId": order["storeId"],
            "lineItems": lines,
            "total": round(sum(line["extendedPrice"] for line in lines), 2),
        }
        order["modified"] = history.iso(seconds + 300)
        order["returnOrderForms"] = [form]
        names = ("customerId", "customerName", "customerEmail", "customerPhone", "orderNumber")
        return {
            **{name: order[name] for name in names},
            "orderId": self.id,
            "orderStoreName": history.catalogue.warehouses[self.warehouse].name,
            "returnStoreId": order["storeId"],
            "returnStoreName": history.catalogue.warehouses[self.warehouse].name,
            "returnOrderForm": form,
        }


def lines_of(order: Row, line_id: str) -> list[Row]:
    """A line and the lines of its components, from the order's form and from its shipment."""
    form = order["orderForm"]
    return [
        line
        for lines in (form["lineItems"], form["shipments"][0]["lineItems"])
        for line in lines
        if line_id in (line["lineItemId"], line.get("packageLineItemId"))
    ]
