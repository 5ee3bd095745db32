"""Rows of purchase orders, deliveries and inventory, with their state at the end of the history."""

from omnium_sandbox.data.catalogue import CENTRAL, TRANSFER_SUPPLIER, VIRTUAL_CODE, Supplier
from omnium_sandbox.data.history import DAY, HOUR, History
from omnium_sandbox.data.purchases import Line, PurchaseOrder, Purchases
from omnium_sandbox.rows import Row


class PurchaseRows:
    """Writes the rows into the tenant."""

    def __init__(self, history: History, purchases: Purchases) -> None:
        self.history, self.purchases = history, purchases

    def write_orders(self) -> None:
        """Write every purchase order, transfer and delivery."""
        catalogue, choice, tenant = self.history.catalogue, self.history.choice, self.history.tenant
        orders, deliveries = tenant.collection("purchase_orders"), tenant.collection("deliveries")
        for order in self.purchases.orders:
            supplier, supplier_id, supplier_name = self._supplier(order)
            if supplier and order.status not in ("New", "OnHold") and choice.random() < 0.5:
                order.deliveries.append(self.purchases.next_delivery())
            splits = any(line.split for line in order.lines)
            if splits and len(order.deliveries) == 1:
                order.deliveries.append(self.purchases.next_delivery())
            lines: list[Row] = []
            for line in order.lines:
                lines += self._line_rows(order, line, len(lines))
            total = round(sum(row["quantity"] * row["placedPriceExclTax"] for row in lines), 2)
            row: Row = {
                "id": order.id,
                "purchaseOrderNumber": str(order.number),
                "created": self.history.iso(order.created),
                "modified": self.history.iso(min(order.modified, self.history.end)),
                "status": order.status,
                "storeId": catalogue.warehouses[order.warehouse].code,
                "marketId": "nor",
                "billingCurrency": supplier.currency if supplier else "NOK",
                "supplierId": supplier_id,
                "supplierName": supplier_name,
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
                row["requestedDeliveryDate"] = self.history.iso(
                    order.created // DAY * DAY + 12 * HOUR + (supplier.quoted_days if supplier else 2) * DAY
                )
            if len(order.deliveries) == 1 and choice.random() < 0.5:
                row["deliveryId"] = order.deliveries[0]
            orders.put(row)
            for delivery in order.deliveries:
                deliveries.put(self._delivery_row(order, delivery))

    def _supplier(self, order: PurchaseOrder) -> tuple[Supplier | None, str, str]:
        """The supplier of an order with id and name; None and the internal supplier's id and name for a transfer."""
        if order.supplier is None:
            return None, TRANSFER_SUPPLIER, self.history.catalogue.warehouses[CENTRAL].name
        supplier = self.history.catalogue.suppliers[order.supplier]
        return supplier, supplier.id, supplier.name

    def _line_rows(self, order: PurchaseOrder, line: Line, before: int) -> list[Row]:
        article = self.history.catalogue.articles[line.cell.article]
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
            row["estimatedTimeOfArrival"] = self.history.iso(line.promised)
        if line.delivered_at is not None:
            row["deliveredDate"] = self.history.iso(line.delivered_at)
        if order.deliveries and (order.supplier is not None or line.shipped):
            row["deliveryId"] = order.deliveries[0]
        if not line.split:
            return [row]
        # Omnium splits a line if a delivery has only a part of it; both keep the promised date.
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
        supplier, supplier_id, supplier_name = self._supplier(order)
        status = {"OrderCanceled": "Cancelled"}.get(order.status, order.status)
        promised = [line.promised for line in order.lines if line.promised is not None]
        row: Row = {
            "id": delivery,
            "created": self.history.iso(min(order.created + 2 * HOUR, self.history.end)),
            "modified": self.history.iso(min(order.modified, self.history.end)),
            "deliveryStatus": status,
            "warehouseCode": self.history.catalogue.warehouses[order.warehouse].code,
            "supplierIds": [supplier_id],
            "suppliers": [supplier_name],
            "orderType": "PurchaseOrder" if supplier else "InternalTransfer",
            "tags": [],
        }
        if supplier is None:
            row["supplierWarehouseCode"] = self.history.catalogue.warehouses[CENTRAL].code
        if promised:
            row["estimatedTimeOfArrival"] = self.history.iso(max(promised))
        return row

    def write_inventory(self) -> None:
        """Write a row for each article at each warehouse, and one more if the virtual location shows it.

        One function, as it is a list of literals.
        """
        inventory, choice = self.history.tenant.collection("inventory"), self.history.choice
        arrivals: dict[int, list[Row]] = {}
        for order in self.purchases.orders:
            if order.status not in ("Confirmed", "InProgress"):
                continue
            for number, line in enumerate(order.lines):
                if line.net > line.delivered:
                    arrivals.setdefault(line.cell.number, []).append(
                        {
                            "purchaseOrderId": order.id,
                            "purchaseOrderLineId": f"{order.number}-{number + 1}",
                            "date": self.history.iso(line.promised or order.created + 14 * DAY),
                            "quantity": line.net - line.delivered,
                            "availableQuantity": line.net - line.delivered,
                            "reservedQuantity": 0,
                        }
                    )
        for cell in self.history.catalogue.cells:
            article = self.history.catalogue.articles[cell.article]
            if article.is_package:
                continue
            warehouse = self.history.catalogue.warehouses[cell.warehouse]
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
                "created": self.history.iso(300),
                "modified": self.history.iso(cell.last_moved),
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
