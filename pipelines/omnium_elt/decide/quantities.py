"""Checks whether a typed quantity can be ordered: the packs, minimum and maximum of the article."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

MOST = Decimal("99999999")
"""Most units of a line; a larger number is a typing error, or a scanned barcode."""
DECIMALS = 4


@dataclass(frozen=True)
class Checked:
    """The result of checking a typed quantity.

    `quantity`: None if it is refused. `problem`: a sentence, which is only a warning if there is a quantity. `nearest`:
    quantities to suggest instead.
    """

    quantity: Decimal | None
    problem: str = ""
    nearest: tuple[Decimal, ...] = ()


def check(text: str, line: Mapping[str, Any]) -> Checked:
    """Check a typed text against a line of the proposal.

    `line` has `pack_quantity`, `is_package_break_allowed`, `reorder_min_quantity`, `max_quantity` and `position`, any
    of which may be missing. A quantity that breaks a pack is refused, as the supplier does not break packs. A quantity
    below the minimum, or one that lifts the position above the maximum, is a warning: there may be a reason for it.
    """
    quantity = number(text)
    if quantity is None:
        return Checked(None, "That is no quantity.")
    if quantity <= 0:
        return Checked(None, "Order more than nothing, or leave the line unticked.")
    if quantity > MOST:
        return Checked(None, f"More than {MOST:,f} units are no quantity.")
    if quantity != round(quantity, DECIMALS):
        return Checked(None, f"At most {DECIMALS} decimals.")
    pack = line.get("pack_quantity") or Decimal(0)
    if pack > 0 and not line.get("is_package_break_allowed"):
        below, above = (
            _whole(quantity / pack, ROUND_FLOOR) * pack,
            _whole(quantity / pack, ROUND_CEILING) * pack,
        )
        if quantity != above:
            nearest = tuple(value for value in (below, above) if value > 0)
            return Checked(
                None, f"It comes in packs of {plain(pack)}: {' or '.join(map(plain, nearest))}.", nearest
            )
    minimum = line.get("reorder_min_quantity") or Decimal(0)
    if quantity < minimum:
        least = _whole(minimum / pack, ROUND_CEILING) * pack if pack > 0 else minimum
        return Checked(quantity, f"Below the least to order, {plain(minimum)}.", (least,))
    maximum = line.get("max_quantity") or Decimal(0)
    after = quantity + (line.get("position") or Decimal(0))
    if maximum > 0 and after > maximum:
        return Checked(quantity, f"There would be {plain(after)}, above the maximum of {plain(maximum)}.")
    return Checked(quantity)


def number(text: str) -> Decimal | None:
    """Parse a number with at most one comma or point, which is the decimal sign; None for any other text."""
    typed = re.sub(r"[\s\u00a0\u202f']", "", text)
    if not re.fullmatch(r"[+-]?\d{1,20}([.,]\d{1,10})?", typed, re.ASCII):
        return None
    return Decimal(typed.replace(",", "."))


def plain(value: Decimal) -> str:
    """A quantity without trailing zeros, with thousands separators."""
    return f"{value.normalize():,f}"


def _whole(value: Decimal, rounding: str) -> Decimal:
    return value.to_integral_value(rounding=rounding)
