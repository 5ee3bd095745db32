"""What the generator knows and a reader of the API has to find out: tests compare the two."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Literal

import numpy
from numpy.typing import NDArray

SupplierKind = Literal["reliable", "late", "erratic", "drifting"]
DemandPattern = Literal["smooth", "erratic", "intermittent", "lumpy", "seasonal", "dead"]

_YEAR = 365.25
"""Days."""
WANDER_DAYS = 28
"""Days between two figures of `RateCurve.wander`."""


@dataclass(frozen=True)
class DayDistribution:
    """Distribution of whole days: probability[n] that it takes n days."""

    probability: NDArray[numpy.float64]

    @property
    def mean_days(self) -> float:
        """Expected days."""
        return float(numpy.arange(len(self.probability)) @ self.probability)

    @property
    def sd_days(self) -> float:
        """Standard deviation in days."""
        squares = numpy.arange(len(self.probability)) ** 2
        return float(numpy.sqrt(squares @ self.probability - self.mean_days**2))

    @cached_property
    def cumulative(self) -> list[float]:
        """cumulative[n]: that it takes at most n days."""
        total: list[float] = numpy.cumsum(self.probability).tolist()
        return total

    def quantile(self, share: float) -> int:
        """The smallest number of days within which at least this share (0..1) arrives."""
        return bisect_left(self.cumulative, share - 1e-12)


@dataclass(frozen=True)
class LeadTimeTruth:
    """How long a supplier really takes from order to full receipt, in calendar days.

    A drifting supplier changes over time: `on(day)` says how it is on one order date, and the figures
    of the whole are the mixture over the dates of the orders that were placed.
    """

    supplier_id: str
    kind: SupplierKind
    configured_days: int
    regimes: Sequence[DayDistribution]
    regime_starts: Sequence[date]
    weights: Sequence[float]
    """Share of the order lines placed in each regime."""

    @property
    def overall(self) -> DayDistribution:
        """Mixture over all orders."""
        length = max(len(regime.probability) for regime in self.regimes)
        total = numpy.zeros(length)
        for regime, weight in zip(self.regimes, self.weights, strict=True):
            total[: len(regime.probability)] += weight * regime.probability
        return DayDistribution(total)

    def on(self, order_date: date) -> DayDistribution:
        """The distribution for an order placed on this date."""
        current = self.regimes[0]
        for start, regime in zip(self.regime_starts, self.regimes, strict=True):
            if start <= order_date:
                current = regime
        return current

    @property
    def mean_days(self) -> float:
        """Expected days to full receipt."""
        return self.overall.mean_days

    @property
    def sd_days(self) -> float:
        """Standard deviation in days."""
        return self.overall.sd_days

    def quantile(self, share: float) -> int:
        """The smallest number of days within which at least this share (0..1) is received in full."""
        return self.overall.quantile(share)


@dataclass(frozen=True)
class Season:
    """What the time of year makes of demand: a factor that is 1 on average over a year."""

    amplitude: float
    """Of the wave, as a share of the mean; with `width_days`, what the peak adds to the rest of the year."""
    peak_day: float
    """A day of the history, or beyond, on which it is highest."""
    width_days: float | None = None
    """None: a sine wave. Else a peak of this standard deviation and a level year around it."""

    def on(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """The factor on each of these days."""
        if self.width_days is None:
            wave: NDArray[numpy.float64] = numpy.cos(2 * numpy.pi * (days - self.peak_day) / _YEAR)
            return 1 + self.amplitude * wave
        away = (days - self.peak_day + _YEAR / 2) % _YEAR - _YEAR / 2
        peak = self.amplitude * numpy.exp(-0.5 * (away / self.width_days) ** 2)
        mean = self.amplitude * self.width_days * float(numpy.sqrt(2 * numpy.pi)) / _YEAR
        factor: NDArray[numpy.float64] = (1 + peak) / (1 + mean)
        return factor


@dataclass(frozen=True)
class OpeningDays:
    """When customers come to a place: the week's pattern, and the days on which it is closed."""

    weekdays: tuple[float, ...] = (1.0,) * 7
    """Factors from Monday to Sunday, 1 on average; 0 where it is closed every week."""
    first_weekday: int = 0
    """Of day 0; Monday is 0."""
    closed_days: frozenset[int] = frozenset()
    """Days of the history, and of the weeks after it, on which nobody comes."""

    def on(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """The factor on each of these days."""
        full_days = days.astype(numpy.int64)
        factor = numpy.asarray(self.weekdays)[(full_days + self.first_weekday) % 7]
        if self.closed_days:
            factor = numpy.where(numpy.isin(full_days, list(self.closed_days)), 0.0, factor)
        return factor


@dataclass(frozen=True)
class RateCurve:
    """Expected units a day over the days of the history, from day 0 on, and of the days after it."""

    base: float
    """Units a day at the history's end, over all weekdays and seasons."""
    season: Season | None = None
    growth: float = 0.0
    """Of a year, as a logarithm: 0.3 is 35 % more, −0.3 is 26 % less."""
    growth_from_day: float = 0.0
    """The day on which trend and base meet: the history's last."""
    wander: tuple[float, ...] = ()
    """How far the level has moved by chance, as a logarithm, on day 0 and every WANDER_DAYS after it."""
    first_day: int = 0
    last_day: int = 2**31
    """No demand before the first and after the last day."""
    opening: OpeningDays = OpeningDays()
    promotions: tuple[tuple[int, int, float], ...] = ()
    """(first day, last day, factor) of each."""

    def level(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """Units a day on these days as season and trend have it: no weekday, no promotion, no closed day."""
        rate = numpy.full(len(days), self.base)
        if self.season is not None:
            rate = rate * self.season.on(days)
        if self.growth:
            rate = rate * numpy.exp(self.growth * (days - self.growth_from_day) / _YEAR)
        if self.wander:
            knots = WANDER_DAYS * numpy.arange(len(self.wander))
            rate = rate * numpy.exp(numpy.interp(days, knots, self.wander))
        return rate * ((days >= self.first_day) & (days <= self.last_day))

    def on(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """Units on each of these days."""
        rate = self.level(days) * self.opening.on(days)
        for first, last, factor in self.promotions:
            rate = numpy.where((days >= first) & (days <= last), rate * factor, rate)
        return rate


@dataclass(frozen=True)
class DemandStream:
    """Customers who come by chance (Poisson), each for one of these quantities, all equally likely."""

    curve: RateCurve
    """Of units."""
    quantities: tuple[int, ...]

    def draw(
        self, days: NDArray[numpy.float64], count: int, generator: numpy.random.Generator
    ) -> NDArray[numpy.int64]:
        """`count` times what might be wanted on these days together."""
        mean = sum(self.quantities) / len(self.quantities)
        lines = float(self.curve.on(days).sum()) / mean
        total = numpy.zeros(count, dtype=numpy.int64)
        for quantity in set(self.quantities):
            share = self.quantities.count(quantity) / len(self.quantities)
            total += quantity * generator.poisson(lines * share, count)
        return total


@dataclass(frozen=True)
class DemandTruth:
    """What customers want of one SKU at one warehouse, whether or not it is in stock.

    What it gives to packages that are sold is part of it. Project orders are not: they come once, and are
    told apart.
    """

    sku: str
    warehouse_code: str
    pattern: DemandPattern
    streams: tuple[DemandStream, ...]
    first_day: date
    """Day 0 of the curves, the first of the history."""
    last_day: date
    """The last of the history."""
    project_orders: tuple[tuple[date, int], ...] = ()
    """(day, units) of orders far above the usual size."""

    @property
    def units_per_day(self) -> float:
        """Expected units a day over the last 90 days of the history."""
        return self.mean_rate(self.last_day - timedelta(days=89), self.last_day)

    @property
    def daily_demand(self) -> float:
        """Units a day now, on the last day of the history, whatever weekday it is and without promotions."""
        return self.level_on(self.last_day)

    def level_on(self, day: date) -> float:
        """Units a day on a day as its season and trend have it, whatever weekday it is and without promotions."""
        days = self._days(day, day)
        return float(sum(stream.curve.level(days).mean() for stream in self.streams))

    @property
    def begins(self) -> date:
        """The first day on which somebody wanted it."""
        return self.first_day + timedelta(days=min(stream.curve.first_day for stream in self.streams))

    @property
    def is_new(self) -> bool:
        """Whether it began within the last 60 days of the history."""
        return self.begins > self.last_day - timedelta(days=60)

    def season_factor(self, first: date, last: date) -> float | None:
        """What the time of year makes of these days on average, against now; None where nothing sells now."""
        days, now = self._days(first, last), self._days(self.last_day, self.last_day)
        later = today = 0.0
        for stream in self.streams:
            level, season = float(stream.curve.level(now)[0]), stream.curve.season
            today += level
            later += level * float(season.on(days).mean() / season.on(now)[0]) if season else level
        return later / today if today > 0 else None

    def mean_rate(self, first: date, last: date) -> float:
        """Expected units a day from `first` to `last`, both included."""
        days = self._days(first, last)
        return float(sum(stream.curve.on(days).mean() for stream in self.streams))

    def draw(
        self, first: date, last: date, count: int, generator: numpy.random.Generator
    ) -> NDArray[numpy.int64]:
        """`count` times what customers might want from `first` to `last`, both included."""
        days = self._days(first, last)
        total = numpy.zeros(count, dtype=numpy.int64)
        for stream in self.streams:
            total += stream.draw(days, count, generator)
        return total

    def _days(self, first: date, last: date) -> NDArray[numpy.float64]:
        return numpy.arange((first - self.first_day).days, (last - self.first_day).days + 1, dtype=float)


@dataclass
class Truth:
    """All that the generator knows. Empty for a tenant that a test fills itself."""

    lead_times: dict[str, LeadTimeTruth] = field(default_factory=dict)
    """By supplier id; internal transfers are not in it."""
    demand: dict[tuple[str, str], DemandTruth] = field(default_factory=dict)
    """By SKU and warehouse code; packages are not in it, their components are."""
