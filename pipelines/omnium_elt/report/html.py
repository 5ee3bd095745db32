"""report: `exports/report.html`, a page that can be sent by mail.

It shows what to order, the lead times of suppliers, and how far the data can be trusted. The file contains its styles
and charts and makes no request to the network (a content security policy in the page forbids it). It can be read on a
phone, in dark mode and on paper. Each section is a module that queries the marts, and a template that shows the rows.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from omnium_elt.infra.files import replacing
from omnium_elt.report import accuracy, health, lead_times, lists, proposals, tiles
from omnium_elt.report.rendering import render

MOST_ROWS = 20
"""Most rows shown of each list."""


def write(page: str, path: Path) -> None:
    """Write a page to a file, replacing the old file in one step."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def page(connection: Any, as_of: str | None) -> str:
    """The text of the page, from the marts that `connection` sees."""
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
