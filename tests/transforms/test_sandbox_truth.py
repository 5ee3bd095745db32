"""The models against what the sandbox's generator knows.

What articles really sell, their seasons, and how often a reorder point suffices, of articles of every pattern, new and
lumpy ones among them. A score of articles sells daily, and as many are new on any day: their figures are taken as of
seven days, so that chance does not decide.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy
import pytest
from omnium_sandbox.truth import DemandTruth

from tests.support.forecasts import forecast_query
from tests.support.medium import Medium
from tests.support.models import query

pytestmark = pytest.mark.slow  # a medium tenant, as of seven days


DRAWS = 100
DAYS = 31
LEVEL_MOVES = 0.13
"""What the sandbox's levels move in four weeks (standard deviation of the logarithm)."""
KINDS = ("daily", "intermittent", "lumpy", "seasonal", "new")


@dataclass(frozen=True)
class Case:
    """What is forecast of one SKU and warehouse as of one day, beside what its customers really want."""

    sku: str
    kind: str
    has_season: bool
    daily_demand: float
    true_daily_demand: float
    standard_error: float
    """Of a compound Poisson count over at most 90 of the days in stock that are remembered, and of a level that moves
    by LEVEL_MOVES in the month that it rests on most: nobody can know either."""
    long_days: float
    covered: float | None
    """Share of what might be wanted in the next DAYS days for which the 95 % quantile suffices; drawn of every third
    article of those of which there are thousands."""


def kind_of(truth: DemandTruth, day: date) -> str:
    """The pattern, or what matters more."""
    if not truth.level_on(day):
        return "ended"
    if truth.begins > day - timedelta(days=60):
        return "new"
    return "daily" if truth.pattern in ("smooth", "erratic") else truth.pattern


@pytest.fixture(scope="module")
def cases(truth_of_medium: Medium) -> list[Case]:
    """All of them, made once."""
    return cases_of(truth_of_medium)


def cases_of(medium: Medium) -> list[Case]:
    """All articles of which customers want something."""
    sql = forecast_query(medium.folder, [0.95]).replace("__horizon__", f"{DAYS}e0")
    with duckdb.connect(str(medium.folder / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select as_of_day, sku, warehouse_code, daily_demand, long_days, q0 from ("
            + sql
            + ") order by all"
        ).fetchall()
    generator = numpy.random.default_rng(1)
    found = []
    for number, (day, sku, warehouse, daily_demand, long_days, point) in enumerate(rows):
        truth = medium.truth.demand.get((sku, warehouse))
        if truth is None or truth.begins > day:
            continue
        kind = kind_of(truth, day)
        sizes = numpy.array(truth.streams[0].quantities)
        rate = truth.level_on(day)
        covered = None
        if kind in ("daily", "new") or number % 3 == 0:
            drawn = truth.draw(day + timedelta(days=1), day + timedelta(days=DAYS), DRAWS, generator)
            covered = float((drawn <= point).mean())
        variance = rate * (sizes**2).mean() / sizes.mean() / max(1.0, min(long_days, 90.0))
        error = (variance + (LEVEL_MOVES * rate) ** 2) ** 0.5
        has_season = truth.streams[0].curve.season is not None
        found.append(Case(sku, kind, has_season, daily_demand, rate, error, long_days, covered))
    return found


def sampling_error(figures: dict[str, list[float]]) -> float:
    """Standard error of the mean of figures by article: those of one article, as of several days, are no news."""
    sums = numpy.array([(sum(some), len(some)) for some in figures.values()])
    mean = sums[:, 0].sum() / sums[:, 1].sum()
    residuals = sums[:, 0] - mean * sums[:, 1]
    return float(numpy.sqrt((residuals**2).sum()) / sums[:, 1].sum())


@pytest.mark.parametrize("kind", KINDS)
def test_daily_demand_is_unbiased(cases: list[Case], kind: str) -> None:
    """Within 0.3 standard errors of the truth, or, of a score of articles, two of what chance does to their mean.

    Articles that sell daily and have a steep season are left out: a memory of a month is late for them by design.
    """
    errors: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        if kind == "daily" and case.has_season:
            continue
        if case.kind == kind and case.long_days >= (30 if kind != "new" else 1):
            errors[case.sku].append((case.daily_demand - case.true_daily_demand) / case.standard_error)
    every = [error for some in errors.values() for error in some]
    assert len(every) > 75
    assert abs(numpy.mean(every)) <= max(0.3, 2 * sampling_error(errors))


@pytest.mark.parametrize("kind", KINDS)
def test_reorder_points_suffice_as_often_as_they_say(cases: list[Case], kind: str) -> None:
    """The 95 % quantile of the forecast is enough for what customers may really want, in 93 to 97 of 100 cases.

    Of new articles in 90 at least: until something was sold nobody knows the few that will sell well.
    """
    every = [case.covered for case in cases if case.kind == kind and case.covered is not None]
    assert len(every) > 100
    assert (0.90 if kind == "new" else 0.93) <= numpy.mean(every) <= 0.97


@pytest.mark.parametrize("days", [30, 60, 90])
def test_seasons_are_unbiased(truth_of_medium: Medium, days: int) -> None:
    """In standard errors of the order lines of the same days and of the last month, a year ago, of each category.

    On average within 0.3 of them, or two of what chance does to the mean of a dozen.
    """
    last = truth_of_medium.last_day
    first = last + timedelta(days=1)
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for (sku, _), item in truth_of_medium.truth.demand.items():
        factor = item.season_factor(first, first + timedelta(days=days - 1))
        if factor is None:
            continue
        size = float(numpy.mean(item.streams[0].quantities))
        year = timedelta(days=364)
        kept = sums[truth_of_medium.categories[sku]]
        kept[0] += factor * item.daily_demand
        kept[1] += item.daily_demand
        kept[2] += item.mean_rate(first - year, first - year + timedelta(days=days - 1)) * days / size
        kept[3] += item.mean_rate(last - year - timedelta(days=28), last - year) * 29 / size
    measured = query(
        truth_of_medium.folder,
        "select category, season_days / ahead_days as factor from intermediate.int_demand_seasons "
        "where ahead_days = ? and as_of_day = ?",
        days,
        last,
    )
    errors = []
    for row in measured:
        if row["category"] in sums:
            later, now, lines, lines_now = sums[row["category"]]
            error = later / now * (1.5 / lines + 1.5 / lines_now) ** 0.5
            errors.append((row["factor"] - later / now) / error)
    assert len(errors) >= 12
    assert abs(numpy.mean(errors)) <= max(0.3, 2 / len(errors) ** 0.5), errors
