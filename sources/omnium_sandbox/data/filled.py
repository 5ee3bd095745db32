"""Any number of orders for benchmarks, built on the fly by their number and never stored."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy
import orjson

from omnium_sandbox.data.uneven import NUMBER, UnevenOrders
from omnium_sandbox.endpoints import RESOURCES, schemas
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Generated

Orders = Literal["lean", "filled", "uneven"]
_TEMPLATES: dict[Orders, int] = {"lean": 32, "filled": 32, "uneven": 1_024}
_LINES = 3


def generated_orders(count: int, today: date, kind: Orders = "lean", seed: int = 1) -> Generated:
    """`count` orders over the two years before `today`, the oldest first.

    `kind`: orders with some fields, with all fields of the description, or with those that `uneven.py` chooses by
    `seed`.
    """
    uneven = UnevenOrders(seed)
    end = datetime.combine(today, datetime.min.time(), UTC) - timedelta(hours=3)
    last = int(end.timestamp())
    first = last - 730 * 86_400
    numbers = numpy.arange(count, dtype=numpy.int64)
    created = first + numbers * (last - 7_200 - first) // max(1, count)
    modified = created + 600 + (numbers * 7_919) % 3_600
    make_row: Callable[[int], Row] = {
        "lean": _lean,
        "filled": lambda number: _filled("OmniumOrder", number) | _heart(number),
        "uneven": lambda number: uneven.order(number) | _heart(number),
    }[kind]
    templates = [_template(make_row(number)) for number in range(min(count, _TEMPLATES[kind]))]

    def make(number: int) -> bytes:
        return templates[number % len(templates)](number, int(created[number]), int(modified[number]))

    return Generated(RESOURCES["orders"], created * 1_000_000, modified * 1_000_000, make)


_CREATED, _MODIFIED = "2001-01-01T01:01:01Z", "2002-02-02T02:02:02Z"
"""Placeholders in the JSON of a template that are replaced for each order, like `NUMBER`."""


def _template(row: Row) -> Callable[[int, int, int], bytes]:
    text = orjson.dumps(row).replace(b"%", b"%%")
    for stand_in, pattern in ((NUMBER, b"%(n)d"), (_CREATED, b"%(c)s"), (_MODIFIED, b"%(m)s")):
        text = text.replace(stand_in.encode(), pattern)

    def make(order: int, created: int, modified: int) -> bytes:
        values = {b"n": 1_000_000 + order, b"c": iso(created).encode(), b"m": iso(modified).encode()}
        return text % values

    return make


def _heart(number: int) -> Row:
    """The fields in which orders differ, and a few others that every order has."""
    return {
        "id": f"O{NUMBER}",
        "orderNumber": NUMBER,
        "created": _CREATED,
        "modified": _MODIFIED,
        "status": ("Completed", "InProgress", "New")[number % 3],
        "customerId": f"C{number:05d}",
        "storeId": "oslo-central",
        "orderType": "Online",
        "billingCurrency": "NOK",
    }


def _lean(number: int) -> Row:
    """An order with the usual fields.

    One function, as it is one literal.
    """
    lines = [
        {
            "lineItemId": f"{NUMBER}-{place}",
            "code": f"{10_001 + (number * 3 + place) % 500}",
            "productId": f"{10_001 + (number * 3 + place) % 500}",
            "displayName": f"Artikkel {number} {place}",
            "brand": "Nord",
            "unit": "stk",
            "supplierSkuId": f"S-{10_001 + (number * 3 + place) % 500}",
            "supplierName": f"Leverandør {number % 40 + 1}",
            "lineItemDiscountAmount": 20,
            "placedPriceExclTax": 159.92,
            "quantity": place + 1,
            "deliveredQuantity": place + 1,
            "canceledQuantity": 0,
            "placedPrice": 199.9,
            "discountedPrice": 179.9,
            "extendedPrice": 179.9 * (place + 1),
            "extendedPriceExclTax": 143.92 * (place + 1),
            "taxRate": 25,
            "cost": 88.125,
            "supplierId": f"sup-{number % 40 + 1:03d}",
        }
        for place in range(2)
    ]
    address = {"name": f"Kunde {number}", "line1": "Prøveveien 1", "postalCode": "0150", "city": "Oslo"}
    return _heart(number) | {
        "customerName": f"Kunde {number}",
        "customerEmail": f"kunde{number}@example.com",
        "customerPhone": f"+4790{number:06d}",
        "marketId": "nor",
        "total": 539.7,
        "totalExclTax": 431.76,
        "taxTotal": 107.94,
        "tags": [],
        "billingAddress": address,
        "orderForm": {
            "lineItems": lines,
            "shipments": [
                {
                    "shipmentId": f"{NUMBER}-S1",
                    "warehouseCode": "oslo-central",
                    "status": "Completed",
                    "lineItems": lines,
                    "address": address,
                }
            ],
            "payments": [{"id": f"{NUMBER}-P1", "amount": 539.7, "paymentMethodName": "Kort"}],
            "total": 539.7,
        },
    }


_LEFT_EMPTY = {"returnOrderForms", "assets", "groups", "errors", "charges", "packages", "discounts"}
"""Lists that stay empty, as they mostly are in practice: with them an order would have 100 KB."""
_REPEATED = {"lineItems": _LINES, "shipments": 1, "payments": 1}


def _filled(schema: str, seed: int, depth: int = 0, inside: tuple[str, ...] = ()) -> Row:
    """An object with a value in every field of the schema. Lists of objects have one element, lists of lines three."""
    row: Row = {}
    for place, (name, kind) in enumerate(schemas()[schema].items()):
        inner = kind.strip("@[]")
        if kind.startswith("@"):
            if inner not in inside and depth < 3:
                row[name] = _filled(inner, seed + place, depth + 1, (*inside, inner))
        elif kind.startswith("[") and inner in schemas():
            count = 0 if name in _LEFT_EMPTY or inner in inside or depth > 2 else _REPEATED.get(name, 1)
            if depth > 1 and name not in ("lineItems", "externalIds", "properties"):
                count = 0
            row[name] = [
                _filled(inner, seed + place + item, depth + 1, (*inside, inner)) for item in range(count)
            ]
        else:
            row[name] = _value(name, kind, seed + place)
    return row


def _value(name: str, kind: str, number: int) -> Any:
    if kind == "s":
        return f"{name[:3]} {number % 97}" if not name.endswith("Id") else f"{name[:2]}-{number % 977}"
    if kind == "t":
        return f"2026-{number % 12 + 1:02d}-{number % 27 + 1:02d}T08:30:00Z"
    if kind == "n":
        return number % 499 * 0.5
    if kind == "i":
        return number % 1_000
    if kind == "b":
        return number % 2 == 0
    return ["a", f"b{number % 7}"]
