"""What the dashboard's notebooks share: colours, header, tables, and queries on the published warehouse."""

from collections.abc import Callable
from typing import Any

import altair
import duckdb
import marimo

from omnium_elt.infra.configuration import home_of
from omnium_elt.infra.text import in_utc
from omnium_elt.inspect.dashboard import others
from omnium_elt.warehouse.database import literal
from omnium_elt.warehouse.manifest import published as published_version

GREEN, AMBER, RUST, PALE = "#2a8a72", "#d08a2e", "#b5502a", "#9cc4b8"


@altair.theme.register("omnium", enable=True)
def _theme() -> altair.theme.ThemeConfig:
    """A chart theme without Vega's menu, whose button has no name for screen readers."""
    return altair.theme.ThemeConfig({"usermeta": {"embedOptions": {"actions": False}}})


def header(here: str) -> Any:
    """Links to the other pages, and the as-of day of the figures; `here` is the address of this page."""
    version = published_version(home_of(None))
    pages = {"/": "Today's proposal", **others()}
    links = " · ".join(f"[{title}]({address})" for address, title in pages.items() if address != here)
    as_of = (version and version.as_of) or "no day"
    published_at = in_utc(version.published_at) if version else "at no known time"
    return marimo.md(f"{links}\n\nAs of **{as_of}** · published {published_at}")


def figures(shown: dict[str, str]) -> Any:
    """Figures side by side; `shown`: label → figure."""
    tiles = [marimo.stat(figure, label=what, bordered=True) for what, figure in shown.items()]
    return marimo.hstack(tiles, widths="equal")


def table(rows: Any, *, selection: Any = None, page_size: int = 10, **more: Any) -> Any:
    """A paged table of rows; `more`: further arguments of `marimo.ui.table`."""
    return marimo.ui.table(
        rows,
        selection=selection,
        page_size=page_size,
        show_column_summaries=False,
        show_data_types=False,
        show_download=False,
        **more,
    )


def published() -> Callable[..., Any]:
    """Return `query(sql, name=value)`, which asks the published warehouse and returns a data frame.

    `$name` in the SQL stands for the value. Stops the cell with a message if nothing can be read.
    """
    path = home_of(None).warehouse
    if not path.exists():
        sentence = f"There is no warehouse at `{path}` yet: `omnium-elt demo` makes one."
        marimo.stop(True, marimo.callout(marimo.md(sentence), "warn"))
    warehouse = duckdb.connect()
    # Attached rather than opened, so that each session sees the version that was published when it began.
    try:
        warehouse.execute(f"attach {literal(str(path))} as warehouse (read_only)")
    except duckdb.Error as error:
        sentence = (
            f"`{path}` cannot be read: {str(error).splitlines()[0]} `omnium-elt publish` writes it anew."
        )
        marimo.stop(True, marimo.callout(marimo.md(sentence), "danger"))
    warehouse.execute("use warehouse")
    warehouse.execute("set TimeZone = 'UTC'")

    def query(sql: str, **values: Any) -> Any:
        return warehouse.execute(sql, values).df()

    return query
