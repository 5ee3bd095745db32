"""Rows that refer to customer orders, and a few rows of every other resource of the API."""

from omnium_sandbox.data.catalogue import (
    Article,
)
from omnium_sandbox.data.filler import Filler
from omnium_sandbox.data.people import Person
from omnium_sandbox.data.showcase import SEASON_CATEGORY
from omnium_sandbox.rows import Row


def around_orders(to: Filler, orders: list[Row]) -> None:
    """Analytics lines, payments, invoices, pick lists and comments of the newest orders."""
    recent = orders[-to.count * 20 :]
    for order in recent:
        _payment(to, order)
    for order in recent[-to.count * 10 :]:
        for line in order["orderForm"]["lineItems"]:
            _analytics_line(to, order, line)
    for order in recent[-to.count :]:
        _invoice(to, order)
        to.put(
            "pick_lists",
            {
                "id": f"PL{order['orderNumber']}",
                "name": f"Plukk {order['orderNumber']}",
                "status": "Completed",
                "warehouseCode": order["storeId"],
                "pickListOrderItems": [{"orderId": order["id"], "shipmentId": f"{order['orderNumber']}-S1"}],
                "created": order["created"],
                "modified": order["modified"],
            },
        )
        to.put(
            "comments",
            {
                "id": f"CM{order['orderNumber']}",
                "objectId": order["id"],
                "objectType": "Order",
                "type": "Note",
                "title": "Notat",
                "detail": f"Ringte {order['customerPhone']} om levering",
                "creator": "Kundeservice",
                "emailRecipient": order["customerEmail"],
                "customerId": order["customerId"],
                "created": order["created"],
            },
        )


def _payment(to: Filler, order: Row) -> None:
    to.put(
        "payment_transactions",
        {
            "id": f"{order['orderNumber']}-P1",
            "amount": order["total"],
            "created": order["created"],
            "paidDate": order["created"],
            "transactionDate": order["created"],
            "currencyCode": "NOK",
            "billingCurrency": "NOK",
            "customerName": order["customerName"],
            "orderNumber": order["orderNumber"],
            "orderCreated": order["created"],
            "orderTotal": order["total"],
            "paymentMethodName": "Kort",
            "paymentMarketId": "nor",
            "paymentStoreId": order["storeId"],
            "status": "Processed",
            "transactionType": "Capture",
            "lineItems": len(order["orderForm"]["lineItems"]),
        },
    )


def _analytics_line(to: Filler, order: Row, line: Row) -> None:
    names = ("customerId", "customerName", "customerEmail", "customerPhone", "customerNumber")
    to.put(
        "order_line_analytics",
        {
            "id": f"{order['id']}_{line['lineItemId']}",
            "analyticsOrderLineType": "OrderLine",
            "currency": "NOK",
            "market": "nor",
            "order": {
                "orderId": order["id"],
                "orderNumber": order["orderNumber"],
                "orderType": order["orderType"],
                "status": order["status"],
                "created": order["created"],
            },
            "orderLine": {
                "lineItemId": line["lineItemId"],
                "skuId": line["code"],
                "name": line["displayName"],
                "quantity": line["quantity"],
                "deliveredQuantity": line["deliveredQuantity"],
                "extendedPrice": line["extendedPrice"],
                "costTotal": line["costTotal"],
                "taxRate": 25,
            },
            "product": {"skuId": line["code"], "productId": line["productId"], "brand": line["brand"]},
            "customer": {name: order[name] for name in names},
            "store": {"storeId": order["storeId"]},
            "warehouse": {"storeId": order["storeId"]},
            "supplier": {"supplierId": line["supplierId"]},
        },
    )


def _invoice(to: Filler, order: Row) -> None:
    to.put(
        "invoices",
        {
            "id": f"INV{order['orderNumber']}",
            "invoiceNumber": order["orderNumber"],
            "invoiceType": "Invoice",
            "orderId": order["id"],
            "amount": order["total"],
            "amountOutstanding": 0,
            "currency": "NOK",
            "customerId": order["customerId"],
            "customerName": order["customerName"],
            "customerEmail": order["customerEmail"],
            "customerAddress": order["billingAddress"],
            "isCreditNote": False,
            "lineItems": order["orderForm"]["lineItems"],
            "storeId": order["storeId"],
            "created": order["created"],
            "modified": order["modified"],
        },
    )


def remainder(to: Filler) -> None:
    """Carts, subscriptions, gift cards, ratings, projects and other resources."""
    articles = to.catalogue.articles
    for number in range(to.count):
        person = to.people[number * 7 % len(to.people)]
        article = articles[number * 3 % len(articles)]
        day = to.some_day()
        stamps = {"created": to.on(day), "modified": to.on(day + to.choice.uniform(0, 20))}
        cart = _cart(to, number, person, article) | stamps
        to.put("carts", cart)
        _one_of_each(to, number, person, article, day, stamps, cart)
    for number in range(SEASON_CATEGORY + 1):
        for language in ("no", "sv"):
            to.put(
                "product_categories",
                {
                    "id": f"cat-{number:02d}_{language}",
                    "categoryId": f"cat-{number:02d}",
                    "name": f"Kategori {number}",
                    "language": language,
                    "parentId": "root" if number else None,
                    "sortIndex": number,
                },
            )


def _cart(to: Filler, number: int, person: Person, article: Article) -> Row:
    line = {
        "lineItemId": f"CL{number}",
        "code": article.sku,
        "displayName": article.name,
        "quantity": number % 3 + 1,
        "placedPrice": article.price,
        "extendedPrice": round(article.price * (number % 3 + 1), 2),
    }
    return {
        "id": f"CART{number + 1:06d}",
        "orderNumber": str(number),
        "customerId": person.customer_id,
        "customerName": person.name,
        "customerEmail": person.email,
        "customerPhone": person.phone,
        "billingAddress": person.order_address(),
        "marketId": "nor",
        "storeId": to.catalogue.warehouses[0].code,
        "orderStatus": "New",
        "orderType": "Online",
        "total": line["extendedPrice"],
        "orderForm": {"lineItems": [line], "shipments": [{"shipmentId": "1", "lineItems": [line]}]},
    }


def _one_of_each(
    to: Filler, number: int, person: Person, article: Article, day: float, stamps: dict[str, str], cart: Row
) -> None:
    """Rows of several resources for one person and article.

    One function, as it is a list of literals.
    """
    code = f"{number + 1:05d}"
    created = stamps["created"]
    rows: dict[str, Row] = {
        "gift_cards": {
            "id": f"GC{code}",
            "giftCardCode": f"GAVE{code}",
            "balance": 250.0,
            "currency": "NOK",
            "customerId": person.customer_id,
            "customerName": person.name,
            "customerEmail": person.email,
            "marketId": "nor",
            "isClosed": number % 5 == 0,
            "transactions": [{"id": "1", "amount": 500.0, "currency": "NOK", "date": created}],
            **stamps,
        },
        "vouchers": {
            "id": f"V{code}",
            "voucherNumber": code,
            "amount": 100.0,
            "currency": "NOK",
            "customerId": person.customer_id,
            "status": "Active",
            **stamps,
        },
        "ratings": {
            "id": f"RT{code}",
            "objectId": article.product_id,
            "objectName": article.name,
            "skuId": article.sku,
            "type": "Product",
            "value": number % 5 + 1,
            "comment": "Fint",
            "raterId": person.customer_id,
            "raterName": person.name,
            "raterDisplayName": person.first_name,
            "date": created,
        },
        "product_alerts": {
            "id": f"PA{code}",
            "email": person.email,
            "phone": person.phone,
            "skuId": article.sku,
            "storeId": to.catalogue.warehouses[0].code,
            "isActive": number % 3 != 0,
            "created": created,
        },
        "promotions": {
            "id": f"PROMO{code}",
            "name": f"Kampanje {code}",
            "title": f"Kampanje {code}",
            "markets": ["nor"],
            "activeFrom": created,
            "priority": number,
            "promotionData": {"promotionType": "Percent", "minQuantity": 1},
            "createdDate": created,
            "updatedDate": stamps["modified"],
        },
    }
    for resource, row in rows.items():
        to.put(resource, row)
    if number % 4:
        return
    to.put(
        "cart_templates",
        {"id": f"CT{code}", "name": f"Mal {code}", "salesPersonId": "sales-1", "cart": cart, **stamps},
    )
    to.put(
        "subscriptions",
        {
            "id": f"SUB{code}",
            "customerId": person.customer_id,
            "customerName": person.name,
            "customerEmail": person.email,
            "customerPhone": person.phone,
            "intervalDays": 30,
            "status": "Active",
            "cartTemplate": cart,
            "startDate": created,
            **stamps,
        },
    )
    project = f"PRJ{code}"
    logs = [
        {"id": f"{project}-{place}", "projectId": project, "text": "Opprettet", "user": "sales-1"}
        | {"date": to.on(day + place)}
        for place in range(3)
    ]
    to.put(
        "projects",
        {
            "id": project,
            "projectNumber": code,
            "name": f"Prosjekt {code}",
            "status": "Open",
            "customer": {"customerId": person.customer_id, "name": person.name},
            "contactPersons": [{"id": "1", "firstName": person.first_name, "lastName": person.last_name}],
            "logItems": logs,
            **stamps,
        },
    )
    for log in logs:
        to.put("project_logs", log)
    to.put(
        "time_entries",
        {
            "id": f"T{code}",
            "projectId": project,
            "hours": number % 8 + 1,
            "status": "Approved",
            "userId": "fitter-1",
            "date": created,
        },
    )
