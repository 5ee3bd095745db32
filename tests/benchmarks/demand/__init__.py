"""Forecasts of daily sales: how often the program's reorder points suffice, and how much stock a shop needs with them.

The sales come from a file (`--data`: sku, day, quantity, with prices in a file beside it) or, without one, from a
made-up parts store; for `demand_sandbox` they are the demand of the sandbox's customers. They are written to raw
tables, the dbt models are built as of many days, and their forecasts are compared with the sales that followed, with
exact lead times. Constants were chosen on half of the articles and the first two thirds of the days (*chosen on*);
the results are those of the other half in the last third (*reported on*).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from tests.benchmarks.demand import peers, program, sales, simulation
from tests.benchmarks.demand.sales import Flags, Floats, Sales
from tests.benchmarks.measuring import Outcome, folder

HORIZONS = (15, 31, 61)
PROBABILITIES = (0.9, 0.95, 0.98)
LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
LEAD_TIMES = (14, 45)
ORDER_INTERVAL = 30
MARGINS = (0, 7, 14, 21, 28, 42, 56, 70, 100, 140)
FIRST_ORIGIN, ORIGIN_STEP = 150, 20
JUMP = 0.1
MOST_PINBALL = dict(zip(HORIZONS, (0.92, 0.85, 0.75), strict=True))
MOST_STOCK = dict(zip(LEAD_TIMES, (0.85, 0.80), strict=True))
COVERED_WITHIN = 0.02
MOST_UNPLANNED = 0.02
MOST_JUMPS = 0.05


@dataclass(frozen=True)
class Part:
    """The articles and as-of days of one set of figures."""

    name: str
    articles: Flags
    origins: tuple[int, ...]


def measure(scale: float, data: Path | None = None) -> Outcome:
    """Print all figures for the sales of a file, or of the parts store; the outcome says whether goals are met."""
    return measure_sales(scale, sales.from_file(data) if data else sales.parts_store())


def measure_sandbox(scale: float) -> Outcome:
    """The same for the demand of the sandbox's customers."""
    return measure_sales(scale, sales.sandbox())


def measure_sales(scale: float, shop: Sales) -> Outcome:
    """Print all figures; the outcome says whether the goals are met on the reported part."""
    if scale < 1:
        shop = shop.sample(scale)
    chosen, reported = parts(shop)
    print(f"{shop.name}: {len(shop.articles):,} articles, {shop.days} days from {shop.first_day}", flush=True)
    missed: list[str] = []
    with folder() as home:
        program.write_sales(home, shop)
        origins = sorted({*chosen.origins, *reported.origins})
        found = program.forecasts(home, shop, origins, HORIZONS, PROBABILITIES)
        for part in (chosen, reported):
            problems = _print_accuracy(shop, part, found)
            missed += problems if part is reported else []
        _print_libraries(shop, reported, found)
        missed += _print_shop(home, shop, reported)
    return Outcome(
        f"demand of {shop.name} ({len(shop.articles):,} articles)",
        "the table of goals in docs/models.md, on articles and days that nothing was chosen on",
        "; ".join(missed) or "all goals",
        not missed,
        (),
    )


def parts(shop: Sales) -> tuple[Part, Part]:
    """Half of the articles in the first two thirds of the days, and the other half in the last third."""
    is_first = numpy.array([hashlib.md5(name.encode()).digest()[0] % 2 == 0 for name in shop.articles])
    origins = range(FIRST_ORIGIN, shop.days - HORIZONS[0], ORIGIN_STEP)
    limit = 2 * shop.days // 3
    return (
        Part("chosen on", is_first, tuple(number for number in origins if number + HORIZONS[-1] < limit)),
        Part("reported on", ~is_first, tuple(number for number in origins if number >= limit)),
    )


def pinball(quantile: Floats, sold: Floats, probability: float) -> Floats:
    """The pinball loss: `probability` for each unit short, `1 - probability` for each unit too many."""
    return numpy.where(
        sold > quantile, probability * (sold - quantile), (1 - probability) * (quantile - sold)
    )


@dataclass(frozen=True)
class Coverage:
    """How often the reorder points of one probability sufficed, and the effect of whole units on that share.

    A point is the smallest whole number that suffices often enough, so even an exact one suffices more often than its
    probability: if there is no demand in 96 of 100 cases, the 90 % point is 0 and suffices in 96.
    """

    share: float
    of_whole_units: float
    """The share if demand were distributed exactly as forecast."""
    by_part: float
    """The share with the last unit counted only in part, so that it equals the probability if the forecast is right."""

    @staticmethod
    def of(probability: float, sold: Floats, forecast: program.Forecast, rows: Flags) -> "Coverage":
        """The coverage of one day's cases."""
        mean, variance = forecast.mean[rows], forecast.variance[rows]
        point = forecast.quantiles[probability][rows]
        below, within = (peers.counts_within(units, mean, variance) for units in (sold - 1, sold))
        # A case counts by the chance that a random number between the two is below the probability.
        part = numpy.clip((probability - below) / numpy.maximum(within - below, 1e-12), 0, 1)
        return Coverage(
            float((sold <= point).mean()),
            float(peers.counts_within(point, mean, variance).mean()),
            float(part.mean()),
        )

    @staticmethod
    def over(cases: Sequence[tuple[int, "Coverage"]]) -> "Coverage":
        """The average coverage of several days, weighted by their numbers of cases."""
        weights = [count for count, _ in cases]
        return Coverage(
            *(
                float(numpy.average([getattr(one, name) for _, one in cases], weights=weights))
                for name in ("share", "of_whole_units", "by_part")
            )
        )


def _print_accuracy(shop: Sales, part: Part, found: dict[tuple[int, int], program.Forecast]) -> list[str]:
    print(f"\n{part.name}: {int(part.articles.sum()):,} articles, as of {len(part.origins)} days")
    print(
        "| days | sufficed at 90 / 95 / 98 % | of whole units alone | last unit by its part | before | "
        "pinball 95 % of before | bias | error | at point 0 |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    first, missed = shop.first_sales(), []
    for days in HORIZONS:
        cases: dict[float, list[tuple[int, Coverage]]] = {probability: [] for probability in PROBABILITIES}
        before: list[Floats] = []
        ours = theirs = at_zero = error = bias = total = 0.0
        for origin in part.origins:
            if origin + days >= shop.days:
                continue
            rows = part.articles & (first <= origin)
            sold, price = shop.between(origin, days)[rows], shop.prices[rows]
            forecast, old = found[origin, days], peers.OldMethod(shop, origin).quantile(0.95, days)[rows]
            for probability in PROBABILITIES:
                cases[probability].append((int(rows.sum()), Coverage.of(probability, sold, forecast, rows)))
            point, mean = forecast.quantiles[0.95][rows], forecast.mean[rows]
            before.append(sold <= old)
            ours += float((price * pinball(point, sold, 0.95)).sum())
            theirs += float((price * pinball(old, sold, 0.95)).sum())
            at_zero += float(sold[point == 0].sum())
            bias, error = bias + float((mean - sold).sum()), error + float(numpy.abs(mean - sold).sum())
            total += float(sold.sum())
        covered = {probability: Coverage.over(cases[probability]) for probability in PROBABILITIES}
        print(
            f"| {days} | "
            + " | ".join(
                " / ".join(f"{100 * getattr(one, name):.1f}" for one in covered.values())
                for name in ("share", "of_whole_units", "by_part")
            )
            + f" | {100 * float(numpy.concatenate(before).mean()):.1f} | {ours / theirs:.3f} | "
            f"{100 * bias / total:+.0f} % | "
            f"{100 * error / total:.0f} % | {100 * at_zero / total:.2f} % |",
            flush=True,
        )
        missed += [
            f"{100 * probability:.0f} % point sufficed in {100 * one.share:.1f} % at {days} days "
            f"({100 * one.by_part:.1f} % with the last unit by its part)"
            for probability, one in covered.items()
            if abs(one.share - probability) > COVERED_WITHIN
        ]
        if ours / theirs > MOST_PINBALL[days]:
            missed.append(f"pinball {ours / theirs:.3f} at {days} days")
        if at_zero / total >= MOST_UNPLANNED:
            missed.append(f"{100 * at_zero / total:.1f} % of demand at a reorder point of 0, {days} days")
    return missed


def _print_libraries(shop: Sales, part: Part, found: dict[tuple[int, int], program.Forecast]) -> None:
    days, origins = 31, part.origins[:3]
    chosen = part.articles & (shop.first_sales() <= origins[0]) & (numpy.arange(len(shop.articles)) % 4 == 0)
    answers = peers.library_forecasts(shop, origins, days, chosen)
    if answers is None:
        print("\nstatsforecast is not installed (the extra `benchmark`): not compared with libraries")
        return
    print(f"\n{int(chosen.sum())} of these articles, as of {len(origins)} days, the sum of {days} days:")
    print("| forecast | bias | error |\n|---|---|---|")
    mine = {origin: found[origin, days].mean[chosen] for origin in origins}
    for name, forecast in {"the program": mine, **answers}.items():
        sold = {origin: shop.between(origin, days)[chosen] for origin in origins}
        total = sum(float(units.sum()) for units in sold.values())
        off = numpy.concatenate([forecast[origin] - sold[origin] for origin in origins])
        print(f"| {name} | {100 * off.sum() / total:+.0f} % | {100 * numpy.abs(off).sum() / total:.0f} % |")


def _print_shop(home: Path, shop: Sales, part: Part) -> list[str]:
    """Print the simulation of the reported articles in the last third of the days, and jumps of daily rates."""
    as_of = range(min(part.origins) - 2 * LEAD_TIMES[-1], shop.days - 1)
    horizons = [lead_time + 1 for lead_time in LEAD_TIMES]
    found = program.forecasts(home, shop, as_of, horizons, LEVELS)
    old = {number: peers.OldMethod(shop, number) for number in as_of}
    some = Sales(
        shop.name,
        tuple(name for name, is_in in zip(shop.articles, part.articles, strict=True) if is_in),
        shop.first_day,
        shop.units[part.articles],
        shop.prices[part.articles],
    )
    missed = _print_jumps(some, as_of, found, part.articles)
    for lead_time in LEAD_TIMES:
        days = lead_time + 1

        def run(
            policy: str, reorder: list[Floats], daily: list[Floats], lead_time: int = lead_time
        ) -> simulation.Result:
            points = numpy.array(reorder)[:, part.articles]
            levels = points + ORDER_INTERVAL * numpy.array(daily)[:, part.articles]
            return simulation.simulate(policy, some, as_of, points, levels, lead_time)

        ours = [
            run(
                f"the program {level}",
                [found[number, days].quantiles[level] for number in as_of],
                [found[number, days].mean / days for number in as_of],
            )
            for level in LEVELS
        ]
        before = [
            run(
                f"before {level}", [old[n].quantile(level, days) for n in as_of], [old[n].rate for n in as_of]
            )
            for level in LEVELS
        ]
        formula = [
            run(
                f"Omnium + {margin} days",
                [peers.omnium_level(old[n].naive, lead_time, margin) for n in as_of],
                [old[n].naive for n in as_of],
            )
            for margin in MARGINS
        ]
        _print_policies(lead_time, [*ours, *before, *formula])
        missed += _print_comparison(lead_time, ours, before, formula)
    return missed


def _print_jumps(
    some: Sales, as_of: Sequence[int], found: dict[tuple[int, int], program.Forecast], articles: Flags
) -> list[str]:
    """Print how often daily demand jumps from one day to the next, compared with the previous method."""
    days = LEAD_TIMES[0] + 1
    known = some.first_sales()[None, :] <= numpy.array(as_of[:-1])[:, None]
    sold = some.units[:, as_of[1] : as_of[-1] + 1].T > 0

    def share(rates: Floats, where: Flags) -> float:
        change = numpy.abs(rates[1:] / numpy.maximum(rates[:-1], 1e-9) - 1)
        return float((change > JUMP)[where].mean())

    ours = numpy.array([found[number, days].daily[articles] for number in as_of])
    naive = numpy.array([peers.OldMethod(some, number).rate for number in as_of])
    is_positive = naive[:-1] > 0
    print(
        "\nfrom one day to the next the daily demand changes by more than a tenth on "
        f"{100 * share(ours, known):.1f} % of days ({100 * share(ours, known & ~sold):.1f} % of those without a sale); "
        f"the rate of the method before on {100 * share(naive, known & is_positive):.1f} %"
    )
    jumps = share(ours, known & ~sold)
    return [f"{100 * jumps:.1f} % of days with a jump"] if jumps >= MOST_JUMPS else []


def _print_policies(lead_time: int, results: Sequence[simulation.Result]) -> None:
    print(f"\nlost sales, lead time {lead_time} days, recomputed every day")
    print("| policy | value filled | units filled | item-days empty | stock value |\n|---|---|---|---|---|")
    for one in results:
        print(
            f"| {one.policy} | {100 * one.value_fill:.1f} % | {100 * one.unit_fill:.1f} % | "
            f"{100 * one.empty_share:.1f} % | {one.stock_value:,.0f} |"
        )


def _print_comparison(
    lead_time: int,
    ours: Sequence[simulation.Result],
    before: Sequence[simulation.Result],
    formula: Sequence[simulation.Result],
) -> list[str]:
    missed = []
    print(
        "\n| | stock of the method before, at equal fill | of Omnium's formula | empty days of Omnium's formula |"
    )
    print("|---|---|---|---|")
    for level, one in zip(LEVELS, ours, strict=True):
        of_before = one.stock_value / simulation.stock_at(one.value_fill, before)
        of_formula = one.stock_value / simulation.stock_at(one.value_fill, formula)
        empty = one.empty_share / simulation.empty_at(one.stock_value, formula)
        print(f"| {one.policy} | {of_before:.2f} | {of_formula:.2f} | {empty:.2f} |", flush=True)
        # NaN if this fill rate is outside the range of the other policies.
        if of_before > MOST_STOCK[lead_time]:
            missed.append(f"{of_before:.2f} of the stock before, lead time {lead_time}, level {level}")
        if level >= 0.7 and (of_formula >= 1 or empty >= 1):
            missed.append(f"{of_formula:.2f} of Omnium's stock, lead time {lead_time}, level {level}")
    return missed
