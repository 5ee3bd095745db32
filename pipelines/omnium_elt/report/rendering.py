"""Renders Jinja2 templates with autoescape, and formats numbers.

Every value that a template shows is escaped unless it is `Markup`. Only templates and the charts of `svg` return
`Markup`; a tenant's texts are never marked as such.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from omnium_elt.infra.text import digits

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **values: Any) -> Markup:
    """Render a template. Raises jinja2's `UndefinedError` if it needs a value that is not given."""
    return Markup(_environment().get_template(template).render(**values))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    for show in (ago, amount, counted, number, percent, plain, sentence, signed_percent):
        environment.filters[show.__name__] = show
    return environment


def text(value: Any) -> Any:
    """Format a value that no filter has formatted: None as an empty text, times to the minute, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else value


def sentence(name: str) -> str:
    """A snake_case name as words, the first one capitalised."""
    return name.replace("_", " ").capitalize()


def number(value: Any) -> str:
    """A quantity rounded to one decimal, none if that is 0; a dash for None."""
    if value is None:
        return "–"
    shown = f"{Decimal(str(value)):,.1f}"
    return shown.removesuffix(".0")


def counted(value: Any, what: str) -> str:
    """A quantity of something: `1 line`, `2 lines`."""
    shown = number(value)
    return f"{shown} {what}{'' if shown == '1' else 's'}"


def plain(value: Any) -> str:
    """A quantity with all its decimals and no trailing zeros; empty for None."""
    return "" if value is None else digits(Decimal(str(value)))


def ago(hours: float) -> str:
    """How long ago, in words."""
    if hours < 1:
        return "less than an hour ago"
    if hours < 48:
        return f"{hours:.0f} hour{'' if round(hours) == 1 else 's'} ago"
    return f"{hours / 24:.0f} days ago"


def amount(value: Any, currency: Any = "") -> str:
    """An amount, rounded to a whole number, with its currency."""
    return f"{number(None if value is None else round(Decimal(value)))} {currency or ''}".rstrip()


def percent(share: Any) -> str:
    """A share (0…1) as a percentage; a dash for None."""
    return "–" if share is None else f"{float(share):.0%}"


def signed_percent(share: Any) -> str:
    """A difference of shares as a percentage with its sign; a dash for None."""
    return "–" if share is None else f"{float(share):+.0%}".replace("-", "−")
