"""The chart that explains a line of the proposal: the stock of one SKU in one warehouse over time.

Past stock is on the left of the as-of day. On the right are expected stock with its band, open orders and today's
proposal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from omnium_elt.report import svg
from omnium_elt.report.rendering import number
from omnium_elt.warehouse.queries import Row, rows

PAST_DAYS = 91
AHEAD_DAYS = 91
MOST_ARRIVALS = 6
"""Most open orders drawn, the next arrivals first; the article's page lists them in a table."""


@dataclass(frozen=True)
class Arrival:
    """An open order line: units, and the days by which half and nine of ten such lines arrive (None: unknown)."""

    order: str
    quantity: float
    likely: date
    latest: date | None


@dataclass(frozen=True)
class Expected:
    """Expected stock at the end of a day; `low`: the stock that it stays above in 95 % of cases (None: unknown)."""

    day: date
    stock: float
    low: float | None


@dataclass(frozen=True)
class Story:
    """What the chart of one SKU in one warehouse shows."""

    as_of: date
    past: Sequence[tuple[date, float]]
    expected: Sequence[Expected]
    arrivals: Sequence[Arrival]
    reorder_point: float | None
    ordered: float
    """Units of today's proposal, as decided; 0 if nothing is ordered."""
    ordered_arrival: date | None


@dataclass(frozen=True)
class _Item:
    """One SKU in one warehouse, with the connection to query the marts about it."""

    connection: Any
    as_of: date
    sku: str
    warehouse: str

    def ask(self, sql: str, *more: Any) -> list[Row]:
        """The rows of a query: `$1` is the SKU, `$2` the warehouse, `$3` and the following are `more`."""
        return rows(self.connection, sql, self.sku, self.warehouse, *more)


def story(connection: Any, as_of: date, sku: str, warehouse: str, ordered: Decimal | None = None) -> Story:
    """Read the story of one SKU and warehouse from the marts; `ordered` (units) replaces the proposed quantity.

    At the end of each week the expected stock is that of stock_projection. Within a week demand is spread evenly, and
    open orders arrive on their likely days.
    """
    item = _Item(connection, as_of, sku, warehouse)
    proposed = item.ask(
        """
        select cast(quantity as double) as units, expected_arrival_date as day
        from marts.purchase_proposal_line
        where sku = $1 and warehouse_code = $2
        """
    )
    levels = item.ask(
        """
        select cast(reorder_point as double) as reorder_point
        from marts.replenishment
        where sku = $1 and warehouse_code = $2
        """
    )
    units = float(ordered) if ordered is not None else proposed[0]["units"] if proposed else 0.0
    day = proposed[0]["day"] if proposed else None
    arrivals = _arrivals(item)
    return Story(
        as_of,
        _past(item),
        _expected(item, arrivals, units, day),
        arrivals,
        levels[0]["reorder_point"] if levels else None,
        units,
        day,
    )


def _past(item: _Item) -> list[tuple[date, float]]:
    found = item.ask(
        """
        select day, cast(closing_quantity as double) as stock
        from marts.fct_stock_daily
        where sku = $1 and warehouse_code = $2 and day > $3 and day <= $4
        order by day
        """,
        item.as_of - timedelta(PAST_DAYS),
        item.as_of,
    )
    return [(row["day"], row["stock"]) for row in found]


def _arrivals(item: _Item) -> list[Arrival]:
    found = item.ask(
        """
        select coalesce(purchase_order_number, purchase_order_id) as number, cast(open_quantity as double) as units,
            p50_arrival_date, p90_arrival_date
        from marts.open_purchase_eta
        where sku = $1 and warehouse_code = $2 and p50_arrival_date is not null
        order by p50_arrival_date, number
        """
    )
    return [
        Arrival(str(row["number"]), row["units"], row["p50_arrival_date"], row["p90_arrival_date"])
        for row in found
    ]


def _expected(
    item: _Item, arrivals: Sequence[Arrival], ordered: float, ordered_arrival: date | None
) -> list[Expected]:
    weeks = item.ask(
        """
        select projection.week, projection.cumulative_demand as demand, forecast.running_p95 as high,
            projection.expected_stock + projection.cumulative_demand - projection.cumulative_arrivals
                - projection.cumulative_proposal - projection.cumulative_transfers as free_stock
        from marts.stock_projection as projection
        left join marts.demand_forecast as forecast
            on forecast.sku = projection.sku
            and forecast.warehouse_code = projection.warehouse_code
            and forecast.week = projection.week
        where projection.sku = $1 and projection.warehouse_code = $2 and projection.week <= $3
        order by projection.week
        """,
        AHEAD_DAYS // 7,
    )
    if not weeks:
        return []
    free, as_of = float(weeks[0]["free_stock"]), item.as_of
    moves = _transfers(item)
    today = free + sum(units for day, units in moves if day <= as_of)
    found = [Expected(as_of, today, today)]
    before: tuple[float, float | None] = (0.0, 0.0)
    for week in weeks:
        demand, high = float(week["demand"]), None if week["high"] is None else float(week["high"])
        for step in range(1, 8):
            day = as_of + timedelta(7 * (int(week["week"]) - 1) + step)
            supply = free + sum(line.quantity for line in arrivals if line.likely <= day)
            supply += sum(units for moved, units in moves if moved <= day)
            if ordered_arrival and ordered_arrival <= day:
                supply += ordered
            so_far = before[0] + (demand - before[0]) * step / 7
            most = None if high is None or before[1] is None else before[1] + (high - before[1]) * step / 7
            found.append(Expected(day, supply - so_far, None if most is None else supply - most))
        before = demand, high
    return found


def _transfers(item: _Item) -> list[tuple[date, float]]:
    """The days on which proposed transfers change the stock, and the units; what is sent leaves on the as-of day."""
    found = item.ask(
        """
        select 0 as days, -cast(units as double) as units
        from marts.transfer_proposal where sku = $1 and from_warehouse_code = $2
        union all
        select ceil(coalesce(transfer_days, 0)), cast(units as double)
        from marts.transfer_proposal where sku = $1 and to_warehouse_code = $2
        """
    )
    return [(item.as_of + timedelta(int(row["days"])), row["units"]) for row in found]


def picture(shown: Story, width: int = 720) -> Markup | None:
    """The chart as SVG, `width` units wide; None if there is neither a past nor a forecast."""
    if not shown.past and not shown.expected:
        return None
    return _Chart(shown, width).svg()


class _Chart:
    """Draws a story: days from left to right, units from bottom to top."""

    HEIGHT, TOP, LEFT, RIGHT = 250, 24, 46, 12

    def __init__(self, shown: Story, width: int) -> None:
        self._shown, self._width = shown, width
        self._first = shown.as_of - timedelta(PAST_DAYS if shown.past else 7)
        self._last = shown.as_of + timedelta(AHEAD_DAYS if shown.expected else 14)
        values = [stock for _, stock in shown.past] + [one.stock for one in shown.expected]
        values += [one.low for one in shown.expected if one.low is not None]
        most = max([*values, shown.reorder_point or 0.0, 1.0])
        self._ticks = svg.round_ticks(most)
        # Cut off stock far below zero, so that the lower edge of the band does not flatten the rest.
        self._least = max(min([*values, 0.0]), -0.35 * most)

    def x(self, day: date) -> float:
        span = (self._last - self._first).days
        across = min(max((day - self._first).days, 0), span) / span
        return self.LEFT + across * (self._width - self.LEFT - self.RIGHT)

    def y(self, units: float) -> float:
        share = (min(max(units, self._least), self._ticks[-1]) - self._least) / (
            self._ticks[-1] - self._least
        )
        return self.TOP + (1 - share) * (self.HEIGHT - self.TOP)

    def svg(self) -> Markup:
        story = self._shown
        marks = [*self._axes(), *self._past(), *self._future(), *self._levels(), *self._arrivals()]
        now = self.x(story.as_of)
        marks.append(svg.upright("axis", now, self.TOP - 8, self.HEIGHT))
        marks.append(svg.written(now, self.TOP - 12, story.as_of.isoformat(), "middle", "tick"))
        return svg.picture(self.HEIGHT + 26, self.description(), marks, width=self._width)

    def description(self) -> str:
        """The text of the chart for screen readers."""
        story = self._shown
        said = []
        if story.past:
            said.append(f"stock was {number(round(story.past[-1][1], 1))} at the end of {story.past[-1][0]}")
        out = next((one.day for one in story.expected if one.stock <= 0), None)
        if story.expected:
            said.append(f"it is expected to run out on {out}" if out else "it is not expected to run out")
        if story.ordered and story.ordered_arrival:
            said.append(
                f"with {number(story.ordered)} ordered today, which arrive about {story.ordered_arrival}"
            )
        return f"Stock over time: {', '.join(said)}." if said else "Stock over time."

    def _axes(self) -> list[str]:
        marks = []
        for tick in self._ticks:
            y = self.y(tick)
            marks.append(
                svg.level("grid", self.LEFT, self._width - self.RIGHT, y)
                + svg.written(self.LEFT - 6, y + 4, svg.short(tick), "end", "tick")
            )
        month, form = self._first.replace(day=1), "%b %Y" if self._width > 500 else "%b"
        while (month := (month + timedelta(32)).replace(day=1)) < self._last:
            x = self.x(month)
            if abs(x - self.x(self._shown.as_of)) > 1 and x < self._width - 30:
                marks.append(
                    svg.upright("grid", x, self.HEIGHT, self.HEIGHT + 5)
                    + svg.written(x, self.HEIGHT + 19, f"{month:{form}}", "middle", "tick")
                )
        return marks

    def _past(self) -> list[str]:
        points, before = [], None
        for day, stock in self._shown.past:
            if before is not None:
                points.append((self.x(day), before))
            points.append((self.x(day), self.y(stock)))
            before = self.y(stock)
        if not points:
            return []
        zero = self.y(0)
        area = f"M{points[0][0]:.1f},{zero:.1f} " + " ".join(f"L{x:.1f},{y:.1f}" for x, y in points)
        area += f" L{points[-1][0]:.1f},{zero:.1f} Z"
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return [
            f'<path class="range-area" d="{area}"><title>Stock as it was</title></path>',
            f'<polyline class="first-line" points="{line}"/>',
        ]

    def _future(self) -> list[str]:
        expected = self._shown.expected
        if not expected:
            return []
        banded = [one for one in expected if one.low is not None]
        upper = " ".join(f"{self.x(one.day):.1f},{self.y(one.stock):.1f}" for one in banded)
        lower = " ".join(f"{self.x(one.day):.1f},{self.y(one.low or 0):.1f}" for one in reversed(banded))
        line = " ".join(f"{self.x(one.day):.1f},{self.y(one.stock):.1f}" for one in expected)
        band = (
            f'<polygon class="band" points="{upper} {lower}"><title>Between expected demand and demand that is '
            "exceeded in one case of twenty</title></polygon>"
            if banded
            else ""
        )
        return [
            band,
            f'<polyline class="second-line dashed" points="{line}"><title>Stock expected</title></polyline>',
        ]

    def _levels(self) -> list[str]:
        level = self._shown.reorder_point
        if level is None:
            return []
        y, figure = self.y(level), number(round(level, 1))
        return [
            svg.level("level", self.LEFT, self._width - self.RIGHT, y, f"Reorder point {figure}")
            + svg.written(self.LEFT + 4, y - 5, f"reorder point {figure}", "start", "level-name")
        ]

    def _arrivals(self) -> list[str]:
        story, marks = self._shown, []
        shown = [line for line in story.arrivals if line.likely <= self._last][:MOST_ARRIVALS]
        for place, line in enumerate(shown):
            y = self.HEIGHT - 8 - 9 * place
            x, end = self.x(line.likely), self.x(line.latest or self._last)
            latest = f", nine of ten by {line.latest}" if line.latest else ""
            said = f"Order {line.order}: {number(line.quantity)} likely on {line.likely}{latest}"
            marks.append(
                f"<g><title>{escape(said)}</title>{svg.level('range', x, max(end, x), y)}"
                f'<circle class="first" cx="{x:.1f}" cy="{y}" r="4"/></g>'
            )
        if story.ordered and story.ordered_arrival:
            x = self.x(story.ordered_arrival)
            anchor = "end" if x + 110 > self._width else "start"
            beside = x + (-5 if anchor == "end" else 5)
            said = f"{number(story.ordered)} of today’s proposal, likely on {story.ordered_arrival}"
            marks.append(
                svg.upright("ordered", x, self.TOP, self.HEIGHT, said)
                + svg.written(
                    beside, self.TOP + 8, f"+{number(story.ordered)} proposed", anchor, "second-name"
                )
            )
        return marks
