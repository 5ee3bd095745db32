"""Rows with faults that occur in real tenants. The id of each row names the fault.

They have suppliers, articles and orders of their own, so that the truth about all other rows stays valid.
"""

from datetime import UTC, date, datetime, timedelta

from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Tenant

WAREHOUSE = "oslo-central"
SUPPLIER = "odd-supplier"
GONE_SUPPLIER = "odd-supplier-deleted"
ZERO_DATE = "0001-01-01T00:00:00Z"


def put_odd_rows(tenant: Tenant, today: date) -> None:
    """Add all rows with faults to a tenant, which may be empty."""
    _Odd(tenant, today).put_all()


class _Odd:
    def __init__(self, tenant: Tenant, today: date) -> None:
        self.tenant = tenant
        self.today = datetime.combine(today, datetime.min.time(), UTC)
        self.levels: dict[tuple[str, str], int] = {}
        self.transactions = 0

    def put_all(self) -> None:
        """Add suppliers, articles, purchases, stock and sales."""
        self.suppliers()
        self.articles()
        self.purchases()
        self.receipts_without_a_place()
        self.sales()
        self.inventory()

    def ago(self, days: float) -> str:
        """Noon, `days` before today, in the API's format."""
        return iso(self.today - timedelta(days=days) + timedelta(hours=12))

    def put(self, resource: str, row: Row) -> None:
        """Store a row as it is."""
        self.tenant.put(resource, row, stamp=False)

    def suppliers(self) -> None:
        """A supplier with impossible figures and a currency without a rate. `GONE_SUPPLIER` is left out."""
        self.put(
            "suppliers",
            {
                "id": SUPPLIER,
                "name": "Rar Leverandør AS",
                "defaultLeadTime": -3,
                "defaultOrderIntervalDays": 0,
                "minimumOrderAmount": -1,
                "preferredCurrency": "XXX",
                "created": ZERO_DATE,
                "modified": self.ago(40),
                "versionId": "odd-0",
                "previousVersionId": "odd-lost",
            },
        )

    def articles(self) -> None:
        """Articles that break rules, such as packs of zero, or components that do not exist or form a cycle.

        One function, as it is a list of literals.
        """
        plain = {"language": "no", "isSku": True, "isActive": True, "status": "Published"}
        plain |= {"supplierId": SUPPLIER, "cost": 10.0, "costCurrency": "NOK", "created": self.ago(300)}
        odd: dict[str, Row] = {
            "odd-zero-pack": {"supplierPackagingQuantity": 0},
            "odd-max-below-min": {"minQuantity": 50, "maxQuantity": 10},
            "odd-no-supplier": {"supplierId": None},
            "odd-deleted-supplier": {"supplierId": GONE_SUPPLIER},
            "odd-no-cost": {"cost": None},
            "odd-currency": {"costCurrency": "XXX"},
            "odd-negative-stock": {},
            "odd-no-demand": {},
            "odd-zero-date": {"discontinued": ZERO_DATE},
            "odd-missing-component": {
                "isPackage": True,
                "components": [{"id": "1", "skuId": "odd-nowhere", "quantity": 2}],
            },
            "odd-cycle-a": {
                "isPackage": True,
                "components": [{"id": "1", "skuId": "odd-cycle-b", "quantity": 1}],
            },
            "odd-cycle-b": {
                "isPackage": True,
                "components": [{"id": "1", "skuId": "odd-cycle-a", "quantity": 1}],
            },
            "odd-self-cycle": {
                "isPackage": True,
                "components": [{"id": "1", "skuId": "odd-self-cycle", "quantity": 1}],
            },
        }
        for sku, what in odd.items():
            row = {**plain, "id": f"{sku}_no", "productId": sku, "skuId": sku, "name": sku, **what}
            row["modified"] = self.ago(30)
            self.put("products", {name: value for name, value in row.items() if value is not None})
        for number in (1, 2):
            self.put(
                "products",
                {
                    **plain,
                    "id": f"odd-twin-{number}_no",
                    "productId": f"odd-twin-{number}",
                    "skuId": "odd-twin",
                    "name": f"Tvilling {number}",
                    "cost": 10.0 * number,
                    "modified": self.ago(30 + number),
                },
            )
        for language in ("no", "sv"):
            self.put(
                "products",
                {
                    **plain,
                    "id": f"odd-languages_{language}",
                    "productId": "odd-languages",
                    "skuId": "odd-languages",
                    "name": f"Språk {language}",
                    "language": language,
                    "modified": self.ago(30),
                },
            )

    def purchases(self) -> None:
        """Purchase orders with faults, or with receipts that do not fit them."""
        self.order("received-before", 20, receipts=[(25, 10)])
        self.order("other-warehouse", 30, receipts=[(20, 10)], received_in="store-elsewhere")
        self.order("negative-receipt", 40, receipts=[(30, 10), (28, -4)])
        self.order("received-though-canceled", 40, canceled=10, receipts=[(30, 10)])
        self.order("no-supplier", 35, supplier=None, receipts=[(20, 10)])
        self.order("supplier-deleted", 60, supplier=GONE_SUPPLIER, receipts=[(45, 10)])
        self.order("no-lines", 15, lines=0)
        self.order("zero-quantity", 15, quantity=0)
        self.order("negative-quantity", 15, quantity=-5)
        self.order("zero-dates", 25, promised=ZERO_DATE, requested=ZERO_DATE, receipts=[(10, 10)])
        self.order("created-in-year-one", 25, created=ZERO_DATE)
        self.order("unknown-status", 12, status="VenterPåTollen")
        self.order("no-status", 12, status=None)
        self.order("draft-with-receipt", 22, status="New", receipts=[(15, 10)])
        self.order("done-without-receipt", 50, status="Completed")
        self.order("same-article-twice", 28, lines=2, receipts=[(18, 10), (16, 10)])
        self.order("delivered-without-receipt", 33, delivered=10)
        self.order("more-canceled-than-ordered", 33, canceled=25)
        self.order("currency-without-rate", 33, currency="XXX", receipts=[(20, 10)])

    def order(
        self,
        what: str,
        days_ago: int,
        *,
        supplier: str | None = SUPPLIER,
        status: str | None = "InProgress",
        quantity: int = 10,
        canceled: int = 0,
        delivered: int | None = None,
        lines: int = 1,
        receipts: list[tuple[int, int]] | None = None,
        received_in: str = WAREHOUSE,
        promised: str | None = None,
        requested: str | None = None,
        created: str | None = None,
        currency: str = "NOK",
    ) -> None:
        """A purchase order of one article, with receipts of (days ago, units)."""
        order_id, sku = f"ODD-PO-{what}", f"odd-{what}"
        arrived = sum(units for _, units in receipts or [])
        rows: list[Row] = [
            {
                "lineItemId": f"{order_id}-{number + 1}",
                "code": sku,
                "quantity": quantity,
                "deliveredQuantity": arrived if delivered is None else delivered,
                "canceledQuantity": canceled,
                "estimatedTimeOfArrival": promised or self.ago(days_ago - 14),
                "placedPriceExclTax": 10.0,
                "supplierPackagingQuantity": 0,
                "purchaseOrderId": order_id,
            }
            for number in range(lines)
        ]
        row: Row = {
            "id": order_id,
            "purchaseOrderNumber": order_id,
            "created": created or self.ago(days_ago),
            "modified": self.ago(min([days_ago, *(day for day, _ in receipts or [])])),
            "status": status,
            "supplierId": supplier,
            "storeId": WAREHOUSE,
            "billingCurrency": currency,
            "requestedDeliveryDate": requested,
            "purchaseOrderForm": {"lineItems": rows},
        }
        self.put("purchase_orders", {name: value for name, value in row.items() if value is not None})
        for day, units in receipts or []:
            self.move(sku, units, day, received_in, "GoodsReception", purchaseOrderId=order_id)

    def move(
        self, sku: str, units: int, days_ago: float, warehouse: str, kind: str, **fields: object
    ) -> None:
        """A transaction with the stock after it, which may be negative."""
        self.transactions += 1
        level = self.levels[sku, warehouse] = self.levels.get((sku, warehouse), 0) + units
        self.put(
            "inventory_transactions",
            {
                "id": f"ODD-IT-{self.transactions:03d}",
                "transactionDate": self.ago(days_ago),
                "transactionType": kind,
                "variant": sku,
                "warehouseCode": warehouse,
                "inventoryChange": units,
                "newInventory": level,
                "newReservedInventory": 0,
                "reservedInventoryChange": 0,
                **fields,
            },
        )

    def receipts_without_a_place(self) -> None:
        """Receipts without an order or of a missing order, a transaction of unknown type, and a negative stock."""
        self.move("odd-no-order", 7, 9, WAREHOUSE, "GoodsReception", goodsReceptionId="ODD-GR-1")
        self.move(
            "odd-lost-order", 7, 9, WAREHOUSE, "GoodsReception", purchaseOrderId="ODD-PO-that-never-was"
        )
        self.move("odd-unknown-type", 3, 8, WAREHOUSE, "Telling på lørdag")
        self.move("odd-negative-stock", -4, 7, WAREHOUSE, "Sale")

    def sales(self) -> None:
        """Customer orders with faults, such as missing lines, unknown types or cycles of packages.

        One function, as it is a list of literals.
        """
        line = {"lineItemId": "ODD-1", "code": "odd-no-cost", "quantity": 2, "canceledQuantity": 0}
        base: Row = {"created": self.ago(6), "modified": self.ago(6), "storeId": WAREHOUSE}
        base |= {"status": "Completed", "orderType": "Online", "billingCurrency": "NOK"}
        odd: dict[str, Row] = {
            "no-lines": {"orderForm": {"lineItems": [], "shipments": []}},
            "no-form": {},
            "no-shipment": {"orderForm": {"lineItems": [{**line, "lineItemId": "ODD-2"}]}},
            "shipment-elsewhere": {
                "orderForm": {
                    "lineItems": [{**line, "lineItemId": "ODD-3"}],
                    "shipments": [
                        {
                            "shipmentId": "1",
                            "warehouseCode": "store-elsewhere",
                            "lineItems": [{**line, "lineItemId": "ODD-3"}],
                        }
                    ],
                }
            },
            "unknown-type": {
                "orderType": "Julebord",
                "orderForm": {"lineItems": [{**line, "lineItemId": "ODD-4"}], "shipments": []},
            },
            "negative-quantity": {
                "orderForm": {
                    "lineItems": [{**line, "lineItemId": "ODD-5", "quantity": -1}],
                    "shipments": [],
                }
            },
            "missing-component": {
                "orderForm": {
                    "lineItems": [
                        {**line, "lineItemId": "ODD-6", "code": "odd-missing-component", "isPackage": True}
                    ],
                    "shipments": [],
                }
            },
            "package-cycle": {
                "orderForm": {
                    "lineItems": [{**line, "lineItemId": "ODD-7", "code": "odd-cycle-a", "isPackage": True}],
                    "shipments": [],
                }
            },
            "zero-date": {
                "created": ZERO_DATE,
                "orderForm": {"lineItems": [{**line, "lineItemId": "ODD-8"}], "shipments": []},
            },
            "deleted": {
                "status": "Deleted",
                "orderForm": {"lineItems": [{**line, "lineItemId": "ODD-9"}], "shipments": []},
            },
        }
        for what, fields in odd.items():
            order_id = f"ODD-O-{what}"
            self.put("orders", {**base, "id": order_id, "orderNumber": order_id, **fields})

    def inventory(self) -> None:
        """The stock after all transactions, and minimum and maximum quantities that contradict each other."""
        for sku in ("odd-zero-pack", "odd-max-below-min", "odd-no-demand", "odd-twin", "odd-languages"):
            self.levels.setdefault((sku, WAREHOUSE), 0)
        for (sku, warehouse), level in self.levels.items():
            row: Row = {
                "sku": sku,
                "warehouseCode": warehouse,
                "inventory": level,
                "reservedInventory": 0,
                "created": self.ago(300),
                "modified": self.ago(5),
            }
            if sku == "odd-max-below-min":
                row |= {"minQuantity": 50, "maxQuantity": 10}
            self.put("inventory", row)
