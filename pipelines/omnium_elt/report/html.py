"""report: `exports/report.html`, one page for those who get it by mail.

What to order, what suppliers really take, and how far the data can be trusted. One file that holds its style
and its pictures: it makes no request to the network (a content security policy in the page forbids it), reads
on a phone, in the dark and on paper. Each section is a module that asks the marts, and a template that shows it.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from omnium_elt.infra.files import replacing
from omnium_elt.report import accuracy, health, lead_times, lists, proposals, tiles
from omnium_elt.report.rendering import render

MOST_ROWS = 20
"""Rows shown of a list."""


def write(page: str, path: Path) -> None:
    """Write a page, replacing the one before in one step."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def page(connection: Any, as_of: str | None) -> str:
    """The whole page, of the marts that `connection` sees, as text."""
    return render(
        "report.html",
        as_of=as_of,
        read_until=health.read_until(connection),
        tiles=tiles.tiles(connection),
        sections=(
            proposals.section(connection),
            lead_times.section(connection),
            accuracy.section(connection),
            lists_section(connection),
            health.section(connection),
        ),
    )


def lists_section(connection: Any) -> Markup:
    """The lists behind the tiles, each with its first rows."""
    return render(
        "lists.html",
        lists=lists.LISTS,
        rows={name: lists.page_of(connection, name, MOST_ROWS) for name in lists.LISTS},
        counts={name: lists.count(connection, name) for name in lists.LISTS},
        urgencies=lists.URGENCIES,
    )
