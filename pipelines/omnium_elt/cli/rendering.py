"""Tables, numbers and texts on the terminal; nobody else's escape sequences reach it."""

import contextlib
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnium_source.text import printable

from omnium_elt.infra.text import for_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    # What is no text yet becomes one first, and then has to be printable too.
    value = for_json(json.loads(json.dumps(value, default=str)))
    # Where the terminal's encoding lacks a character, JSON has a way of its own to write it.
    is_unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    json.dump(value, sys.stdout, ensure_ascii=not is_unicode, indent=1)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(*headings: str) -> "Table":
    """A table that fits the terminal; a heading that ends with `>` is aligned to the right.

    The first column's names stay whole, so that they can be copied.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        is_number = heading.endswith(">")
        table.add_column(
            heading.rstrip(">"),
            justify="right" if is_number else "left",
            no_wrap=is_number or heading == headings[0],
            overflow="fold",
        )
    return table


def narrowed(table: "Table", console: "Console", *dispensable: str) -> "Table":
    """The table without these columns where the terminal is too narrow for all of them."""
    if console.width < 80:
        table.columns = [column for column in table.columns if column.header not in dispensable]
    return table


def say(console: "Console", text: str, **look: Any) -> None:
    """A line that is not broken, however long: what is in it can be copied, such as a path."""
    console.print(text, soft_wrap=True, **look)


def say_error(text: str) -> None:
    """What went wrong, on stderr, where that can be written: the exit status says it as well."""
    with contextlib.suppress(OSError):
        say(stderr(), f"[red]error:[/red] {escaped(text)}")


def stdout() -> "Console":
    """What a command has to say."""
    return _console(width=None if sys.stdout.isatty() else 200)


def stderr() -> "Console":
    """Progress and errors."""
    return _console(stderr=True)


def _console(**options: Any) -> "Console":
    """A console through which nobody else's escape sequences pass: every text and every cell is rendered here."""
    from rich.console import Console
    from rich.text import Text

    class Printable(Console):
        def render_str(self, text: str, **named: Any) -> Text:
            return super().render_str(printable(text), **named)

        def on_broken_pipe(self) -> None:
            # rich would end the process with status 1; whoever prints knows better what it means.
            raise BrokenPipeError

    return Printable(highlight=False, **options)


def escaped(text: str) -> str:
    """A text whose brackets are no markup."""
    from rich.markup import escape

    return escape(text)


def coloured(status: str) -> str:
    """A status in its colour, as markup."""
    colours = {
        "ok": "green",
        "failed": "red",
        "forbidden": "red",
        "incomplete": "yellow",
        "interrupted": "yellow",
    }
    colour = colours.get(status)
    return f"[{colour}]{status}[/{colour}]" if colour else status


def number(value: int | None) -> str:
    """A count; a dash for none."""
    return "–" if value is None else f"{value:,}"


def moment(text: str | None) -> str:
    """A time (ISO 8601) to the minute; a dash for none."""
    return text[:16].replace("T", " ") if text else "–"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that a person would take; a dash for none."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or size == 60:
            return f"{seconds / size:.0f} {unit}"
    return ""


def seconds_between(start: str, end: str) -> float:
    """Between two times (ISO 8601)."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def shown_path(path: Path) -> str:
    """A path as short as it can be from here."""
    shown = os.path.relpath(path)
    return escaped(str(path) if shown.startswith("..") else shown)
