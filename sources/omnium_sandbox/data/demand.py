"""Demand of customers: expected rates with trend, season, weekdays and promotions, and random events at these rates."""

import math
import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

import numpy
from numpy.typing import NDArray

from omnium_sandbox.data.catalogue import CENTRAL, Article, Cell, Promotion, Scale, Warehouse
from omnium_sandbox.truth import WANDER_DAYS, DemandPattern, OpeningDays, RateCurve, Season

_QUANTITIES: dict[DemandPattern, tuple[int, ...]] = {
    "smooth": (1, 1, 1, 2, 2),
    "erratic": (1, 1, 2, 3, 8),
    "intermittent": (1, 1, 2, 2, 3),
    "lumpy": (1, 1, 2, 4, 12),
    "seasonal": (1, 1, 2, 2, 3),
    "dead": (1, 1, 2),
}

_SEASONS: dict[int, tuple[int, int, float, float | None]] = {
    1: (1, 15, 0.6, None),
    4: (4, 20, 0.5, None),
    7: (7, 20, 0.7, None),
    10: (12, 10, 2.0, 16.0),
}
"""Category → month and day of the peak, amplitude, width in days. The other categories have no season."""

_ONLINE_WEEK = (1.15, 1.05, 1.0, 1.0, 0.95, 0.8, 1.05)
_STORE_WEEK = (0.9, 0.9, 0.95, 1.05, 1.3, 1.9, 0.0)
_HOLIDAYS = ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))
"""Month and day of holidays, on which stores are closed."""
_WANDER = 0.13
"""Standard deviation of the random change of a level in WANDER_DAYS, as a logarithm; 0.5 in a year."""
DAYS_AHEAD = 200
"""Days after the history for which holidays are known."""


def open_warehouses(places: list[Warehouse], first_day: date, days: int) -> list[Warehouse]:
    """The places with their opening days.

    Customers order online every day. Stores close on Sundays and holidays, and the first store was closed for ten days
    for renovation.
    """
    weekday = first_day.weekday()
    holidays = {
        day
        for day in range(days + DAYS_AHEAD)
        if ((first_day + timedelta(days=day)).month, (first_day + timedelta(days=day)).day) in _HOLIDAYS
    }
    opened = []
    for number, place in enumerate(places):
        if number == CENTRAL:
            opened.append(replace(place, opening=OpeningDays(_ONLINE_WEEK, weekday)))
            continue
        refit = (days - 70, days - 61) if number == 1 else None
        closed = holidays | (set(range(refit[0], refit[1] + 1)) if refit else set())
        opened.append(
            replace(place, opening=OpeningDays(_STORE_WEEK, weekday, frozenset(closed)), refit=refit)
        )
    return opened


def season_of(category: int, first_day: date) -> Season | None:
    """The season of a category; None if it has none."""
    if category not in _SEASONS:
        return None
    month, day, amplitude, width = _SEASONS[category]
    peak = date(first_day.year, month, day)
    return Season(amplitude, float((peak - first_day).days), width)


def make_promotions(scale: Scale, articles: list[Article], choice: random.Random) -> list[Promotion]:
    """A promotion every 45 days, the last one after the history, each for a fiftieth of the articles."""
    plain = [article.number for article in articles if not article.is_package]
    size = max(2, len(plain) // 50)
    promotions: list[Promotion] = []
    for first in range(scale.days + 8 - 45 * (scale.days // 45), scale.days + 9, 45):
        last = first + choice.randint(6, 13)
        chosen = tuple(sorted(choice.sample(plain, size)))
        promotions.append(Promotion(len(promotions), first, last, choice.uniform(1.8, 3.2), chosen))
    return promotions


def make_cells(
    scale: Scale,
    articles: list[Article],
    warehouses: list[Warehouse],
    promotions: list[Promotion],
    first_day: date,
    choice: random.Random,
) -> list[Cell]:
    """The demand for each article at each warehouse.

    A few articles sell daily, some often, most rarely. Some are discontinued, others are new.

    One function, as each draw depends on those before it.
    """
    wanted = scale.orders * scale.lines_per_order / scale.days / scale.sold_share
    lines_of, stars = _lines_per_day(wanted, scale, articles, choice)
    on_promotion: dict[int, list[tuple[int, int, float]]] = {}
    for promotion in promotions:
        for number in promotion.articles:
            period = (promotion.first_day, promotion.last_day, promotion.factor)
            on_promotion.setdefault(number, []).append(period)
    cells: list[Cell] = []
    for article in articles:
        is_star = article.number in stars
        season = season_of(article.category, first_day)
        article.pattern = _pattern(article, is_star, season is not None, choice)
        if not is_star and not article.is_package:
            if choice.random() < 0.04:
                article.discontinued_day = choice.randrange(scale.days // 3, scale.days + 60)
            elif choice.random() < 0.06:
                article.first_day = choice.randrange(scale.days // 3, scale.days - 5)
        curve = _curve(article, season, scale.days, choice)
        curve = replace(curve, promotions=tuple(on_promotion.get(article.number, ())))
        kept = [CENTRAL]
        if not is_star and not article.is_package:
            stores = range(1, len(warehouses))
            kept += [store for store in stores if choice.random() < scale.store_share]
        shares = [0.55 if len(kept) > 1 else 1.0] + [0.45 / max(1, len(kept) - 1)] * (len(kept) - 1)
        quantities = _QUANTITIES[article.pattern]
        units = lines_of[article.number] * sum(quantities) / len(quantities)
        for warehouse, share in zip(kept, shares, strict=True):
            cells.append(
                Cell(
                    number=len(cells),
                    article=article.number,
                    warehouse=warehouse,
                    lines_per_day=lines_of[article.number] * share,
                    quantities=quantities,
                    curve=replace(curve, base=units * share, opening=warehouses[warehouse].opening),
                    project_orders=_project_orders(scale, article, warehouse, units * share, choice),
                    mirror=warehouse == CENTRAL and not article.is_package and choice.random() < 0.04,
                )
            )
        packs = [size for size in (1, 1, 4, 6, 10, 12, 24) if size <= max(1.0, units * 14)]
        article.pack = choice.choice(packs)
    return cells


def _lines_per_day(
    wanted: float, scale: Scale, articles: list[Article], choice: random.Random
) -> tuple[list[float], set[int]]:
    """Order lines per day of each article over all places, and the articles that sell every day."""
    rank: dict[int, int] = {}
    weights: list[float] = []
    stars: dict[int, float] = {}
    star_share = 0.4 * wanted
    for article in articles:
        place = rank[article.supplier] = rank.get(article.supplier, -1) + 1
        if article.is_package:
            weights.append(choice.lognormvariate(-1.5, 0.4))
        elif place == 0 and sum(stars.values()) < star_share and article.number % 3 == 0:
            stars[article.number] = choice.uniform(1.6, 2.4) if wanted > 20 else 0.8
            weights.append(0.0)
        else:
            weights.append(choice.lognormvariate(0, 0.35) * (1.0 if place < scale.fast_articles else 0.06))
    unit = max(wanted - sum(stars.values()), wanted * 0.5) / sum(weights)
    lines = [stars.get(number, weight * unit) for number, weight in enumerate(weights)]
    return lines, set(stars)


def _pattern(article: Article, is_star: bool, has_season: bool, choice: random.Random) -> DemandPattern:
    if is_star:
        return "smooth" if choice.random() < 0.75 else "erratic"
    if article.is_package:
        return "intermittent"
    pattern: DemandPattern = choice.choices(("intermittent", "lumpy", "dead"), (70, 23, 7))[0]
    return "seasonal" if has_season and pattern == "intermittent" else pattern


def _curve(article: Article, season: Season | None, days: int, choice: random.Random) -> RateCurve:
    """The curve of an article's demand, with a base of one unit per day."""
    if article.pattern == "dead":
        return RateCurve(1.0, last_day=round(days * choice.uniform(0.25, 0.6)))
    growth = choice.choice((0.0, 0.0, 0.0, choice.uniform(0.1, 0.5), choice.uniform(-0.5, -0.1)))
    if season is not None:
        season = replace(season, amplitude=season.amplitude * choice.uniform(0.85, 1.15))
    return RateCurve(
        1.0,
        season,
        growth,
        growth_from_day=float(days - 1),
        wander=_wander(article.number, days),
        first_day=article.first_day,
    )


def _wander(number: int, days: int) -> tuple[float, ...]:
    """A random walk of an article's level that is 0 on the last day, for changes of demand without a known reason.

    Without it every level would be constant for months, and a forecast that assumes this would seem to be right.
    """
    chance = random.Random(f"wander {number}")
    steps = math.ceil((days + DAYS_AHEAD) / WANDER_DAYS) + 1
    walk = list(accumulate((chance.gauss(0.0, _WANDER) for _ in range(steps)), initial=0.0))
    before = int((days - 1) / WANDER_DAYS)
    part = (days - 1) / WANDER_DAYS - before
    today = walk[before] * (1 - part) + walk[before + 1] * part
    # With this correction, the expected level on every other day equals that of the last day.
    return tuple(
        level - today - 0.5 * _WANDER**2 * abs(place - before - part) for place, level in enumerate(walk)
    )


def _project_orders(
    scale: Scale, article: Article, warehouse: int, units: float, choice: random.Random
) -> tuple[tuple[int, int], ...]:
    """For some articles, one order in the history of 20 to 40 times the usual quantity."""
    if warehouse != CENTRAL or article.pattern in ("dead", "lumpy") or article.components:
        return ()
    if choice.random() >= 0.03:
        return ()
    usual = sum(_QUANTITIES[article.pattern]) / len(_QUANTITIES[article.pattern])
    day = choice.randrange(max(article.first_day, scale.days // 4), scale.days)
    return ((day, round(choice.uniform(20, 40) * usual)),)


def demand_events(
    cells: list[Cell], days: int, generator: numpy.random.Generator
) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64], NDArray[numpy.int64]]:
    """Random demand as arrays of (cell, second since the first day, quantity), sorted by time.

    The number of events is Poisson at the rate of each day. Times are uniform between 06:00 and 22:00, like receipts.
    """
    all_days = numpy.arange(days, dtype=numpy.float64)
    numbers, whens, quantities = [], [], []
    for cell in cells:
        mean = sum(cell.quantities) / len(cell.quantities)
        expected = numpy.cumsum(cell.curve.on(all_days)) / mean
        count = int(generator.poisson(expected[-1]))
        when = numpy.searchsorted(expected, generator.random(count) * expected[-1], side="right")
        wanted = generator.choice(cell.quantities, count)
        for day, units in cell.project_orders:
            when, wanted, count = numpy.append(when, day), numpy.append(wanted, units), count + 1
        numbers.append(numpy.full(count, cell.number))
        whens.append(numpy.minimum(when, days - 1))
        quantities.append(wanted)
    number, day_numbers = numpy.concatenate(numbers), numpy.concatenate(whens).astype(numpy.int64)
    seconds = day_numbers * 86_400 + generator.integers(6 * 3_600, 22 * 3_600, len(day_numbers))
    order = numpy.argsort(seconds, kind="stable")
    return number[order], seconds[order], numpy.concatenate(quantities).astype(numpy.int64)[order]


def planned_volume(promotion: Promotion, cells: list[Cell]) -> dict[int, int]:
    """Expected units of each article during a promotion, over all places."""
    days = numpy.arange(promotion.first_day, promotion.last_day + 1, dtype=numpy.float64)
    volume: dict[int, float] = dict.fromkeys(promotion.articles, 0.0)
    for cell in cells:
        if cell.article in volume:
            volume[cell.article] += float(cell.curve.on(days).sum())
    return {article: math.ceil(units) for article, units in volume.items() if units > 0}
