"""Pages from templates: Jinja2 with autoescape, and numbers as people read them.

Whatever a template shows is escaped unless it is `Markup`, which only a template or a picture of `svg` makes: a
tenant's texts are never that.
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
    """One of the templates, filled in; what it needs and is not given is an error (`UndefinedError`)."""
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
    for show in (ago, amount, number, percent, plain, sentence, signed_percent):
        environment.filters[show.__name__] = show
    return environment


def text(value: Any) -> Any:
    """How a template shows a value that no filter shaped: nothing for null, times to the minute, dates as ISO."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else value


def sentence(name: str) -> str:
    """A name in snake case, as words."""
    return name.replace("_", " ").capitalize()


def number(value: Any) -> str:
    """A quantity without needless decimals."""
    if value is None:
        return "–"
    shown = f"{Decimal(str(value)):,.1f}"
    return shown.removesuffix(".0")


def plain(value: Any) -> str:
    """A quantity with all its decimals and no needless ones."""
    return "" if value is None else digits(Decimal(str(value)))


def ago(hours: float) -> str:
    """How long ago, in words."""
    if hours < 1:
        return "less than an hour ago"
    if hours < 48:
        return f"{hours:.0f} hour{'' if round(hours) == 1 else 's'} ago"
    return f"{hours / 24:.0f} days ago"


def amount(value: Any, currency: Any = "") -> str:
    """An amount, whole, with its currency."""
    return f"{number(None if value is None else round(Decimal(value)))} {currency or ''}".rstrip()


def percent(share: Any) -> str:
    """A share of 0…1 as per cent."""
    return "–" if share is None else f"{float(share):.0%}"


def signed_percent(share: Any) -> str:
    """A difference of shares as per cent, with its sign."""
    return "–" if share is None else f"{float(share):+.0%}".replace("-", "−")
