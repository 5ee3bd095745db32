"""Every number and date of a sentence stands in a column of its row: all sentences of the medium sandbox."""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.support.medium import Medium
from tests.support.models import Row, query

NUMBER = r"(-?\d{1,3}(?:,\d{3})*(?:\.\d+)?)(?!,?\d)"
DATE = r"(\d{4}-\d{2}-\d{2})"
SAID = (
    (rf"sells {NUMBER} a day", "daily_demand", 2),
    (rf"sells {NUMBER} a year", "annual_demand", 1),
    (rf"with the {NUMBER} places", "supplied_places", 1),
    (rf"{NUMBER} times as much in the season", "season_factor", 2),
    (rf"{NUMBER} more by the promotion", "promotion_demand", 1),
    (rf"by the promotion from {DATE} on", "promotion_date", 0),
    (rf"in stock for {NUMBER} days", "known_days", 1),
    (rf"not counting {NUMBER} in one-off orders", "one_off_quantity", 1),
    (rf"\(the last on {DATE}\)", "last_one_off_date", 0),
    (rf"; {NUMBER} available", "available", 1),
    (rf"and {NUMBER} on order", "on_order", 1),
    (rf"\({NUMBER} late", "on_order_late", 1),
    (rf"{NUMBER} to be expected in time", "on_order_expected", 1),
    (rf"of which {NUMBER} are promised", "promised_quantity", 1),
    (rf"and {NUMBER} with these places", "position", 1),
    (rf"{NUMBER} more than it needs", "excess_quantity", 1),
    (rf"reorder point of {NUMBER}", "reorder_point", 1),
    (rf"\({NUMBER} of it for doubt", "safety_stock", 1),
    (rf"(?:takes|to need) {NUMBER} ±", "lead_time_mean_days", 1),
    (rf"± {NUMBER} days", "lead_time_sd_days", 1),
    (rf"configured with margin: {NUMBER}\)", "configured_lead_time_days", 1),
    (rf"order {NUMBER}(?: |,|\.$)", "suggested_quantity", 1),
    (rf"\({NUMBER} ×", "packs", 1),
    (rf"× {NUMBER}\)", "pack_quantity", 1),
    (rf"(?:beside the|bring) {NUMBER} ", "transfer_in_quantity", 1),
    (rf"draft order of {NUMBER} ", "draft_order", 1),
    (rf"runs out on {DATE}", "projected_stock_out_date", 0),
    (rf"order until {DATE}", "order_by_date", 0),
    (rf"\({NUMBER} % risk", "stock_out_risk", 1),
)
"""What a sentence says, the column in which it stands, and with how many decimals it is said."""


@pytest.mark.slow  # shares the medium tenant, which takes a minute
def test_every_number_stands_in_a_column(truth_of_medium: Medium) -> None:
    rows = query(truth_of_medium.folder, "select * from marts.replenishment")
    wrong = [problem for row in rows for problem in problems(row)]
    assert wrong == []
    assert sum("of it for doubt" in row["explanation"] for row in rows) > 5
    assert len(rows) > 1_000


def problems(row: Row) -> list[str]:
    """What is said of a row that its columns do not say."""
    sentence, found = row["explanation"], []
    for name in filter(None, (row["supplier_name"], row["block_reason"])):
        sentence = sentence.replace(name, "…")
    left = sentence
    for pattern, column, digits in SAID:
        for match in re.finditer(pattern, sentence, re.IGNORECASE):
            if match[1] not in as_said(row[column], digits, percent=column == "stock_out_risk"):
                found.append(f"{row['sku']}: {match[0]} is not {column} {row[column]}: {sentence}")
            left = left.replace(match[1], "", 1)
    if re.search(r"\d", left):
        found.append(f"{row['sku']}: nobody knows where a number is from: {left}")
    return found


def as_said(value: object, digits: int, *, percent: bool) -> set[str]:
    """How a figure may be shown; the column's last digit is rounded, so both neighbours of a half may be."""
    if isinstance(value, date):
        return {value.isoformat()}
    if value is None:
        return set()
    exact = Decimal(str(value)) * (100 if percent else 1)
    unit, hair = Decimal(1).scaleb(-digits), Decimal("0.000051")
    texts = {f"{(exact + some).quantize(unit, ROUND_HALF_UP):,f}" for some in (-hair, Decimal(0), hair)}
    return {text.rstrip("0").rstrip(".") if "." in text else text for text in texts} | (
        {"0"} if "-0" in texts else set()
    )
