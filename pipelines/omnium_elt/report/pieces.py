"""What the sections of the report are put together from: tiles, tables, figures, and numbers as people read them.

Everything that came from the tenant is escaped here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

Row = dict[str, Any]
ACTIONS = {
    "order": ("order", ""),
    "top_up": ("order, topped up", ""),
    "split": ("order in parts", "warn"),
    "order_below_minimum": ("order below the minimum", "warn"),
    "defer": ("wait", "none"),
    "none": ("nothing", "none"),
}
"""How a proposal's action is called, and the kind of pill it stands in."""


@dataclass(frozen=True)
class Tile:
    """One figure, large, and what it is."""

    figure: str
    meaning: str
    is_warning: bool = False

    @property
    def html(self) -> str:
        """The tile as HTML."""
        kind = "tile warn" if self.is_warning else "tile"
        return f'<div class="{kind}"><b>{escape(self.figure)}</b><span>{escape(self.meaning)}</span></div>'


@dataclass(frozen=True)
class Heading:
    """A column of a table: its heading, and the (escaped) HTML of its cell in a row."""

    name: str
    cell: Any
    is_number: bool = False


def table(found: Iterable[Row], headings: Sequence[Heading]) -> str:
    """A table; on a phone every cell of a row but the first bears its heading."""
    kinds = [' class="number"' if heading.is_number else "" for heading in headings]
    head = "".join(f"<th{kind}>{escape(h.name)}</th>" for h, kind in zip(headings, kinds, strict=True))
    labels = ["", *(f' data-label="{escape(heading.name)}"' for heading in headings[1:])]
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}{label if cell else ''}>{cell}</td>"
            for cell, kind, label in zip((h.cell(row) for h in headings), kinds, labels, strict=True)
        )
        + "</tr>"
        for row in found
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def figure(title: str, caption: str, picture: str, *, is_tall: bool = False) -> str:
    """A picture with its caption (HTML); a tall one has two others beside it."""
    kind = ' class="tall"' if is_tall else ""
    return (
        f"<figure{kind}><figcaption><h3>{escape(title)}</h3><span>{caption}</span></figcaption>"
        f"{picture}</figure>"
    )


def legend(kind: str, meaning: str) -> str:
    """What a colour stands for."""
    return f'<span class="legend"><i class="key {kind}"></i>{escape(meaning)}</span> '


def pill(action: str, times: int) -> str:
    """An action as a small label."""
    name, kind = ACTIONS.get(action, (action, "none"))
    return f'<span class="pill {kind}">{escape(name)}{f" × {times}" if times > 1 else ""}</span>'


def rows(connection: Any, sql: str, *values: Any) -> list[Row]:
    """The rows of a query as dictionaries."""
    cursor = connection.execute(sql, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, found, strict=True)) for found in cursor.fetchall()]


def row(connection: Any, sql: str) -> Row:
    """The only row of a query."""
    return rows(connection, sql)[0]


def sum_of(found: Iterable[Row], column: str) -> Decimal:
    """The sum of a column that may hold nulls."""
    return sum((Decimal(row[column] or 0) for row in found), Decimal(0))


def text(value: Any) -> str:
    """Anything as escaped text; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return escape(value.isoformat() if isinstance(value, date) else str(value))


def sentence(name: str) -> str:
    """A name in snake case, as words."""
    return name.replace("_", " ").capitalize()


def number(value: Any) -> str:
    """A quantity without needless decimals."""
    if value is None:
        return "–"
    shown = f"{Decimal(str(value)):,.1f}"
    return shown.removesuffix(".0")


def money(value: Any, currency: Any) -> str:
    """An amount, whole, with its currency, escaped."""
    return escape(amount(value, currency))


def amount(value: Any, currency: Any) -> str:
    """An amount, whole, with its currency, for what escapes its texts itself."""
    return f"{number(None if value is None else round(Decimal(value)))} {currency or ''}".rstrip()


def percent(share: Any) -> str:
    """A share of 0…1 as per cent."""
    return "–" if share is None else f"{float(share):.0%}"
