"""The lead times and demand that the data is generated from. Tests compare them with what a reader finds out."""

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
    """A distribution of whole days: probability[n] is the probability of n days."""

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
        """cumulative[n]: the probability of at most n days."""
        total: list[float] = numpy.cumsum(self.probability).tolist()
        return total

    def quantile(self, share: float) -> int:
        """The smallest number of days with a cumulative probability of at least `share` (0 to 1)."""
        return bisect_left(self.cumulative, share - 1e-12)


@dataclass(frozen=True)
class LeadTimeTruth:
    """The true time that a supplier takes from order to full receipt, in calendar days.

    A drifting supplier changes over time: `on` is the distribution for one order date, and the other figures are the
    mixture over the dates of all orders.
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
        """The mixture over all orders."""
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
        """The smallest number of days within which at least `share` (0 to 1) of the lines is received in full."""
        return self.overall.quantile(share)


@dataclass(frozen=True)
class Season:
    """The seasonal factor of demand, which is 1 on average over a year."""

    amplitude: float
    """Amplitude of the wave as a share of the mean; with `width_days`, the height of the peak over the rest of the
    year as a share of it."""
    peak_day: float
    """A day on which demand is highest, counted from the first day of the history."""
    width_days: float | None = None
    """None: a sine wave. Otherwise one peak with this standard deviation, and constant demand around it."""

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
    """The pattern of demand over the week at a place, and the days on which it is closed."""

    weekdays: tuple[float, ...] = (1.0,) * 7
    """Factors from Monday to Sunday, 1 on average; 0 on days when the place is always closed."""
    first_weekday: int = 0
    """The weekday of day 0; Monday is 0."""
    closed_days: frozenset[int] = frozenset()
    """Days of the history, and of the weeks after it, without demand."""

    def on(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """The factor on each of these days."""
        full_days = days.astype(numpy.int64)
        factor = numpy.asarray(self.weekdays)[(full_days + self.first_weekday) % 7]
        if self.closed_days:
            factor = numpy.where(numpy.isin(full_days, list(self.closed_days)), 0.0, factor)
        return factor


@dataclass(frozen=True)
class RateCurve:
    """Expected units per day, by days from day 0 of the history on, also after its end."""

    base: float
    """Units per day at the end of the history, averaged over weekdays and seasons."""
    season: Season | None = None
    growth: float = 0.0
    """Growth per year as a logarithm: 0.3 is 35 % more, −0.3 is 26 % less."""
    growth_from_day: float = 0.0
    """The day on which the trend equals the base: the last day of the history."""
    wander: tuple[float, ...] = ()
    """Random changes of the level as logarithms, on day 0 and every WANDER_DAYS after it."""
    first_day: int = 0
    last_day: int = 2**31
    """There is no demand before the first day or after the last."""
    opening: OpeningDays = OpeningDays()
    promotions: tuple[tuple[int, int, float], ...] = ()
    """(first day, last day, factor) of each promotion."""

    def level(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """Units per day by season and trend alone, without the effect of weekdays, promotions and closed days."""
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
        """Expected units on each of these days."""
        rate = self.level(days) * self.opening.on(days)
        for first, last, factor in self.promotions:
            rate = numpy.where((days >= first) & (days <= last), rate * factor, rate)
        return rate


@dataclass(frozen=True)
class DemandStream:
    """A Poisson process of customers; each wants one of `quantities`, all equally likely."""

    curve: RateCurve
    """Expected units per day."""
    quantities: tuple[int, ...]

    def draw(
        self, days: NDArray[numpy.float64], count: int, generator: numpy.random.Generator
    ) -> NDArray[numpy.int64]:
        """`count` random totals of the demand on these days."""
        mean = sum(self.quantities) / len(self.quantities)
        lines = float(self.curve.on(days).sum()) / mean
        total = numpy.zeros(count, dtype=numpy.int64)
        for quantity in set(self.quantities):
            share = self.quantities.count(quantity) / len(self.quantities)
            total += quantity * generator.poisson(lines * share, count)
        return total


@dataclass(frozen=True)
class DemandTruth:
    """The true demand for one SKU at one warehouse, whether or not it is in stock.

    It includes the demand for packages that contain the SKU. It excludes project orders, which occur once and are
    listed apart.
    """

    sku: str
    warehouse_code: str
    pattern: DemandPattern
    streams: tuple[DemandStream, ...]
    first_day: date
    """Day 0 of the curves: the first day of the history."""
    last_day: date
    """The last day of the history."""
    project_orders: tuple[tuple[date, int], ...] = ()
    """(day, units) of orders far above the usual size."""

    @property
    def units_per_day(self) -> float:
        """Expected units per day over the last 90 days of the history."""
        return self.mean_rate(self.last_day - timedelta(days=89), self.last_day)

    @property
    def daily_demand(self) -> float:
        """Units per day on the last day of the history, by season and trend (`level_on`)."""
        return self.level_on(self.last_day)

    def level_on(self, day: date) -> float:
        """Units per day on a day by season and trend, without the effect of its weekday or of promotions."""
        days = self._days(day, day)
        return float(sum(stream.curve.level(days).mean() for stream in self.streams))

    @property
    def begins(self) -> date:
        """The first day of demand."""
        return self.first_day + timedelta(days=min(stream.curve.first_day for stream in self.streams))

    @property
    def is_new(self) -> bool:
        """Whether the demand began within the last 60 days of the history."""
        return self.begins > self.last_day - timedelta(days=60)

    def season_factor(self, first: date, last: date) -> float | None:
        """The average seasonal factor of these days relative to the last day; None without demand on that day."""
        days, now = self._days(first, last), self._days(self.last_day, self.last_day)
        later = today = 0.0
        for stream in self.streams:
            level, season = float(stream.curve.level(now)[0]), stream.curve.season
            today += level
            later += level * float(season.on(days).mean() / season.on(now)[0]) if season else level
        return later / today if today > 0 else None

    def mean_rate(self, first: date, last: date) -> float:
        """Expected units per day from `first` to `last`, both included."""
        days = self._days(first, last)
        return float(sum(stream.curve.on(days).mean() for stream in self.streams))

    def draw(
        self, first: date, last: date, count: int, generator: numpy.random.Generator
    ) -> NDArray[numpy.int64]:
        """`count` random totals of the demand from `first` to `last`, both included."""
        days = self._days(first, last)
        total = numpy.zeros(count, dtype=numpy.int64)
        for stream in self.streams:
            total += stream.draw(days, count, generator)
        return total

    def _days(self, first: date, last: date) -> NDArray[numpy.float64]:
        return numpy.arange((first - self.first_day).days, (last - self.first_day).days + 1, dtype=float)


@dataclass
class Truth:
    """The truth about all suppliers and SKUs. Empty for a tenant that a test fills itself."""

    lead_times: dict[str, LeadTimeTruth] = field(default_factory=dict)
    """By supplier id, without internal transfers."""
    demand: dict[tuple[str, str], DemandTruth] = field(default_factory=dict)
    """By SKU and warehouse code, without packages, whose components have the demand."""
