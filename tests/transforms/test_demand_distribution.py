"""The distribution of demand against scipy: quantile, probability of running short, shortage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pyarrow
import pytest

from tests.support.models import dbt

pytestmark = pytest.mark.slow  # builds of thousands of random days

QUANTILE = "demand_with_quantiles('demands', 'mean', 'variance', {'enough': '%s'})"
SEVERAL = "demand_with_quantiles('demands', 'mean', 'variance', {'half': '0.5', 'most': '0.98'})"
TAIL = "demand_with_tail('demands', 'quantity', 'mean', 'variance', 'exceeds', 'shortage')"

Numbers = Any
"""An array of numbers."""

CASES = 20_000


class Tenant:
    """Demands of every size and spread, with quantities around each."""

    def __init__(self) -> None:
        choice = numpy.random.default_rng(3)
        self.mean = numpy.exp(choice.uniform(numpy.log(0.02), numpy.log(5_000), CASES))
        over = numpy.exp(choice.uniform(numpy.log(1e-3), numpy.log(60), CASES))
        self.variance = self.mean * (1 + over)
        self.variance[:2_000] = self.mean[:2_000] * choice.uniform(0.3, 1, 2_000)  # a Poisson
        spread = choice.uniform(-2.5, 4, CASES)
        self.quantity = numpy.round(self.mean + numpy.sqrt(self.variance) * spread, 2)
        self.quantity[::2] = numpy.floor(self.quantity[::2])
        self.is_poisson = self.variance <= self.mean
        excess = numpy.where(self.is_poisson, 1, self.variance - self.mean)
        self.size = numpy.where(self.is_poisson, 1e9, self.mean**2 / excess)

    def law(self, function: str, argument: Numbers) -> Numbers:
        """A function of the distribution, by scipy."""
        from scipy import stats  # here, as the quick tests would import it for nothing

        chance = numpy.where(self.is_poisson, 0.5, self.mean / self.variance)
        return numpy.where(
            self.is_poisson,
            getattr(stats.poisson, function)(argument, self.mean),
            getattr(stats.nbinom, function)(argument, self.size, chance),
        )

    def shortage(self) -> Numbers:
        """E[max(0, D − quantity)]: at whole n (m − n)·P(D > n) + P(n)·m·(1 + n/r), then a line."""
        whole = numpy.floor(self.quantity)
        above = self.law("sf", whole)
        at_whole = (self.mean - whole) * above
        at_whole += self.law("pmf", whole) * self.mean * (1 + whole / self.size)
        return numpy.where(
            self.quantity < 0, self.mean - self.quantity, at_whole - (self.quantity - whole) * above
        )


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture(scope="module")
def ask(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Numbers]:
    """ask(macro call, column, variables): what the rows of the macro say in this column of every demand."""
    folder: Path = tmp_path_factory.mktemp("distribution")
    connection = duckdb.connect()
    table = {
        "number": numpy.arange(CASES),
        "mean": tenant.mean,
        "variance": tenant.variance,
        "quantity": tenant.quantity,
    }
    connection.register("demands", pyarrow.table(table))

    def call(macro: str, column: str, **variables: Any) -> Numbers:
        inline = f"select {column} as value from ({{{{ {macro} }}}}) order by number"
        compiled = dbt(folder, "compile", "--inline", inline, variables=variables)
        return connection.execute(compiled.results[0].node.compiled_code).fetchnumpy()["value"]

    return call


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.98])
def test_quantile(tenant: Tenant, ask: Callable[..., Numbers], probability: float) -> None:
    found = ask(QUANTILE % probability, "enough")
    exact = tenant.law("ppf", probability)
    off = numpy.abs(found - exact)
    few = tenant.mean + numpy.sqrt(numpy.maximum(tenant.mean, tenant.variance) * 19) <= 60
    assert few.sum() > 4_000
    assert off[few & (probability <= 0.95)].max(initial=0) == 0
    assert (off > 0).mean() < 0.02
    assert (off / numpy.maximum(100, exact)).max() <= 0.03


def test_each_of_several_quantiles_is_what_it_is_alone(ask: Callable[..., Numbers]) -> None:
    half, most = (ask(QUANTILE % probability, "enough") for probability in (0.5, 0.98))
    # in one number, as each question is a build
    assert numpy.array_equal(ask(SEVERAL, "half * 1e7 + most"), half * 1e7 + most)


def test_probability_of_running_short(tenant: Tenant, ask: Callable[..., Numbers]) -> None:
    found = ask(TAIL, "exceeds")
    exact = numpy.where(tenant.quantity < 0, 1, tenant.law("sf", numpy.floor(tenant.quantity)))
    off = numpy.abs(found - exact)
    assert off[tenant.quantity < 16].max() < 1e-9
    assert off[tenant.size < 49.999].max() < 2e-6
    assert off.max() < 5e-4


def test_shortage(tenant: Tenant, ask: Callable[..., Numbers]) -> None:
    found = ask(TAIL, "shortage")
    exact = tenant.shortage()
    off = numpy.abs(found - exact)
    assert (off / (0.001 + exact))[tenant.quantity < 16].max() < 1e-6
    # as a share of a standard deviation, of which shortages are parts
    assert (off / numpy.sqrt(tenant.variance))[tenant.size < 49.999].max() < 1e-5
    assert (off / numpy.sqrt(tenant.variance)).max() < 0.001


def test_goods_that_are_not_counted(tenant: Tenant, ask: Callable[..., Numbers]) -> None:
    from scipy import stats

    deviation = numpy.sqrt(tenant.variance)
    normal = {"demand_distribution": "normal"}
    found = ask(QUANTILE % 0.95, "enough", **normal)
    assert found == pytest.approx(stats.norm.ppf(0.95, tenant.mean, deviation), rel=1e-9)
    found = ask(TAIL, "exceeds", **normal)
    assert found == pytest.approx(stats.norm.sf(tenant.quantity, tenant.mean, deviation), rel=1e-6, abs=1e-9)
    found = ask(TAIL, "shortage", **normal)
    k = (tenant.quantity - tenant.mean) / deviation
    exact = deviation * (stats.norm.pdf(k) - k * stats.norm.sf(k))
    assert found == pytest.approx(exact, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("quantity", "mean", "variance", "risk", "shortage"),
    [
        (0, 0.2, 0.25, 0.163488, 0.2),  # case 17: nothing there, 1 − 0.8^0.8
        (-3, 0.2, 0.25, 1, 3.2),  # customers wait
        (2.5, 0, 0, 0, 0),  # nothing sells
        (-1, 0, 0, 1, 1),
        (1, 2, 2, 0.593994, 1.135335),  # Poisson: 1 − 3e^−2, 1 + e^−2
        (1.5, 2, 1, 0.593994, 0.838338),  # variance below the mean: the same one
        (10_000, 3, 9, 0, 0),
    ],
)
def test_by_hand(
    tmp_path: Path, quantity: float, mean: float, variance: float, risk: float, shortage: float
) -> None:
    inline = f"""
        with demands as (select {quantity}::double as quantity, {mean}::double as mean, {variance}::double as variance)
        select exceeds, shortage from ({{{{ {TAIL} }}}})
    """
    compiled = dbt(tmp_path, "compile", "--inline", inline).results[0].node.compiled_code
    assert duckdb.sql(compiled).fetchall()[0] == pytest.approx((risk, shortage), abs=1e-6)
