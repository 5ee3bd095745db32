"""Orders with uneven lists and fields, like those of a real tenant: no two orders have the same fields.

`filled.py` gives every order the same fields. Here each field of the description has its own share of objects that have
it: some always, some never, the others now and then. One in seven present values is null. The mean order has 18 KB,
2.8 lines, 1.2 shipments and one payment.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from omnium_sandbox.endpoints import schemas
from omnium_sandbox.rows import Row

LINES = (1, 1, 2, 2, 2, 3, 3, 4, 4, 6)
"""Numbers of lines of an order, all equally likely; the mean is 2.8."""
SHIPMENTS = (1, 1, 1, 1, 2)
LISTS = {
    ("OmniumOrder", "externalIds"): 0.37,
    ("OmniumOrder", "properties"): 0.5,
    ("OmniumOrder", "tags"): 0.3,
    ("OmniumOrder", "orderNotes"): 0.1,
    ("OmniumOrderForm", "discounts"): 0.7,
    ("OmniumOrderForm", "charges"): 0.37,
    ("OmniumOrderForm", "couponCodes"): 0.1,
    ("OmniumOrderLine", "properties"): 0.25,
    ("OmniumOrderLine", "externalIds"): 0.05,
    ("OmniumOrderLine", "orderLineDiscounts"): 0.3,
    ("OmniumShipment", "properties"): 0.1,
    ("OmniumShipment", "packages"): 0.4,
    ("OmniumShipment", "orderStatusLog"): 0.5,
    ("OmniumPayment", "properties"): 0.1,
}
"""The share of objects in which a list has elements: with 0.25 of the lines, 52 of 100 orders have a line with
properties. Other lists are empty or missing."""
OBJECTS = {"contactPerson": 0.3, "pickUpPointInformation": 0.2, "orderLineBonusPoints": 0.1}
"""The share of rows with a nested object; all other nested objects are always present."""
NULL = 0.15
"""The share of present fields that are null."""
ALWAYS, NEVER = 0.3, 0.42
"""The shares of a schema's fields that every object has, and that none has; other fields have random shares."""

NUMBER = "7770777"
"""Placeholder for an order's number, in which orders of the same shape differ."""
COLOURS = ("rød", "grå", "blå", "svart", "hvit", "grønn", "gul")


@dataclass
class UnevenOrders:
    """Makes orders; the same seed gives the same orders."""

    seed: int
    _shares: dict[tuple[str, str], float] = field(default_factory=dict)

    def order(self, number: int) -> Row:
        """An order without the fields in which orders of the same shape differ."""
        choice = random.Random(f"{self.seed} {number}")
        row = self._row("OmniumOrder", choice)
        form = row["orderForm"] = self._row("OmniumOrderForm", choice)
        lines = [
            self._row("OmniumOrderLine", choice) | _line(number, place)
            for place in range(choice.choice(LINES))
        ]
        shipments = [
            self._row("OmniumShipment", choice) | {"lineItems": []} for _ in range(choice.choice(SHIPMENTS))
        ]
        for place, line in enumerate(lines):
            shipments[place % len(shipments)]["lineItems"].append(line)
        form |= {"lineItems": lines, "shipments": shipments, "payments": [self._row("OmniumPayment", choice)]}
        return row

    def _row(self, schema: str, choice: random.Random, depth: int = 0) -> Row:
        row: Row = {}
        for name, kind in schemas()[schema].items():
            inner = kind.strip("@[]")
            if kind.startswith("["):
                self._list(row, schema, name, inner, choice, depth)
            elif inner in schemas():
                if name != "orderForm" and depth < 2 and choice.random() < OBJECTS.get(name, 1):
                    row[name] = self._row(inner, choice, depth + 1)
            elif choice.random() < self._share(schema, name):
                row[name] = None if choice.random() < NULL else _value(name, kind, choice)
        return row

    def _list(self, row: Row, schema: str, name: str, inner: str, choice: random.Random, depth: int) -> None:
        if choice.random() < LISTS.get((schema, name), 0) and depth < 2:
            row[name] = [
                self._row(inner, choice, depth + 1)
                if inner in schemas()
                else f"{name[:4]}-{choice.randrange(50)}"
                for _ in range(choice.randint(1, 3))
            ]
        elif self._share(schema, name) > 0.5:
            row[name] = []

    def _share(self, schema: str, name: str) -> float:
        """The share of a schema's objects that have this field."""
        if (schema, name) not in self._shares:
            choice = random.Random(f"{self.seed} {schema}.{name}")
            which = choice.random()
            own = choice.random()
            self._shares[schema, name] = 1.0 if which < ALWAYS else 0.0 if which > 1 - NEVER else own
        return self._shares[schema, name]


def _line(number: int, place: int) -> Row:
    article = f"{10_001 + (number * 7 + place) % 5_000}"
    return {
        "code": article,
        "productId": article,
        "displayName": f"Artikkel {article}, grå, 40 × 60 cm",
        "quantity": place + 1,
        "placedPrice": 199.9,
    }


def _value(name: str, kind: str, choice: random.Random) -> Any:
    number = choice.randrange(100_000)
    if kind == "t":
        # .NET writes up to seven digits of a second, without trailing zeros.
        digits = "" if number % 3 else f".{number:05d}37"
        day, time = (
            f"{number % 12 + 1:02d}-{number % 27 + 1:02d}",
            f"{number % 24:02d}:{number % 60:02d}:{number % 59:02d}",
        )
        return f"2026-{day}T{time}{digits}Z"
    if kind == "n":
        return number if number % 3 == 0 else number / 100
    if kind == "i":
        return number % 1_000
    if kind == "b":
        return number % 2 == 0
    if name.endswith("Id"):
        return f"{number:08x}-9c1d-4b7a-8e52-{NUMBER}{number:05d}"
    if name.endswith(("Number", "Code", "Currency")):
        return f"{name[:2]}-{number:06d}"
    if name.endswith(("Link", "Url")):
        return f"https://example.com/{name}/{number:06d}/oslo-central?market=nor"
    colour = COLOURS[number % len(COLOURS)]
    if number % 2:
        return f"{name} {number % 977}, {colour}, hentes på lageret i gate {number % 7}, port 3, Oslo"
    return f"{colour} {name} til ordre {NUMBER}, hylle {number % 977} i lageret i gate {number % 7}"
