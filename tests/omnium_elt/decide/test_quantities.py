"""What is said while a quantity is typed."""

from decimal import Decimal
from typing import Any

import pytest
from omnium_elt.decide.quantities import check, number

PACKED = {"pack_quantity": Decimal("24.0000"), "is_package_break_allowed": False}


@pytest.mark.parametrize(
    ("typed", "line", "quantity", "problem"),
    [
        ("48", PACKED, "48", ""),
        ("50", PACKED, None, "It comes in packs of 24: 48 or 72."),
        ("5", PACKED, None, "It comes in packs of 24: 24."),
        ("50", {**PACKED, "is_package_break_allowed": True}, "50", ""),
        ("2,5", {}, "2.5", ""),
        ("2.5", {"pack_quantity": None}, "2.5", ""),
        ("2.5", {"pack_quantity": Decimal("0.5")}, "2.5", ""),
        ("30", {"reorder_min_quantity": Decimal(50)}, "30", "Below the least to order, 50."),
        ("24", {**PACKED, "reorder_min_quantity": Decimal(50)}, "24", "Below the least to order, 50."),
        ("30", {"max_quantity": Decimal(40), "position": Decimal(20)}, "30",
         "There would be 50, above the maximum of 40."),
        ("30", {"max_quantity": Decimal(0), "position": Decimal(20)}, "30", ""),
        ("0", {}, None, "Order more than nothing, or leave the line unticked."),
        ("-3", {}, None, "Order more than nothing, or leave the line unticked."),
        ("", {}, None, "That is no quantity."),
        ("ten", {}, None, "That is no quantity."),
        ("1,000.5", {}, None, "That is no quantity."),
        ("1e9", {}, None, "That is no quantity."),
        ("NaN", {}, None, "That is no quantity."),
        ("7038010000123", {}, None, "More than 99,999,999 units are no quantity."),
        ("1.00001", {}, None, "At most 4 decimals."),
    ],
)  # fmt: skip
def test_a_typed_quantity(typed: str, line: dict[str, Any], quantity: str | None, problem: str) -> None:
    found = check(typed, line)
    assert (found.quantity, found.problem) == (None if quantity is None else Decimal(quantity), problem)


def test_what_would_do_is_named() -> None:
    assert check("50", PACKED).nearest == (Decimal(48), Decimal(72))
    assert check("24", {**PACKED, "reorder_min_quantity": Decimal(50)}).nearest == (Decimal(72),)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 200", "1200"), ("1\u00a0200,5", "1200.5"), ("٣", None), ("0x10", None), ("--1", None)],
)
def test_a_number_as_people_type_it(text: str, value: str | None) -> None:
    assert number(text) == (None if value is None else Decimal(value))
