"""What the generator knows and a reader of the API has to find out: tests compare the two."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy
from numpy.typing import NDArray

SupplierKind = Literal["reliable", "late", "erratic", "drifting"]
DemandPattern = Literal["smooth", "erratic", "intermittent", "lumpy", "seasonal", "dead"]


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

    def quantile(self, share: float) -> int:
        """The smallest number of days within which at least this share (0..1) arrives."""
        return int(numpy.searchsorted(numpy.cumsum(self.probability), share - 1e-12))


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
class RateCurve:
    """Expected units a day over the days of the history, from day 0 on."""

    base: float
    amplitude: float = 0.0
    """Of a yearly season, as a share of the base."""
    phase_days: float = 0.0
    last_day: int = 2**31
    """No demand from the day after on."""

    def on(self, days: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """Units on each of these days."""
        season = 1 + self.amplitude * numpy.sin(2 * numpy.pi * (days + self.phase_days) / 365.25)
        rate: NDArray[numpy.float64] = self.base * season * (days <= self.last_day)
        return rate


@dataclass(frozen=True)
class DemandTruth:
    """What customers want of one SKU at one warehouse, whether or not it is in stock; what it gives to
    packages that are sold is part of it."""

    sku: str
    warehouse_code: str
    pattern: DemandPattern
    curves: tuple[RateCurve, ...]
    first_day: date
    """Day 0 of the curves, the first of the history."""
    last_day: date
    """The last of the history."""

    @property
    def units_per_day(self) -> float:
        """Expected units a day over the last 90 days of the history."""
        return self.mean_rate(self.last_day - timedelta(days=89), self.last_day)

    def mean_rate(self, first: date, last: date) -> float:
        """Expected units a day from `first` to `last`, both included."""
        days = numpy.arange((first - self.first_day).days, (last - self.first_day).days + 1, dtype=float)
        return float(sum(curve.on(days).mean() for curve in self.curves))


@dataclass
class Truth:
    """All that the generator knows. Empty for a tenant that a test fills itself."""

    lead_times: dict[str, LeadTimeTruth] = field(default_factory=dict)
    """By supplier id; internal transfers are not in it."""
    demand: dict[tuple[str, str], DemandTruth] = field(default_factory=dict)
    """By SKU and warehouse code; packages are not in it, their components are."""
