"""Other methods to compare with: that of commit b5c3f75, Omnium's formula, and statsforecast."""

from collections.abc import Sequence

import numpy
from scipy import stats

from tests.benchmarks.demand.sales import Flags, Floats, Sales

WINDOW = 90
ALPHA = 0.1
LONGEST_SMOOTHED_INTERVAL = 5


class OldMethod:
    """The program's method until commit b5c3f75.

    The daily rate is the mean of the last 90 days; for intermittent or lumpy demand with a sale at least every five
    days, SBA or TSB. The standard deviation is that of a day, times the square root of the days. Demand is normal;
    negative binomial if fewer than ten units are expected or sales are rare.
    """

    def __init__(self, sales: Sales, as_of: int) -> None:
        window = sales.units[:, max(0, as_of - WINDOW + 1) : as_of + 1]
        days, sold = window.shape[1], (window > 0).sum(1)
        self.naive = window.sum(1) / days
        self.sd = window.std(1, ddof=1)
        interval = days / numpy.maximum(sold, 1e-9)
        size = window.sum(1) / numpy.maximum(sold, 1)
        spread = (
            numpy.where(sold > 1, ((window**2).sum(1) - sold * size**2) / numpy.maximum(sold - 1, 1), 0.0)
            / numpy.maximum(size, 1e-9) ** 2
        )
        is_seldom = (interval >= 1.32) & (sold > 0)
        sba, tsb = _smoothed(window)
        is_smoothed = is_seldom & (interval <= LONGEST_SMOOTHED_INTERVAL)
        self.rate = numpy.where(is_smoothed, numpy.where(spread < 0.49, sba, tsb), self.naive)
        self.is_seldom = is_seldom

    def quantile(self, probability: float, days: int) -> Floats:
        """The reorder point for a probability and a number of days."""
        mean, variance = self.rate * days, days * self.sd**2
        found = mean + stats.norm.ppf(probability) * numpy.sqrt(variance)
        is_counted = (mean < 10) | self.is_seldom
        found[is_counted] = counts_quantile(probability, mean[is_counted], variance[is_counted])
        return found


def _smoothed(window: Floats) -> tuple[Floats, Floats]:
    """Daily rates by SBA and TSB, started at the first sale of the window."""
    articles = window.shape[0]
    size, interval, probability = numpy.zeros(articles), numpy.zeros(articles), numpy.zeros(articles)
    waited, has_begun = numpy.ones(articles), numpy.zeros(articles, bool)
    for day in range(window.shape[1]):
        units = window[:, day]
        is_sale = units > 0
        is_first, is_next = is_sale & ~has_begun, is_sale & has_begun
        size = numpy.where(is_first, units, numpy.where(is_next, size + ALPHA * (units - size), size))
        interval = numpy.where(
            is_first, waited, numpy.where(is_next, interval + ALPHA * (waited - interval), interval)
        )
        probability = numpy.where(
            is_first, 1 / waited, numpy.where(has_begun, probability + ALPHA * (is_sale - probability), 0.0)
        )
        has_begun |= is_sale
        waited = numpy.where(is_sale, 1, waited + 1)
    return (1 - ALPHA / 2) * size / numpy.maximum(interval, 1e-9), size * probability


def counts_quantile(probability: float, mean: Floats, variance: Floats) -> Floats:
    """Quantile of the negative binomial; of Poisson if the variance does not exceed the mean."""
    found = numpy.zeros(mean.shape)
    is_poisson = (mean > 0) & (variance <= mean * (1 + 1e-9))
    is_spread = (mean > 0) & ~is_poisson
    found[is_poisson] = stats.poisson.ppf(probability, mean[is_poisson])
    share = mean[is_spread] / variance[is_spread]
    found[is_spread] = stats.nbinom.ppf(probability, mean[is_spread] * share / (1 - share), share)
    return found


def counts_within(quantity: Floats, mean: Floats, variance: Floats) -> Floats:
    """P(D ≤ quantity) of the same distribution; 0 below 0."""
    spread = numpy.maximum(variance, mean * (1 + 1e-7))
    share = numpy.divide(mean, spread, out=numpy.full(mean.shape, 0.5), where=mean > 0)
    found: Floats = stats.nbinom.cdf(quantity, numpy.where(mean > 0, mean * share / (1 - share), 1.0), share)
    return numpy.where(mean > 0, found, numpy.where(quantity >= 0, 1.0, 0.0))


def omnium_level(naive: Floats, lead_time: int, margin: int) -> Floats:
    """Omnium's formula: average daily usage × (lead time + margin)."""
    return naive * (lead_time + margin)


def library_forecasts(
    sales: Sales, as_of: Sequence[int], days: int, chosen: Flags
) -> dict[str, dict[int, Floats]] | None:
    """Forecast sums of the next `days` days by statsforecast model and day; None if it is not installed."""
    try:
        import pandas
        from statsforecast import StatsForecast
        from statsforecast.models import IMAPA, AutoETS, CrostonSBA, Theta
    except ImportError:
        return None
    found: dict[str, dict[int, Floats]] = {}
    rows = numpy.flatnonzero(chosen)
    for number in as_of:
        history = sales.units[rows][:, max(0, number - 364) : number + 1]
        length = history.shape[1]
        frame = pandas.DataFrame(
            {
                "unique_id": numpy.repeat(rows, length),
                "ds": numpy.tile(numpy.arange(length), len(rows)),
                "y": history.ravel(),
            }
        )
        models = [AutoETS(season_length=7), Theta(season_length=7), CrostonSBA(), IMAPA()]
        forecast = StatsForecast(models=models, freq=1).forecast(df=frame, h=days)
        for model in ("AutoETS", "Theta", "CrostonSBA", "IMAPA"):
            found.setdefault(model, {})[number] = (
                forecast.groupby("unique_id")[model].sum().reindex(rows).clip(lower=0).to_numpy()
            )
    return found
