"""Tables, numbers and texts for the terminal. Escape sequences in texts from elsewhere are removed."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnium_source.text import printable

from omnium_elt.infra.text import for_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    # Values that JSON does not know are made texts first, so that for_json removes escape sequences from them, too.
    value = for_json(json.loads(json.dumps(value, default=str)))
    # JSON can escape the characters that the terminal's encoding lacks.
    is_unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    json.dump(value, sys.stdout, ensure_ascii=not is_unicode, indent=1)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(*headings: str) -> "Table":
    """Make a table that fits the terminal; a heading that ends with `>` aligns its column to the right.

    The first column is never wrapped, so that the names in it can be copied.
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


def narrowed(table: "Table", console: "Console", *dispensable: str, below: int = 80) -> "Table":
    """Remove the `dispensable` columns if the terminal is narrower than `below` characters."""
    if console.width < below:
        table.columns = [column for column in table.columns if column.header not in dispensable]
    return table


def say(console: "Console", text: str, **look: Any) -> None:
    """Print a line without wrapping it, so that a path in it can be copied."""
    console.print(text, soft_wrap=True, **look)


def say_error(text: str) -> None:
    """Print an error on stderr. If stderr cannot be written, the exit status alone tells of the error."""
    with contextlib.suppress(OSError):
        say(stderr(), f"[red]error:[/red] {escaped(text)}")


def stdout() -> "Console":
    """The console for the output of a command. In a pipe it is wide: a row of a table is one line, for grep."""
    return _console(width=None if sys.stdout.isatty() else 400)


def stderr() -> "Console":
    """The console for progress and errors."""
    return _console(stderr=True)


def _console(**options: Any) -> "Console":
    """A console that removes escape sequences from every text and every cell that it renders."""
    from rich.console import Console
    from rich.text import Text

    class Printable(Console):
        def render_str(self, text: str, **named: Any) -> Text:
            return super().render_str(printable(text), **named)

        def on_broken_pipe(self) -> None:
            # rich would end the process with status 1; `main` treats a closed pipe as success.
            raise BrokenPipeError

    return Printable(highlight=False, **options)


def escaped(text: str) -> str:
    """Escape the brackets in a text, which rich would read as markup."""
    from rich.markup import escape

    return escape(text)


def coloured(status: str) -> str:
    """A status with the markup of its colour."""
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
    """A count with thousands separators; a dash for None."""
    return "–" if value is None else f"{value:,}"


def moment(text: str | None) -> str:
    """A time (ISO 8601) to the minute; a dash for None."""
    return text[:16].replace("T", " ") if text else "–"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them (s, min, h, d); a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or size == 60:
            return f"{seconds / size:.0f} {unit}"
    return ""


def shown_path(path: Path) -> str:
    """A path as markup, relative to the current folder if it lies inside it."""
    shown = os.path.relpath(path)
    return escaped(str(path) if shown.startswith("..") else shown)
