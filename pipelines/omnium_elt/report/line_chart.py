"""The chart that explains a line: past stock, what is on its way, expected demand with its band, today's proposal.

One picture of stock over time, the past to the left of the as-of day and what is expected to the right of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from omnium_elt.report import svg
from omnium_elt.report.rendering import number
from omnium_elt.warehouse.queries import rows

PAST_DAYS = 91
AHEAD_DAYS = 91
MOST_ARRIVALS = 6
"""Open orders drawn one by one, the next first; a table has all."""


@dataclass(frozen=True)
class Arrival:
    """An open order line: units, the day by which half of such lines are there, and nine of ten (None: never seen)."""

    order: str
    quantity: float
    likely: date
    latest: date | None


@dataclass(frozen=True)
class Expected:
    """Stock expected at the end of a day, and the stock that nineteen of twenty futures stay above."""

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
    """Units of today's proposal, as decided; 0 where nothing is ordered."""
    ordered_arrival: date | None


def story(connection: Any, as_of: date, sku: str, warehouse: str, ordered: Decimal | None = None) -> Story:
    """Ask the marts for the chart of one SKU and warehouse; `ordered` instead of what is proposed.

    At the ends of the weeks the expected stock is stock_projection's; between them demand is spread evenly, and
    arrivals come on their likely days.

    One function, as it is four questions to the marts and the picture made of them.
    """
    past = rows(
        connection,
        """
        select day, cast(closing_quantity as double) as stock
        from marts.fct_stock_daily
        where sku = ? and warehouse_code = ? and day > ? and day <= ?
        order by day
        """,
        sku,
        warehouse,
        as_of - timedelta(PAST_DAYS),
        as_of,
    )
    arrivals = rows(
        connection,
        """
        select coalesce(purchase_order_number, purchase_order_id) as number, cast(open_quantity as double) as units,
            p50_arrival_date, p90_arrival_date
        from marts.open_purchase_eta
        where sku = ? and warehouse_code = ? and p50_arrival_date is not null
        order by p50_arrival_date, number
        """,
        sku,
        warehouse,
    )
    proposed = rows(
        connection,
        """
        select cast(quantity as double) as units, expected_arrival_date as day
        from marts.purchase_proposal_line
        where sku = ? and warehouse_code = ?
        """,
        sku,
        warehouse,
    )
    levels = rows(
        connection,
        "select cast(reorder_point as double) as reorder_point, ceil(lead_time_mean_days) as days "
        "from marts.replenishment where sku = ? and warehouse_code = ?",
        sku,
        warehouse,
    )
    units = float(ordered) if ordered is not None else proposed[0]["units"] if proposed else 0.0
    day = proposed[0]["day"] if proposed else None
    coming = [
        Arrival(str(row["number"]), row["units"], row["p50_arrival_date"], row["p90_arrival_date"])
        for row in arrivals
    ]
    return Story(
        as_of,
        [(row["day"], row["stock"]) for row in past],
        _expected(connection, as_of, sku, warehouse, coming, units, day),
        coming,
        levels[0]["reorder_point"] if levels else None,
        units,
        day,
    )


def _expected(
    connection: Any,
    as_of: date,
    sku: str,
    warehouse: str,
    arrivals: Sequence[Arrival],
    ordered: float,
    ordered_arrival: date | None,
) -> list[Expected]:
    weeks = rows(
        connection,
        """
        select projection.week, projection.cumulative_demand as demand, forecast.running_p95 as high,
            projection.expected_stock + projection.cumulative_demand - projection.cumulative_arrivals
                - projection.cumulative_proposal - projection.cumulative_transfers as free_stock
        from marts.stock_projection as projection
        left join marts.demand_forecast as forecast
            on forecast.sku = projection.sku
            and forecast.warehouse_code = projection.warehouse_code
            and forecast.week = projection.week
        where projection.sku = ? and projection.warehouse_code = ? and projection.week <= ?
        order by projection.week
        """,
        sku,
        warehouse,
        AHEAD_DAYS // 7,
    )
    if not weeks:
        return []
    free = float(weeks[0]["free_stock"])
    moves = _transfers(connection, as_of, sku, warehouse)
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


def _transfers(connection: Any, as_of: date, sku: str, warehouse: str) -> list[tuple[date, float]]:
    """Days on which proposed transfers change the stock, and by how many units: what is sent leaves at once."""
    found = rows(
        connection,
        """
        select 0 as days, -cast(units as double) as units
        from marts.transfer_proposal where sku = ? and from_warehouse_code = ?
        union all
        select ceil(coalesce(transfer_days, 0)), cast(units as double)
        from marts.transfer_proposal where sku = ? and to_warehouse_code = ?
        """,
        sku,
        warehouse,
        sku,
        warehouse,
    )
    return [(as_of + timedelta(int(row["days"])), row["units"]) for row in found]


def picture(shown: Story, width: int = 720) -> Markup | None:
    """The chart as SVG, `width` units across; None where there is neither a past nor a forecast."""
    if not shown.past and not shown.expected:
        return None
    return _Chart(shown, width).svg()


class _Chart:
    """Places on a canvas: days across, units up."""

    HEIGHT, TOP, LEFT, RIGHT = 250, 24, 46, 12

    def __init__(self, shown: Story, width: int) -> None:
        self._shown, self._width = shown, width
        self._first = shown.as_of - timedelta(PAST_DAYS if shown.past else 7)
        self._last = shown.as_of + timedelta(AHEAD_DAYS if shown.expected else 14)
        values = [stock for _, stock in shown.past] + [one.stock for one in shown.expected]
        values += [one.low for one in shown.expected if one.low is not None]
        most = max([*values, shown.reorder_point or 0.0, 1.0])
        self._ticks = svg.round_ticks(most)
        # Far below nothing is as bad as a little below it: the band's foot must not flatten the rest.
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
        marks.append(
            f'<line class="axis" x1="{now:.1f}" x2="{now:.1f}" y1="{self.TOP - 8}" y2="{self.HEIGHT}"/>'
        )
        marks.append(svg.written(now, self.TOP - 12, story.as_of.isoformat(), "middle", "tick"))
        return svg.picture(self.HEIGHT + 26, self.description(), marks, width=self._width)

    def description(self) -> str:
        """What somebody hears who does not see it."""
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
                f'<line class="grid" x1="{self.LEFT}" x2="{self._width - self.RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                + svg.written(self.LEFT - 6, y + 4, svg.short(tick), "end", "tick")
            )
        month, form = self._first.replace(day=1), "%b %Y" if self._width > 500 else "%b"
        while (month := (month + timedelta(32)).replace(day=1)) < self._last:
            if abs(self.x(month) - self.x(self._shown.as_of)) > 1 and self.x(month) < self._width - 30:
                marks.append(
                    f'<line class="grid" x1="{self.x(month):.1f}" x2="{self.x(month):.1f}" y1="{self.HEIGHT}" '
                    f'y2="{self.HEIGHT + 5}"/>'
                    + svg.written(
                        self.x(month),
                        self.HEIGHT + 19,
                        f"{month:{form}}",
                        "middle",
                        "tick",
                    )
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
        y = self.y(level)
        return [
            f'<line class="level" x1="{self.LEFT}" x2="{self._width - self.RIGHT}" y1="{y:.1f}" y2="{y:.1f}">'
            f"<title>Reorder point {escape(number(round(level, 1)))}</title></line>"
            + svg.written(
                self.LEFT + 4, y - 5, f"reorder point {number(round(level, 1))}", "start", "level-name"
            )
        ]

    def _arrivals(self) -> list[str]:
        story, marks = self._shown, []
        shown = [line for line in story.arrivals if line.likely <= self._last][:MOST_ARRIVALS]
        for place, line in enumerate(shown):
            y = self.HEIGHT - 8 - 9 * place
            x, end = self.x(line.likely), self.x(line.latest or self._last)
            latest = f", nine of ten by {line.latest}" if line.latest else ""
            marks.append(
                f"<g><title>{escape(f'Order {line.order}: {number(line.quantity)} likely on {line.likely}{latest}')}"
                f'</title><line class="range" x1="{x:.1f}" x2="{max(end, x):.1f}" y1="{y}" y2="{y}"/>'
                f'<circle class="first" cx="{x:.1f}" cy="{y}" r="4"/></g>'
            )
        if story.ordered and story.ordered_arrival:
            x = self.x(story.ordered_arrival)
            anchor = "end" if x + 110 > self._width else "start"
            beside = x + (-5 if anchor == "end" else 5)
            marks.append(
                f'<line class="ordered" x1="{x:.1f}" x2="{x:.1f}" y1="{self.TOP}" y2="{self.HEIGHT}">'
                f"<title>{escape(f'{number(story.ordered)} of today’s proposal, likely on {story.ordered_arrival}')}"
                "</title></line>"
                + svg.written(
                    beside, self.TOP + 8, f"+{number(story.ordered)} proposed", anchor, "second-name"
                )
            )
        return marks
