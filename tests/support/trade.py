"""A trading tenant in the form of the API, written out by hand: products, orders, returns, stock moves, purchases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.support.models import Row

BUILD = ("build", "--exclude-resource-type", "unit_test")

TODAY = date(2026, 3, 31)
RESOURCES = (
    "suppliers",
    "supplier_versions",
    "products",
    "stores",
    "inventory",
    "inventory_transactions",
    "purchase_orders",
    "deliveries",
    "orders",
    "returns",
    "event_log",
)


def at(day: date, hour: float = 12) -> str:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)).isoformat()


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def product(sku: str, **fields: Any) -> Row:
    plain = {
        "id": f"{sku}_no",
        "productId": sku,
        "skuId": sku,
        "language": "no",
        "name": sku.title(),
        "supplierId": "north",
        "cost": 10,
        "costCurrency": "NOK",
        "costInDefaultCurrency": 10,
        "supplierPackagingQuantity": 24,
    }
    return plain | fields


def order(
    number: str, day: date, *lines: Row, hour: float = 12, shipped_from: str | None = "shop", **fields: Any
) -> Row:
    """An order whose lines are in its form and, if it is shipped, again in a shipment."""
    form: Row = {"lineItems": list(lines)}
    if shipped_from:
        form["shipments"] = [{"shipmentId": "1", "warehouseCode": shipped_from, "lineItems": list(lines)}]
    plain = {
        "id": number,
        "orderType": "Online",
        "status": "Completed",
        "storeId": "central",
        "created": at(day, hour),
        "modified": at(day, hour),
        "orderForm": form,
    }
    return plain | fields


def line(key: str, sku: str, quantity: float, **fields: Any) -> Row:
    return {"lineItemId": key, "code": sku, "quantity": quantity} | fields


def moved(
    number: int, day: date, hour: float, sku: str, warehouse: str, change: float, stock: float, **fields: Any
) -> Row:
    plain = {
        "id": f"t{number}",
        "transactionDate": at(day, hour),
        "variant": sku,
        "warehouseCode": warehouse,
        "inventoryChange": change,
        "newInventory": stock,
        "reservedInventoryChange": 0,
        "newReservedInventory": 0,
        "transactionType": "Sale" if change < 0 else "GoodsReception",
    }
    return plain | fields


def stocked(sku: str, warehouse: str, on_hand: float, **fields: Any) -> Row:
    return {
        "sku": sku,
        "warehouseCode": warehouse,
        "inventory": on_hand,
        "reservedInventory": 0,
        "modified": at(TODAY, 1),
        "created": at(days_ago(300)),
    } | fields


def purchase(number: str, day: date, sku: str, quantity: float, **fields: Any) -> Row:
    line_fields = fields.pop("line", {})
    plain = {
        "id": number,
        "purchaseOrderNumber": number,
        "status": "Confirmed",
        "supplierId": "north",
        "storeId": "shop",
        "billingCurrency": "NOK",
        "created": at(day),
        "modified": at(day),
        "purchaseOrderForm": {
            "lineItems": [
                {"lineItemId": f"{number}-1", "code": sku, "quantity": quantity, "placedPriceExclTax": 10}
                | line_fields
            ]
        },
    }
    return plain | fields


def literal_tenant() -> dict[str, list[Row]]:
    """A shop that sells two hammers a day, with the oddities that the models have to handle."""
    transactions = [moved(0, days_ago(60), 6, "hammer", "shop", 120, 120)]
    orders, stock = [], 120
    for number in range(60):
        day = days_ago(60 - number)
        orders.append(order(f"h{number}", day, line(f"h{number}", "hammer", 2)))
        stock -= 2
        transactions.append(moved(number + 1, day, 12, "hammer", "shop", -2, stock))
    assert stock == 0
    return {
        "suppliers": [
            {
                "id": "north",
                "name": "North",
                "defaultLeadTime": 7,
                "defaultLeadTimeSafetyMarginDays": 1,
                "defaultOrderIntervalDays": 14,
                "minimumOrderAmount": 2000,
                "maximumOrderAmount": 900,
                "shipmentCost": 45,
                "preferredCurrency": "NOK",
            },
            {"id": "own", "name": "Central warehouse", "omniumStoreId": "central"},
        ],
        "stores": [
            {"id": "central", "name": "Central", "isWarehouse": True},
            {"id": "shop", "name": "Shop"},
            {"id": "shop-window", "name": "Shop window", "isVirtual": True},
            {"id": "closed", "name": "Closed", "isInactive": True},
        ],
        "products": [
            product("hammer"),
            product("hammer", id="hammer_sv", language="sv"),
            product("nail", supplierPackagingQuantity=0, cost=2, costInDefaultCurrency=2),
            product("twin", id="twin-a_no", productId="twin-a"),
            product("twin", id="twin-b_no", productId="twin-b"),
            product(
                "set",
                isPackage=True,
                components=[{"skuId": "hammer", "quantity": 1}, {"skuId": "nail", "quantity": 10}],
            ),
            product(
                "named-otherwise",
                isPackage=True,
                components=[{"skuId": " SCREWDRIVER", "quantity": 2}, {"productId": "plier", "quantity": 3}],
            ),
            product("screwdriver"),
            product("plier-1", id="plier_no", productId="plier"),
            product("big-set", isBundle=True, components=[{"skuId": "set", "quantity": 2}]),
            product("loop-a", isPackage=True, components=[{"skuId": "loop-b", "quantity": 1}]),
            product("loop-b", isPackage=True, components=[{"skuId": "loop-a", "quantity": 1}]),
            product("hollow", isPackage=True, components=[{"skuId": "missing", "quantity": 3}]),
            product("old", discontinued=at(days_ago(5))),
            product("later", discontinued=at(days_ago(-5))),
            product("orphan", supplierId=None),
            product("stray", supplierId="gone"),
            product("free", cost=0, costInDefaultCurrency=0),
            product("foreign", costCurrency="XXX", costInDefaultCurrency=None, supplierPackagingQuantity=0),
            product("gift-card", isVirtual=True),
            product("banned", assortmentCodes=[{"assortmentCodeId": "NOBUY"}]),
            product("custom", isBackorder=True, supplierPackagingQuantity=0),
            product("asleep", isActive=False),
            product("half-asleep"),
            product("half-asleep", id="half-asleep_sv", language="sv", isActive=False, modified=at(TODAY)),
            product(
                "second-choice",
                supplierId="gone",
                ean="7038010000123",
                supplierLeadTime=99,
                additionalSuppliers=[
                    {"supplierId": "unheard-of", "supplierSkuId": "U-1"},
                    {"supplierId": "north", "supplierSkuId": "N-77"},
                ],
            ),
            product(
                "roof",
                id="roof_no",
                supplierId=None,
                isSku=False,
                variants=[
                    product(
                        "variant",
                        id="variant_no",
                        supplierId=None,
                        gtins=["7038010000222", "7038010000333"],
                        additionalSuppliers=[{"supplierId": "north"}],
                    )
                ],
            ),
        ],
        "inventory": [
            stocked("hammer", "shop", 0),
            stocked("hammer", "shop-window", 77, isVirtual=True, physicalWarehouseCode="shop"),
            stocked("hammer", "central", 40, reservedInventory=12),
            stocked("nail", "shop", -3),
            stocked("old", "shop", 1, minQuantity=10),
            stocked("later", "shop", 1, minQuantity=10, maxQuantity=4),
            stocked("orphan", "shop", 1, minQuantity=10),
            stocked("stray", "shop", 1, minQuantity=10),
            stocked("free", "shop", 1, minQuantity=10),
            stocked("foreign", "shop", 1, minQuantity=10, reorderMinQuantity=25),
            stocked("gift-card", "shop", 1, minQuantity=10),
            stocked("banned", "shop", 1, minQuantity=10),
            stocked("custom", "shop", 2, minQuantity=10),
            stocked("asleep", "shop", 1, minQuantity=10),
            stocked("half-asleep", "shop", 1, minQuantity=10),
            stocked("second-choice", "shop", 1, minQuantity=10),
            stocked("variant", "shop", 1, minQuantity=10),
            stocked("half-asleep", "closed", 1, minQuantity=10),
            stocked("set", "shop", 0, minQuantity=10),
            stocked("twin", "shop", 30, minQuantity=10),
        ],
        "inventory_transactions": transactions,
        "purchase_orders": [
            purchase(
                "placed",
                days_ago(20),
                "hammer",
                100,
                storeId="central",
                line={"deliveredQuantity": 0, "estimatedTimeOfArrival": at(days_ago(3))},
            ),
            purchase("draft", days_ago(2), "hammer", 7, status="New"),
            purchase("move", days_ago(4), "hammer", 15, supplierId="own", supplierWarehouseCode="central"),
            purchase(
                "sent",
                days_ago(9),
                "hammer",
                5,
                supplierId="own",
                supplierWarehouseCode="central",
                deliveryId="d1",
            ),
        ],
        "deliveries": [
            {
                "id": "d1",
                "deliveryStatus": "InProgress",
                "created": at(days_ago(8)),
                "modified": at(days_ago(8)),
            }
        ],
        "orders": [
            *orders,
            order("no-shipment", days_ago(10), line("a1", "nail", 4), shipped_from=None),
            order("canceled-part", days_ago(10), line("b1", "nail", 9, canceledQuantity=4)),
            order("canceled-all", days_ago(10), line("c1", "nail", 9), status="OrderCanceled"),
            order("quote", days_ago(10), line("d1", "nail", 9), orderType="Quote"),
            order("unheard-of", days_ago(10), line("e1", "nail", 1), orderType="Carrier pigeon"),
            order(
                "virtual",
                days_ago(10),
                line("f1", "gift-card", 1),
                line("f2", "wrapping", 1, isVirtualProduct=True),
            ),
            order("package", days_ago(9), line("g1", "set", 2, isPackage=True)),
            order(
                "opened-package",
                days_ago(9),
                line("i1", "set", 2, isPackage=True),
                line("i2", "hammer", 2, packageLineItemId="i1"),
                line("i3", "nail", 20, packageLineItemId="i1"),
            ),
            order(
                "chosen-package",
                days_ago(9),
                line("j1", "set", 1, isPackage=True, components=[{"skuId": "twin", "quantity": 3}]),
            ),
            order("package-in-package", days_ago(8), line("k1", "big-set", 1)),
            order("named-otherwise", days_ago(8), line("u1", "named-otherwise", 2)),
            order(
                "chosen-by-product",
                days_ago(7),
                line("v1", "set", 1, isPackage=True, components=[{"productId": "plier", "quantity": 5}]),
            ),
            order("loop", days_ago(8), line("l1", "loop-a", 1)),
            order("hollow", days_ago(8), line("m1", "hollow", 2)),
            order(
                "waiting",
                days_ago(7),
                line("n1", "hammer", 15, isAwaitingPurchaseOrder=True),
                status="New",
                shipped_from="central",
            ),
            order(
                "special", days_ago(7), line("o1", "custom", 5, isAwaitingPurchaseOrder=True), status="New"
            ),
            order("virtual-place", days_ago(7), line("p1", "twin", 1), shipped_from="shop-window"),
            order("doubled", days_ago(7), line("t1", "screw", 1), line("t1", "screw", 2)),
            order("dateless", date(1, 1, 1), line("q1", "nail", 50)),
            order("nameless", days_ago(7), line("r1", "", 50)),
            order("negative", days_ago(7), line("s1", "nail", -5)),
        ],
        "returns": [
            {
                "orderId": "h1",
                "returnOrderForm": {
                    "returnId": "r",
                    "storeId": "shop",
                    "created": at(days_ago(30)),
                    "lineItems": [line("h1", "hammer", 2, returnQuantity=1)],
                },
            },
            {
                "orderId": "named-otherwise",
                "returnOrderForm": {
                    "returnId": "r2",
                    "storeId": "shop",
                    "created": at(days_ago(6)),
                    "lineItems": [
                        line("u1", "named-otherwise", 2, returnQuantity=1),
                        line("v1", "set", 1, components=[{"skuId": "plier-1", "quantity": 5}]),
                    ],
                },
            },
        ],
    }
