"""Charts as inline SVG, for a page that makes no request to the network.

Colours come from classes of the page's style sheet, so that one chart fits light mode, dark mode and paper. Marks have
a <title>, which a pointer shows and a screen reader reads out. All texts are escaped here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 480
"""Width in SVG units; on a phone a chart is about as many pixels wide, so that texts stay readable."""
ROW = 24
LABEL = 132


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart."""

    label: str
    value: float
    text: str


@dataclass(frozen=True)
class Range:
    """One row of a range chart: from `low` to `high`, with a mark at the value to compare them with."""

    label: str
    low: float
    high: float
    mark: float
    title: str


@dataclass(frozen=True)
class Column:
    """One column of stacked values, the first at the bottom."""

    label: str
    values: tuple[float, ...]
    title: str


@dataclass(frozen=True)
class Curve:
    """A named series of points (x, share, title), joined in the order of x."""

    name: str
    points: tuple[tuple[float, float, str], ...]


def bars(rows: Sequence[Bar], description: str) -> Markup:
    """Horizontal bars, one below the other, each with its value at the end."""
    room = WIDTH - LABEL - 80
    most = max((row.value for row in rows), default=0) or 1
    marks = []
    for number, row in enumerate(rows):
        top = number * ROW
        long = max(1.5, row.value / most * room)
        marks.append(
            f"<g><title>{escape(f'{row.label}: {row.text}')}</title>"
            f"{written(LABEL - 8, top + 16, row.label, 'end')}"
            f'<rect class="first" x="{LABEL}" y="{top + 5}" width="{long:.1f}" height="14" rx="2"/>'
            f"{written(LABEL + long + 6, top + 16, row.text, kind='value')}</g>"
        )
    return picture(len(rows) * ROW + 4, description, marks)


def ranges(rows: Sequence[Range], description: str) -> Markup:
    """Ranges of days on one axis from 0: a line from `low` to `high`, a dot at `low`, a vertical line at `mark`."""
    room = WIDTH - LABEL - 16
    ticks = round_ticks(max((max(row.high, row.mark) for row in rows), default=0))
    bottom = len(rows) * ROW + 4

    def place(value: float) -> float:
        return LABEL + value / ticks[-1] * room

    marks = [
        upright("grid", place(tick), 0, bottom)
        + written(place(tick), bottom + 15, f"{tick:g}", "middle", "tick")
        for tick in ticks
    ]
    marks.append(written(LABEL - 8, bottom + 15, "days", "end", "tick"))
    for number, row in enumerate(rows):
        middle = number * ROW + 12
        marks.append(
            f"<g><title>{escape(row.title)}</title>{written(LABEL - 8, middle + 4, row.label, 'end')}"
            + level("range", place(row.low), place(row.high), middle)
            + f'<circle class="first" cx="{place(row.low):.1f}" cy="{middle}" r="5"/>'
            + upright("mark", place(row.mark), middle - 8, middle + 8)
            + "</g>"
        )
    return picture(bottom + 22, description, marks)


def columns(items: Sequence[Column], description: str) -> Markup:
    """Stacked columns with the total on top."""
    height, left = 170, 8
    most = max((sum(item.values) for item in items), default=0) or 1
    step = (WIDTH - 2 * left) / max(1, len(items))
    marks = [level("axis", left, WIDTH - left, height)]
    for number, item in enumerate(items):
        x, y = left + number * step, float(height)
        parts = ""
        for value, kind in zip(item.values, ("first", "second"), strict=False):
            tall = value / most * (height - 28)
            y -= tall
            if value:
                parts += (
                    f'<rect class="{kind}" x="{x + step * 0.14:.1f}" y="{y:.1f}" '
                    f'width="{step * 0.72:.1f}" height="{tall:.1f}"/>'
                )
        total = sum(item.values)
        middle = x + step / 2
        marks.append(
            f"<g><title>{escape(item.title)}</title>{parts}"
            + (written(middle, y - 6, f"{total:,.0f}", "middle", "value") if total else "")
            + written(middle, height + 16, item.label, "middle", "tick")
            + "</g>"
        )
    return picture(height + 24, description, marks)


def line(labels: Sequence[str], shares: Sequence[float | None], description: str) -> Markup:
    """Shares (0…1) over time on an axis from 0 to 100 %, the last one labelled; shares that are None are left out."""
    height, left, right, top = 170, 40, 44, 10

    def place(number: int, value: float) -> tuple[float, float]:
        across = (WIDTH - left - right) * number / max(1, len(labels) - 1)
        return left + across, top + (1 - value) * (height - top)

    marks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = place(0, share)[1]
        marks.append(
            level("grid", left, WIDTH - right, y) + written(left - 6, y + 4, f"{share:.0%}", "end", "tick")
        )
    every = max(1, math.ceil(len(labels) / 6))
    marks += [
        written(place(number, 0)[0], height + 16, label, "middle", "tick")
        for number, label in enumerate(labels)
        if (len(labels) - 1 - number) % every == 0
    ]
    points = [(*place(n, share), labels[n], share) for n, share in enumerate(shares) if share is not None]
    if points:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
        marks.append(f'<polyline class="first-line" points="{path}"/>')
        marks += [
            f'<circle class="first" cx="{x:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{escape(f'{label}: {share:.1%}')}</title></circle>"
            for x, y, label, share in points
        ]
        x, y, _, share = points[-1]
        marks.append(written(x + 8, y + 4, f"{share:.0%}", kind="first-name"))
    return picture(height + 24, description, marks)


def curves(series: Sequence[Curve], description: str, costs: str) -> Markup:
    """Shares (0…1) against an amount; `costs` is the label of the amounts, whose axis begins at 0."""
    height, left, right = 220, 40, 16
    points = [point for curve in series for point in curve.points]
    ticks = round_ticks(max((x for x, _, _ in points), default=0))
    floor = min((math.floor(share * 10) / 10 for _, share, _ in points), default=0.0)
    floor = min(floor, 0.9)

    def place(x: float, share: float) -> tuple[float, float]:
        across = left + x / ticks[-1] * (WIDTH - left - right)
        return across, 10 + (1 - share) / (1 - floor) * (height - 10)

    marks = []
    for number in range(round(floor * 10), 11):
        y = place(0, number / 10)[1]
        marks.append(
            level("grid", left, WIDTH - right, y)
            + written(left - 6, y + 4, f"{number / 10:.0%}", "end", "tick")
        )
    marks += [written(place(x, 0)[0], height + 16, short(x), "middle", "tick") for x in ticks]
    marks.append(written(WIDTH - right, height + 34, costs, "end", "tick"))
    for curve, kind in zip(series, ("first", "second", "third"), strict=False):
        placed = [(*place(x, share), title) for x, share, title in sorted(curve.points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in placed)
        if len(placed) > 1:
            marks.append(f'<polyline class="{kind}-line" points="{path}"/>')
        marks += [
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(title)}</title></circle>'
            for x, y, title in placed
        ]
    return picture(height + 40, description, marks)


def short(amount: float) -> str:
    """An amount in thousands (k), millions (M) or billions (bn)."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:g}{letter}"
    return f"{amount:g}"


def round_ticks(most: float) -> list[float]:
    """Round figures from 0 to at least `most`, four to seven of them."""
    if most <= 0:
        return [0, 1]
    power = 10 ** math.floor(math.log10(most / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 6 >= most)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def level(kind: str, left: float, right: float, y: float, title: str = "") -> str:
    """A horizontal line."""
    return _line(kind, left, y, right, y, title)


def upright(kind: str, x: float, top: float, bottom: float, title: str = "") -> str:
    """A vertical line."""
    return _line(kind, x, top, x, bottom, title)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float, title: str) -> str:
    said = f"<title>{escape(title)}</title>" if title else ""
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}">{said}</line>'


def written(x: float, y: float, text: str, anchor: str = "start", kind: str = "name") -> str:
    """A text element; kind `name` is cut to 20 characters."""
    shown = text if kind != "name" or len(text) <= 20 else text[:19].rstrip() + "…"
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def picture(height: float, description: str, marks: Sequence[str], width: float = WIDTH) -> Markup:
    """An SVG element with these marks; `description` is the text for screen readers."""
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(marks)}</svg>"
    )
