"""The SQL of the statistics against scipy and stockpyl, which share no code with it."""

import math
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omnium_elt.warehouse.queries import rows

from tests.support.models import dbt

pytestmark = pytest.mark.slow  # hundreds of random cases through the models

Evaluate = Callable[..., list[Any]]

RANDOM = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MODELS = (
    "int_replenishment_levels",
    "int_replenishment_quantities",
    "int_replenishment_risks",
    "int_proposals",
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statistics")


@pytest.fixture(scope="session")
def evaluate(folder: Path) -> Evaluate:
    """evaluate(macro call, x=…, y=…): what the macro makes of these columns' values, in DuckDB."""
    prepared: dict[str, str] = {}
    connection = duckdb.connect()

    def call(macro: str, **columns: float) -> Any:
        # Prepared once: planning these formulas takes longer than computing them.
        if macro not in prepared:
            result = dbt(folder, "compile", "--inline", f"select {{{{ {macro} }}}} as value from given")
            name = prepared[macro] = f"formula_{len(prepared)}"
            given_row = ", ".join(
                f"cast(${number} as double) as {column}" for number, column in enumerate(columns, 1)
            )
            connection.execute(
                f"prepare {name} as with given as (select {given_row}) {result.results[0].node.compiled_code}"
            )
        values = ", ".join(repr(float(value)) for value in columns.values())
        return connection.execute(f"execute {prepared[macro]}({values})").fetchall()[0][0]

    return call


@pytest.fixture(scope="session")
def models(folder: Path) -> Iterator[Callable[..., Any]]:
    """The rows that a compiled model makes, as `models(name, inputs={relation: row})`.

    Of one row per input it is one row; of a list of rows instead of one, all rows by their sku.
    """
    result = dbt(
        folder, "compile", "--select", *MODELS, variables={"as_of_date": "2026-03-01", "service_level": 0.95}
    )
    compiled = {one.node.name: one.node.compiled_code for one in result.results}
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        for schema in ("intermediate", "marts", "staging"):
            connection.execute(f"create schema warehouse.{schema}")
        connection.execute("use warehouse.marts")

        prepared: set[str] = set()

        def call(name: str, inputs: dict[str, Any]) -> Any:
            for relation, given_rows in inputs.items():
                some = given_rows if isinstance(given_rows, list) else [given_rows]
                literals = " union all ".join(
                    "select " + ", ".join(f"{_literal(value)} as {column}" for column, value in row.items())
                    for row in some
                )
                if name not in prepared:
                    connection.execute(f"create or replace table warehouse.{relation} as {literals}")
                else:
                    connection.execute(f"delete from warehouse.{relation}")
                    connection.execute(f"insert into warehouse.{relation} by name {literals}")
            if name not in prepared:
                connection.execute(f"prepare {name} as {compiled[name]}")
                prepared.add(name)
            found = rows(connection, f"execute {name}")
            if any(isinstance(given_rows, list) for given_rows in inputs.values()):
                return {row["sku"]: row for row in found}
            return found[0]

        yield call


def _literal(value: Any) -> str:
    if value is None:
        return "cast(null as varchar)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return f"date '{value}'"
    if isinstance(value, str):
        return f"'{value}'"
    return f"cast({value!r} as double)"


@RANDOM
@given(x=st.floats(-40, 40))
def test_normal_distribution(evaluate: Evaluate, x: float) -> None:
    from scipy import stats  # here, as the quick tests would import it for nothing

    assert evaluate("normal_cdf('x')", x=x) == pytest.approx(stats.norm.cdf(x), rel=1e-12, abs=1e-15)
    assert evaluate("normal_tail('x')", x=x) == pytest.approx(stats.norm.sf(abs(x)), rel=1e-6, abs=1e-300)
    assert evaluate("normal_density('x')", x=x) == pytest.approx(stats.norm.pdf(x), rel=1e-12, abs=1e-300)


@RANDOM
@given(p=st.floats(1e-12, 1 - 1e-12))
def test_normal_quantile(evaluate: Evaluate, p: float) -> None:
    from scipy import stats

    assert evaluate("normal_quantile('p')", p=p) == pytest.approx(stats.norm.ppf(p), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.5, 1.5])
def test_normal_quantile_outside_of_0_and_1_is_null(evaluate: Evaluate, p: float) -> None:
    assert evaluate("normal_quantile('p')", p=p) is None


@RANDOM
@given(k=st.floats(-8, 8))
def test_normal_loss(evaluate: Evaluate, k: float) -> None:
    normal_loss = pytest.importorskip("stockpyl.loss_functions").normal_loss
    # The far tail is a difference of nearly equal numbers, for scipy as for us.
    assert evaluate("normal_loss('k')", k=k) == pytest.approx(normal_loss(k, 0, 1)[0], rel=1e-6, abs=1e-12)


@RANDOM
@given(p=st.floats(0.5, 0.999), mean=st.floats(0.001, 120), spread=st.floats(0.2, 12))
def test_negative_binomial_quantile(evaluate: Evaluate, p: float, mean: float, spread: float) -> None:
    variance = mean * spread
    found = evaluate("negative_binomial_quantile('p', 'mean', 'variance')", p=p, mean=mean, variance=variance)
    if mean + math.sqrt(max(mean, variance) * p / (1 - p)) > 1000:
        return  # an approximation: see the next test
    # At a jump of the distribution the last digit decides: the neighbours are right, too.
    assert found in {_count_quantile(p * (1 + digit), mean, variance) for digit in (-1e-10, 0, 1e-10)}


@RANDOM
@given(p=st.floats(0.8, 0.99), mean=st.floats(100, 5_000), shape=st.floats(0.03, 1))
def test_negative_binomial_quantile_of_many_units(
    evaluate: Evaluate, p: float, mean: float, shape: float
) -> None:
    variance = mean + mean * mean / shape
    found = evaluate("negative_binomial_quantile('p', 'mean', 'variance')", p=p, mean=mean, variance=variance)
    unit = max(1.0, (mean + math.sqrt(variance * p / (1 - p))) / 1000)
    exact = _count_quantile(p, mean, variance)
    # The stated error is about one unit of counting; the shape of the distribution moves a little with it.
    assert abs(found - exact) <= 2 * unit + 0.01 * exact


def test_negative_binomial_quantile_of_nothing_is_nothing(evaluate: Evaluate) -> None:
    assert evaluate("negative_binomial_quantile('0.95', 'mean', 'variance')", mean=0.0, variance=0.0) == 0
    assert evaluate("negative_binomial_quantile('0.95', 'mean', 'variance')", mean=0.0, variance=3.0) == 0
    assert evaluate("negative_binomial_quantile('0.95', 'mean', 'variance')", mean=3.0, variance=0.0) == 6


def _count_quantile(p: float, mean: float, variance: float) -> float:
    from scipy import stats

    if variance <= mean * (1 + 1e-12):
        return float(stats.poisson.ppf(p, mean))
    return float(stats.nbinom.ppf(p, mean * mean / (variance - mean), mean / variance))


@RANDOM
@given(
    demand=st.floats(0.01, 200),
    demand_sd=st.floats(0, 100),
    lead_time=st.floats(1, 90),
    lead_time_sd=st.floats(0, 40),
    interval=st.integers(1, 60),
    service_level=st.sampled_from([0.5, 0.9, 0.95, 0.98]),
)
def test_reorder_point_and_order_up_to_level(
    models: Callable[..., Any],
    demand: float,
    demand_sd: float,
    lead_time: float,
    lead_time_sd: float,
    interval: int,
    service_level: float,
) -> None:
    mean = demand * (lead_time + 1)
    variance = (lead_time + 1) * demand_sd**2 + demand**2 * lead_time_sd**2
    plan = {
        "daily_demand": demand,
        "expected_demand": mean,
        "total_forecast_variance": (lead_time + 1) * demand_sd**2,
        "order_interval_demand": demand * interval,
        "lead_time_mean_days": lead_time,
        "lead_time_sd_days": lead_time_sd,
        "review_days": 1.0,
        "order_interval_days": float(interval),
        "service_level": service_level,
        "min_quantity": 0.0,
        "max_quantity": 0.0,
    }
    found = models("int_replenishment_levels", {"intermediate.int_replenishment_plans": plan})
    expected = {_count_quantile(service_level * (1 + digit), mean, variance) for digit in (-1e-10, 0, 1e-10)}
    if variance - mean <= mean**2:
        # Beyond few units the quantile is an approximation, with its own test.
        room = 0 if mean + math.sqrt(max(mean, variance) * 49) <= 64 else 1 + 0.03 * max(expected)
        assert min(abs(found["reorder_point"] - one) for one in expected) <= room
    assert found["safety_stock"] == pytest.approx(found["reorder_point"] - mean, abs=1e-5)
    assert found["order_up_to_level"] == pytest.approx(
        found["reorder_point"] + demand * interval, rel=1e-6, abs=1e-5
    )


@settings(RANDOM, max_examples=8)
@given(
    st.lists(st.tuples(st.floats(0.05, 15), st.floats(0.5, 8), st.integers(-3, 15)), min_size=25, max_size=25)
)
def test_risk_shortage_and_money_at_risk(
    models: Callable[..., Any], cases: list[tuple[float, float, int]]
) -> None:
    from scipy import stats

    """25 rows at a time: the formulas take longer to plan than to compute."""
    outs = {"sku": "b", "warehouse_code": "w", "projected_stock_out_date": date(2026, 3, 9)}
    found = models(
        "int_replenishment_risks",
        {
            "intermediate.int_replenishment_quantities": [
                quantities_row(f"a{number}", *case) for number, case in enumerate(cases)
            ],
            "intermediate.int_projected_stock_outs": outs,
        },
    )
    assert len(found) == len(cases)
    for number, (mean, ratio, position) in enumerate(cases):
        variance, row = mean * ratio, found[f"a{number}"]
        if variance <= mean:
            poisson_loss = pytest.importorskip("stockpyl.loss_functions").poisson_loss
            law = stats.poisson(mean)
            shortage = poisson_loss(position, mean)[0] if position >= 0 else mean - position
        else:
            law = stats.nbinom(mean * mean / (variance - mean), mean / variance)
            shortage = mean - position - sum((k - position) * law.pmf(k) for k in range(max(0, position)))
        risk = float(law.sf(position))
        assert row["stock_out_risk"] == pytest.approx(risk, abs=1e-5)
        assert row["expected_shortage"] == pytest.approx(shortage, rel=1e-4, abs=1e-5)
        assert row["money_at_risk"] == pytest.approx(4 * risk * shortage, rel=1e-3, abs=1e-4)


HANDED_ON = [
    "is_echelon",
    "supplier_id",
    "supplier_sku_id",
    "supplier_name",
    "omnium_store_id",
    "product_name",
    "gtin",
    "agreed_lead_time_days",
    "currency",
    "rate",
    "min_quantity",
    "max_quantity",
    "least_order",
    "pack_quantity",
    "is_backorder",
    "own_daily_demand",
    "on_order",
    "promised_quantity",
    "drafted",
    "transfer_in_quantity",
    "spared_elsewhere",
    "own_reorder_point",
    "raw_quantity",
    "is_below_minimum_quantity",
    "parity_quantity",
]
"""Columns of int_replenishment_quantities that int_replenishment_risks hands on as they are."""


def quantities_row(sku: str, mean: float, ratio: float, position: int) -> dict[str, Any]:
    """A row of int_replenishment_quantities: this mean, ratio times it as variance, this position."""
    return dict.fromkeys(HANDED_ON) | {
        "sku": sku,
        "warehouse_code": "w",
        "available": 1.0,
        "awaiting_purchase": 0.0,
        "block_reason": None,
        "unit_cost": 4.0,
        "suggested_quantity": 1.0,
        "is_low_evidence": False,
        "in_stock_days": 1.0,
        "lead_time_lines": 1.0,
        "supplier_lines": 1.0,
        "lead_time_level": "supplier",
        "lead_time_mean_days": 1.0,
        "daily_demand": mean / 10,
        "shelf_demand": mean / 10,
        "protection_days": 10.0,
        "expected_demand": mean,
        "promotion_demand": 0.0,
        "demand_variance": mean * ratio,
        "reorder_point": mean,
        "statistical_reorder_point": mean,
        "order_up_to_level": mean,
        "is_store_inactive": False,
        "pack": 1.0,
        "stock_position": float(position),
    }


@RANDOM
@given(
    missing=st.floats(0.01, 2_000),
    position=st.integers(-50, 500),
    pack=st.sampled_from([0, 1, 4, 6, 12, 24, 100]),
    minimum=st.sampled_from([0, 1, 50]),
    maximum=st.sampled_from([0, 100, 700]),
    is_break_allowed=st.booleans(),
)
def test_order_quantity(
    models: Callable[..., Any],
    missing: float,
    position: int,
    pack: int,
    minimum: int,
    maximum: int,
    is_break_allowed: bool,
) -> None:
    reorder_point = position + missing / 2
    row: dict[str, Any] = {
        "sku": "a",
        "warehouse_code": "w",
        "is_echelon": False,
        "has_two_plans": False,
        "position": float(position),
        "draft_order": 0.0,
        "reorder_point": reorder_point,
        "order_up_to_level": position + missing,
        "reorder_min_quantity": float(minimum),
        "pack_quantity": float(pack) if pack else None,
        "is_package_break_allowed": is_break_allowed,
        "max_quantity": float(maximum),
        "min_quantity": 0.0,
        "is_backorder": False,
        "unit_cost": 1.0,
        "supplier_id": "s",
        "is_supplier_known": True,
        "is_virtual": False,
        "is_package": False,
        "is_discontinued": False,
        "is_stock_unknown": False,
        "is_product_inactive": False,
        "is_store_inactive": False,
        "is_not_purchasable": False,
        "daily_demand_naive": 0.0,
        "configured_lead_time_days": 1.0,
        "order_interval_days": 1.0,
    }
    none = {"sku": "z", "to_warehouse_code": "w", "units": 0.0, "is_return": False}
    found = models(
        "int_replenishment_quantities",
        {"intermediate.int_replenishment_levels": row, "intermediate.int_transfer_proposals": none},
    )
    unit = 1 if is_break_allowed or pack == 0 else pack
    packs = math.ceil(max(missing, minimum) / unit - 1e-6)
    wanted = packs * unit
    fewer = wanted - unit
    if 0 < maximum < position + wanted and position + fewer > reorder_point and fewer >= max(minimum, 1):
        wanted = fewer
    assert found["suggested_quantity"] == wanted


@RANDOM
@given(shipment_cost=st.floats(1, 5_000), daily_value=st.floats(0.5, 50_000))
def test_economic_interval(models: Callable[..., Any], shipment_cost: float, daily_value: float) -> None:
    economic_order_quantity = pytest.importorskip("stockpyl.eoq").economic_order_quantity
    row = {
        "supplier_id": "s",
        "warehouse_code": "w",
        "currency": "NOK",
        "supplier_name": "S",
        "suggested_quantity": 1.0,
        "unit_cost": 1.0,
        "daily_demand": daily_value,
        "minimum_order_amount": 1.0,
        "maximum_order_amount": 1.0,
        "shipment_cost": shipment_cost,
        "terms_rate": 1.0,
        "supplier_warehouse_code": None,
        "is_waited_for": False,
        "order_by_date": date(2026, 3, 1),
    }
    found = models("int_proposals", {"intermediate.int_proposal_items": row})
    # Units of money: a year's demand at cost, held at 12.5 % a year.
    quantity = economic_order_quantity(shipment_cost, 0.125, 365 * daily_value)[0]
    assert found["economic_interval_days"] == pytest.approx(quantity / daily_value, rel=1e-4)
