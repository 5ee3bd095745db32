"""The models against what the sandbox's generator knows: what articles really sell, their seasons, and how often a
reorder point suffices, of articles of every pattern, new and lumpy ones among them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy
import pytest
from omnium_sandbox import Truth
from omnium_sandbox.data import generate
from omnium_sandbox.truth import DemandTruth
from scipy.stats import nbinom, poisson

from tests.support.models import Row, dbt, query, write_raw

pytestmark = pytest.mark.slow  # whole builds of a medium tenant

TODAY = date(2026, 11, 28)
RESOURCES = (
    "suppliers",
    "supplier_versions",
    "products",
    "product_categories",
    "stores",
    "inventory",
    "inventory_transactions",
    "purchase_orders",
    "deliveries",
    "orders",
    "returns",
    "event_log",
    "promotions",
    "price_lists",
    "price_list_items",
)
DRAWS = 400


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, dict[str, str]]:
    """The medium tenant's warehouse, its truth, and the category of each SKU."""
    folder = tmp_path_factory.mktemp("medium")
    tenant = generate("medium", 1, TODAY)
    loaded = datetime.combine(TODAY, datetime.min.time(), UTC).isoformat()
    write_raw(folder, {resource: tenant.rows(resource) for resource in RESOURCES}, loaded)
    chosen = ("--select", "+int_replenishment_plans", "--exclude-resource-type", "unit_test", "test")
    dbt(folder, "build", *chosen, variables={"as_of_date": str(TODAY - timedelta(days=1))})
    categories = {
        holder["skuId"]: row["mainCategoryId"]
        for row in tenant.rows("products")
        for holder in (row.get("variants") or [row])
    }
    return folder, tenant.truth, categories


def kind_of(truth: DemandTruth) -> str:
    """The pattern, or what matters more."""
    return "ended" if not truth.daily_demand else "new" if truth.is_new else truth.pattern


def plans(medium: tuple[Path, Truth, dict[str, str]]) -> Iterator[tuple[Row, DemandTruth]]:
    """What is planned of each SKU and warehouse for its own customers, beside what they really want."""
    folder, truth, _ = medium
    columns = "sku, warehouse_code, own_daily_demand, in_stock_days, forecast_days, forecast_mean, forecast_variance"
    for row in query(
        folder, f"select {columns} from intermediate.int_replenishment_plans where not is_echelon"
    ):
        if (row["sku"], row["warehouse_code"]) in truth.demand:
            yield row, truth.demand[row["sku"], row["warehouse_code"]]


def test_daily_demand_is_unbiased(medium: tuple[Path, Truth, dict[str, str]]) -> None:
    """In standard errors of the compound Poisson count of at most 90 days in stock."""
    errors: dict[str, list[float]] = defaultdict(list)
    for row, truth in plans(medium):
        if row["in_stock_days"] < 30 or not truth.daily_demand:
            continue
        sizes = numpy.array(truth.streams[0].quantities)
        variance = truth.daily_demand * (sizes**2).mean() / sizes.mean() / min(row["in_stock_days"], 90)
        error = (row["own_daily_demand"] - truth.daily_demand) / variance**0.5
        errors[kind_of(truth)].append(error)
        errors["all"].append(error)
    assert len(errors["all"]) > 2_500
    for kind in ("all", "intermittent", "lumpy", "seasonal"):
        assert abs(numpy.mean(errors[kind])) <= 0.3, (kind, numpy.mean(errors[kind]))


@pytest.mark.parametrize("days", [30, 60, 90])
def test_seasons_are_unbiased(medium: tuple[Path, Truth, dict[str, str]], days: int) -> None:
    """In standard errors of the order lines of the same days and of the last month, a year ago, of each category."""
    folder, truth, categories = medium
    last = TODAY - timedelta(days=1)
    first = last + timedelta(days=1)
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for (sku, _), item in truth.demand.items():
        factor = item.season_factor(first, first + timedelta(days=days - 1))
        if factor is None:
            continue
        size = float(numpy.mean(item.streams[0].quantities))
        year = timedelta(days=364)
        kept = sums[categories[sku]]
        kept[0] += factor * item.daily_demand
        kept[1] += item.daily_demand
        kept[2] += item.mean_rate(first - year, first - year + timedelta(days=days - 1)) * days / size
        kept[3] += item.mean_rate(last - year - timedelta(days=28), last - year) * 29 / size
    measured = query(
        folder,
        "select category, season_days / ahead_days as factor from intermediate.int_demand_seasons where ahead_days = ?",
        days,
    )
    errors = []
    for row in measured:
        if row["category"] in sums:
            later, now, lines, lines_now = sums[row["category"]]
            error = later / now * (1.5 / lines + 1.5 / lines_now) ** 0.5
            errors.append((row["factor"] - later / now) / error)
    assert len(errors) >= 12
    assert abs(numpy.mean(errors)) <= 0.3, errors


def test_reorder_points_suffice_as_often_as_they_say(medium: tuple[Path, Truth, dict[str, str]]) -> None:
    """The 95 % quantile of the forecast, against what customers may really want in those days."""
    generator = numpy.random.default_rng(1)
    covered: dict[str, list[float]] = defaultdict(list)
    for row, truth in plans(medium):
        days = max(1, round(row["forecast_days"]))
        drawn = truth.draw(TODAY, TODAY + timedelta(days=days - 1), DRAWS, generator)
        share = float((drawn <= quantile(row["forecast_mean"], row["forecast_variance"])).mean())
        covered[kind_of(truth)].append(share)
        if truth.daily_demand:
            covered["all"].append(share)
    found = {kind: (len(shares), float(numpy.mean(shares))) for kind, shares in covered.items()}
    assert found["all"][0] > 3_000
    for kind in ("all", "intermittent", "lumpy", "seasonal"):
        assert 0.93 <= found[kind][1] <= 0.97, (kind, found)
    # A score of articles each: the mean itself is uncertain by two or three parts of a hundred.
    assert found["new"][0] >= 15
    assert found["new"][1] >= 0.90, found
    daily = covered["smooth"] + covered["erratic"]
    assert 0.90 <= numpy.mean(daily) <= 0.98, found


def quantile(mean: float, variance: float) -> float:
    """The 95 % quantile of the negative binomial, of Poisson where the variance is not above the mean."""
    if mean <= 0:
        return 0.0
    if variance > mean * 1.000001:
        return float(nbinom.ppf(0.95, mean * mean / (variance - mean), mean / variance))
    return float(poisson.ppf(0.95, mean))
