"""Purchases and lead times: rows put into a tenant, read over HTTP, built by dbt, looked at in the marts."""

import math
import os
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pytest
import yaml  # type: ignore[import-untyped]
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.steps.dbt_commands import dbt_arguments
from omnium_sandbox import Sandbox
from omnium_sandbox.truth import LeadTimeTruth
from omnium_source.resources import RESOURCES as ALL_RESOURCES

from tests.support.purchasing import (
    LINE,
    RESOURCES,
    TODAY,
    build,
    invoke,
    line,
    order,
    order_row,
    put,
    read,
    receipt,
    record,
    rows,
    supplier,
)
from tests.support.tenants import MEDIUM, sandbox_settings

pytestmark = pytest.mark.slow  # whole loads and builds, a medium tenant


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A tenant of odd rows, one sane supplier, and the order of figure 1, whole and split; built once."""
    home = Home(tmp_path_factory.mktemp("odd") / "home")
    with Sandbox(size="empty", odd_data=True, today=TODAY) as sandbox:
        put(sandbox, "suppliers", supplier("nordtekstil"), supplier("steady"))
        put(
            sandbox,
            "purchase_orders",
            order(
                "whole",
                line("w-1", 100, canceledQuantity=10, deliveredQuantity=90),
                modified="2024-03-18T10:00:00Z",
            ),
            order(
                "split",
                line("s-1", 60, deliveredQuantity=60),
                line("s-2", 40, canceledQuantity=10, deliveredQuantity=30),
                modified="2024-03-18T10:00:00Z",
            ),
            order("over", line("o-1", 50, deliveredQuantity=55)),
        )
        for name in ("whole", "split"):
            put(
                sandbox,
                "inventory_transactions",
                receipt(f"{name}-1", name, 60, "2024-03-14"),
                receipt(f"{name}-2", name, 30, "2024-03-18"),
            )
        put(sandbox, "inventory_transactions", receipt("over-1", "over", 55, "2024-03-12"))
        put(
            sandbox,
            "deliveries",
            {
                "id": "no-date",
                "created": "2024-03-01T09:30:00Z",
                "modified": "2024-03-01T09:30:00Z",
                "estimatedTimeOfArrival": "0001-01-01T00:00:00Z",
            },
        )
        for number in range(10):
            placed = datetime(2024, 1, 1, 9) + timedelta(days=number)
            name = f"steady-{number}"
            put(
                sandbox,
                "purchase_orders",
                order(
                    name,
                    line(name, 5),
                    supplierId="steady",
                    status="Completed",
                    created=f"{placed:%Y-%m-%dT%H:%M:%SZ}",
                    modified="2024-02-20T00:00:00Z",
                ),
            )
            put(
                sandbox,
                "inventory_transactions",
                receipt(name, name, 5, f"{placed + timedelta(days=7):%Y-%m-%d}"),
            )
        settings = sandbox_settings(home, sandbox, resources=RESOURCES)
        read(settings)
    build(settings, TODAY, tests=True)
    return settings


def test_a_purchase_order_arrives_literally_with_its_receipts(odd_home: Settings) -> None:
    found = record(odd_home.home, "from marts.fct_purchase_order_line where purchase_order_id = 'whole'")
    assert found == {
        "purchase_order_id": "whole",
        "purchase_order_number": "WHOLE",
        "supplier_id": "nordtekstil",
        "sku": "genser",
        "warehouse_code": "oslo",
        "is_transfer": False,
        "status": "InProgress",
        "order_date": date(2024, 3, 1),
        "promised_date": date(2024, 3, 15),
        "promise_source": "line",
        "first_promised_date": date(2024, 3, 15),
        "ordered_quantity": Decimal(100),
        "canceled_quantity": Decimal(10),
        "net_quantity": Decimal(90),
        "received_quantity": Decimal(90),
        "open_quantity": Decimal(0),
        "over_received_quantity": Decimal(0),
        "first_receipt_date": date(2024, 3, 14),
        "last_receipt_date": date(2024, 3, 18),
        "first_receipt_days": 13,
        "full_receipt_days": 17,
        "weighted_receipt_days": Decimal("14.3333"),
        "is_complete": True,
        "is_closed_short": False,
        "duration_days": 17,
        "is_retroactive": False,
        "unit_cost": Decimal("12.50"),
        "currency": "NOK",
        "stage": "placed",
        "supplying_warehouse_code": None,
        "delivered_quantity": Decimal(90),
        "promise_slips": 0,
    }


def test_an_order_that_omnium_split_is_the_same_row(odd_home: Settings) -> None:
    whole, split = (
        record(
            odd_home.home,
            "select * exclude (purchase_order_id, purchase_order_number)"
            f" from marts.fct_purchase_order_line where purchase_order_id = '{name}'",
        )
        for name in ("whole", "split")
    )
    assert split == whole


def test_more_received_than_ordered_is_not_open_and_counted(odd_home: Settings) -> None:
    assert order_row(odd_home.home, "over", "open_quantity, over_received_quantity") == [
        (Decimal(0), Decimal(5))
    ]


def test_on_time_in_full_of_the_order(odd_home: Settings) -> None:
    assert rows(
        odd_home.home,
        "select lines_due, otif_net_share, otif_gross_share, round(otif_quantity_share, 4), is_small_sample"
        " from marts.supplier_scorecard where supplier_id = 'nordtekstil' and period = 'all'",
    ) == [(3, round(1 / 3, 6), round(1 / 3, 6), round((60 + 60 + 50) / 230, 4), True)]


def test_odd_rows_leave_a_sane_supplier_alone(odd_home: Settings) -> None:
    assert rows(
        odd_home.home,
        "select completed_lines, open_lines, mean_days, sd_days, p50_days, p95_days, is_tail_truncated"
        " from marts.lead_time where level = 'supplier' and supplier_id = 'steady'",
    ) == [(10, 0, 7.0, 0.0, 7, 7, False)]


# Check and keys that it has to name; numbered transactions are named by their prefix.
ODD = {
    "receipt_before_order": "ODD-IT-",
    "receipt_without_purchase_order": "ODD-IT-",
    "receipt_of_unknown_purchase_order": "ODD-IT-",
    "receipt_in_other_warehouse": "ODD-IT-",
    "receipt_negative": "ODD-IT-",
    "receipt_for_cancelled_line": "ODD-PO-received-though-canceled / ",
    "receipt_for_draft": "ODD-PO-draft-with-receipt",
    "receipt_above_ordered": "ODD-PO-received-though-canceled / ",
    "delivered_without_receipt": "ODD-PO-delivered-without-receipt / ",
    "done_without_receipt": "ODD-PO-done-without-receipt / odd-done-without-receipt / oslo-central",
    "order_without_supplier": "ODD-PO-no-supplier",
    "order_of_unknown_supplier": "ODD-PO-supplier-deleted",
    "order_without_lines": "ODD-PO-no-lines",
    "order_without_date": "ODD-PO-created-in-year-one",
    "order_with_unknown_status": "ODD-PO-no-status, ODD-PO-unknown-status",
    "line_without_quantity": "ODD-PO-negative-quantity / ODD-PO-negative-quantity-1, ODD-PO-zero-quantity",
    "line_canceled_above_ordered": "ODD-PO-more-canceled-than-ordered / ",
    "line_with_no_date_promise": "ODD-PO-zero-dates-1",
    "order_with_no_date_request": "ODD-PO-zero-dates",
    "delivery_with_no_date_promise": "no-date",
    "transaction_of_unknown_type": "ODD-IT-",
    "sku_of_several_products": "odd-twin",
    "supplier_without_lead_time": "odd-supplier, odd-supplier-deleted",
}


@pytest.mark.parametrize("check", ODD)
def test_odd_rows_are_counted(odd_home: Settings, check: str) -> None:
    ((count, examples, meaning),) = rows(
        odd_home.home,
        f"select rows, example_keys, meaning from marts.data_quality where check_name = '{check}'",
    )
    assert ODD[check] in examples
    assert count >= len(ODD[check].split(", "))
    assert len(meaning) > 20


@pytest.mark.parametrize(
    ("what", "columns", "expected"),
    [
        ("unknown-status", "stage, open_quantity", ("placed", Decimal(10))),
        ("draft-with-receipt", "stage, is_complete", ("placed", True)),
        ("negative-receipt", "received_quantity, open_quantity", (Decimal(6), Decimal(4))),
        ("received-before", "is_retroactive, duration_days", (True, -5)),
        ("same-article-twice", "ordered_quantity, received_quantity", (Decimal(20), Decimal(20))),
        ("zero-dates", "promise_source, promised_date - order_date", ("lead_time", 14)),
        ("negative-quantity", "net_quantity, open_quantity", (Decimal(0), Decimal(0))),
        ("created-in-year-one", "order_date, duration_days, open_quantity", (None, None, Decimal(10))),
        ("delivered-without-receipt", "received_quantity, open_quantity", (Decimal(0), Decimal(0))),
        ("other-warehouse", "received_quantity, is_complete", (Decimal(0), False)),
        ("received-though-canceled", "net_quantity, over_received_quantity", (Decimal(0), Decimal(10))),
        ("more-canceled-than-ordered", "net_quantity, open_quantity", (Decimal(0), Decimal(0))),
    ],
)
def test_what_an_odd_order_becomes(
    odd_home: Settings, what: str, columns: str, expected: tuple[Any, ...]
) -> None:
    assert order_row(odd_home.home, f"ODD-PO-{what}", columns) == [expected]


def test_a_supplier_that_was_deleted_keeps_its_lead_times(odd_home: Settings) -> None:
    assert rows(
        odd_home.home,
        "select is_deleted, completed_lines, mean_days"
        " from marts.dim_supplier join marts.lead_time using (supplier_id)"
        " where supplier_id = 'odd-supplier-deleted' and level = 'supplier'",
    ) == [(True, 1, 15.0)]


def test_an_earlier_date_gives_what_one_would_have_known(odd_home: Settings, tmp_path: Path) -> None:
    settings = copied(odd_home, tmp_path)
    build(settings, date(2024, 3, 15), tests=True)
    assert rows(
        settings.home,
        "select purchase_order_id, received_quantity, open_quantity, is_complete, duration_days,"
        " last_receipt_date from marts.fct_purchase_order_line"
        " where purchase_order_id in ('over', 'whole') order by 1",
    ) == [
        ("over", Decimal(55), Decimal(0), True, 11, date(2024, 3, 12)),
        # That 10 of the 100 would be cancelled on the 18th was not known on the 15th.
        ("whole", Decimal(60), Decimal(40), False, 14, date(2024, 3, 14)),
    ]  # fmt: skip
    assert rows(settings.home, "select max(received_date) from marts.fct_purchase_receipt") == [
        (date(2024, 3, 14),)
    ]
    assert rows(
        settings.home,
        "select age_days, is_overdue from marts.open_purchase_eta where purchase_order_id = 'whole'",
    ) == [(14, False)]
    build(settings, date(2023, 12, 1), select=(*LINE, "+lead_time"))
    assert rows(
        settings.home, "select count(*) from marts.fct_purchase_order_line where order_date is not null"
    ) == [(0,)]
    assert rows(
        settings.home,
        "select planning_mean_days, planning_sd_days from marts.lead_time where level = 'global'",
    ) == [(14.0, 0.0)]


def test_the_lake_gives_equal_marts(odd_home: Settings, tmp_path: Path) -> None:
    settings = copied(odd_home, tmp_path)
    before = all_marts(settings.home)
    lake = tmp_path / "lake"
    with duckdb.connect(str(settings.home.working_database)) as connection:
        for (table,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'omnium'"
        ).fetchall():
            (lake / table).mkdir(parents=True)
            connection.execute(
                f"copy omnium.\"{table}\" to '{lake / table / 'part.parquet'}' (format parquet)"
            )
        connection.execute("drop schema omnium cascade")
    build(replace(settings, variables={"lake_path": str(lake)}), TODAY)
    assert all_marts(settings.home) == before


def test_every_column_of_every_mart_is_described(odd_home: Settings) -> None:
    described: dict[str, set[str]] = {}
    for path in (TRANSFORMS / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            assert model["description"].lstrip().startswith("One row per"), model["name"]
            described[model["name"]] = {
                column["name"] for column in model["columns"] if column["description"]
            }
    found = rows(
        odd_home.home,
        "select table_name, column_name from information_schema.columns where table_schema = 'marts'",
    )
    assert {table for table, _ in found} >= {"lead_time", "supplier_scorecard", "dim_product", "data_quality"}
    for table in {table for table, _ in found}:
        assert described[table] == {column for of, column in found if of == table}, table


def test_every_resource_has_a_staging_model() -> None:
    staged = {path.stem for path in (TRANSFORMS / "models" / "staging").rglob("*.sql")}
    assert {f"stg_{name}" for name in ALL_RESOURCES} <= staged


def test_views_survive_under_another_name(odd_home: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "something-else.duckdb"
    shutil.copy(odd_home.home.working_database, copy)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as bought (read_only)")
        found = connection.execute(
            "select purchase_order_number from bought.staging.stg_purchase_orders"
            " where purchase_order_id = 'whole'"
        ).fetchall()
    assert found == [("WHOLE",)]


def test_the_tenants_own_statuses(odd_home: Settings, tmp_path: Path) -> None:
    settings = replace(
        copied(odd_home, tmp_path),
        variables={
            "more_purchase_order_statuses": {"venterpåtollen": "cancelled", "won't come": "cancelled"}
        },
    )
    build(settings, TODAY, select=LINE)
    assert order_row(settings.home, "ODD-PO-unknown-status", "stage, open_quantity") == [
        ("cancelled", Decimal(0))
    ]


def test_every_dbt_unit_test_of_purchasing_passes(odd_home: Settings, tmp_path: Path) -> None:
    settings = copied(odd_home, tmp_path)
    rooms = ("marts/purchasing", "marts/core", "intermediate/purchasing")
    chosen = [f"test_type:unit,path:models/{room}" for room in rooms]
    invoke(settings, dbt_arguments(settings, "test", "--select", *chosen))


def test_an_empty_warehouse_gives_empty_marts_and_a_plan(tmp_path: Path) -> None:
    settings = Settings(home=Home(tmp_path / "home"))
    settings.home.create()
    duckdb.connect(str(settings.home.working_database)).close()
    build(settings, TODAY, tests=True)
    assert rows(settings.home, "select level, completed_lines, planning_mean_days from marts.lead_time") == [
        ("global", 0, 14.0)
    ]
    checks = dict(rows(settings.home, "select check_name, rows from marts.data_quality"))
    assert set(ALL_CHECKS) <= set(checks)
    assert set(checks.values()) == {0}


@pytest.fixture(scope="module")
def medium(
    medium_load: tuple[Home, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, Sandbox]:
    """The medium tenant: 60 suppliers, 18 months."""
    home = Home(tmp_path_factory.mktemp("medium") / "home")
    shutil.copytree(medium_load[0].root, home.root)
    settings = Settings(home=home)
    build(settings, TODAY, tests=True)
    return settings, Sandbox(**MEDIUM)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Sandbox]:
    """The large tenant: 240 suppliers, 16 months; about two minutes of CPU."""
    with Sandbox(size="large", seed=7, today=TODAY) as sandbox:
        settings = sandbox_settings(
            Home(tmp_path_factory.mktemp("large") / "home"), sandbox, resources=RESOURCES
        )
        read(settings)
    build(settings, TODAY, tests=True)
    return settings, sandbox


LARGE = pytest.param(
    "large",
    marks=pytest.mark.skipif(
        os.environ.get("OMNIUM_SOAK") != "1", reason="two minutes of CPU: OMNIUM_SOAK=1 runs it"
    ),
)


@pytest.mark.parametrize("size", ["medium", LARGE])
def test_measured_lead_times_agree_with_the_truth(request: pytest.FixtureRequest, size: str) -> None:
    """Standardised errors of every supplier with 50 complete lines, beside those of what came so far."""
    settings, sandbox = request.getfixturevalue(size)
    measured = rows(
        settings.home,
        "select supplier_id, completed_lines, mean_days, p50_days, p90_days, came.* exclude (supplier_id)"
        " from marts.lead_time inner join ("
        "   select supplier_id, avg(full_receipt_days), quantile_disc(full_receipt_days, 0.5),"
        "   quantile_disc(full_receipt_days, 0.9) from marts.fct_purchase_order_line"
        "   where is_complete and not is_transfer and not is_retroactive group by supplier_id"
        " ) as came using (supplier_id) where level = 'supplier' and completed_lines >= 50",
    )
    truths = sandbox.truth.lead_times
    assert len(measured) >= 40
    assert any(truth.sd_days / truth.mean_days > 0.8 for truth in truths.values())
    ours: dict[str, list[float]] = {"mean": [], "median": [], "p90": []}
    plain: dict[str, list[float]] = {"mean": [], "median": [], "p90": []}
    for name, lines, mean, p50, p90, came_mean, came_p50, came_p90 in measured:
        truth = truths[name]
        standard_error = truth.sd_days / lines**0.5
        ours["mean"].append((mean - truth.mean_days) / standard_error)
        plain["mean"].append((float(came_mean) - truth.mean_days) / standard_error)
        for label, share, day, came_day in (("median", 0.5, p50, came_p50), ("p90", 0.9, p90, came_p90)):
            standard_error = quantile_error(truth, share, lines)
            assert day is not None, (name, label)
            ours[label].append((day - truth.quantile(share)) / standard_error)
            plain[label].append((came_day - truth.quantile(share)) / standard_error)
    for label, errors in ours.items():
        assert abs(average(errors)) <= 0.3, (label, average(errors))
        inside = sum(abs(error) <= 2.5 for error in errors) / len(errors)
        assert inside >= 0.95, (label, inside, sorted(errors))
        # What came so far is the quicker part: the same suppliers, the same lines, without the open ones.
        assert average(plain[label]) < average(errors) - 0.2, (label, average(plain[label]), average(errors))
    # Supplier by supplier, too; where hardly anything is open the two differ by chance, and where what is open is
    # younger than the quickest arrival they are the same, but for the six decimals of the mart.
    assert sum(float(one[5]) <= one[2] + 1e-6 for one in measured) >= 0.9 * len(measured)


def quantile_error(truth: LeadTimeTruth, share: float, lines: int) -> float:
    """Standard error in days of the sample quantile of so many lines, exact for whole days.

    It is at most t when Binomial(lines, F(t)) reaches lines · share. A twelfth of a day's square is added
    for the rounding to whole days, without which a supplier of one lead time would have no error at all.
    """
    from scipy.stats import binom  # here, as the quick tests would import it for nothing

    arrived = numpy.clip(numpy.cumsum(truth.overall.probability), 0, 1)
    reached = binom.sf(math.ceil(lines * share - 1e-9) - 1, lines, arrived)
    chance = numpy.diff(reached, prepend=0.0)
    days = numpy.arange(len(chance))
    variance = float(chance @ days**2 - (chance @ days) ** 2)
    return math.sqrt(variance + 1 / 12)


def average(values: list[float]) -> float:
    """The plain average."""
    return sum(values) / len(values)


@pytest.mark.parametrize("size", ["medium", LARGE])
def test_drifting_suppliers_are_flagged(request: pytest.FixtureRequest, size: str) -> None:
    settings, sandbox = request.getfixturevalue(size)
    flagged = dict(rows(settings.home, "select supplier_id, is_actionable from marts.lead_time_policy"))
    drifting = [name for name, truth in sandbox.truth.lead_times.items() if truth.kind == "drifting"]
    assert drifting
    assert all(flagged[name] for name in drifting)


def expected_drift(settings: Settings, truth: LeadTimeTruth) -> tuple[float, float]:
    """Recent less earlier mean days that this supplier's orders should show, and the standard error of that.

    An order counts with its days, or with its age where it is still open: with the lesser of the two. That and the
    half-life of 60 days make it less than the truth's days now less those before: 30 % of the mean are 26 %.
    """
    kept = f"not is_transfer and supplier_id = '{truth.supplier_id}'"
    observations = rows(
        settings.home,
        "select distinct order_date, duration_days from intermediate.int_lead_time_observations"
        f" where (is_received or is_open) and {kept} and date '{TODAY}' - order_date >= ("
        "   select quantile_disc(duration_days, 0.5) from intermediate.int_lead_time_observations"
        f"  where is_received and {kept})",
    )
    ages = numpy.array([(TODAY - order_date).days for order_date, _ in observations])
    recency = 0.5 ** (ages / 60)
    weights = recency / recency.sum() - (1 - recency) / (1 - recency).sum()
    expected = variance = 0.0
    for weight, age, (order_date, _) in zip(weights, ages, observations, strict=True):
        probability = truth.on(order_date).probability
        days = numpy.minimum(numpy.arange(len(probability)), age)
        mean = days @ probability
        expected += weight * mean
        variance += weight**2 * ((days - mean) ** 2 @ probability)
    return float(expected), math.sqrt(variance)


@pytest.mark.parametrize("size", ["medium", LARGE])
def test_planning_follows_what_drifting_suppliers_take_now(request: pytest.FixtureRequest, size: str) -> None:
    """The half-life of 60 days: drifting suppliers are told from others, and their mean is today's within 6 %."""
    settings, sandbox = request.getfixturevalue(size)
    truths = sandbox.truth.lead_times
    errors: dict[bool, list[float]] = {True: [], False: []}
    of_all_orders: list[float] = []
    drifts: list[float] = []
    for name, mean, recent_mean, is_drifting, drift_days in rows(
        settings.home,
        "select supplier_id, mean_days, lead_time.recent_mean_days, is_drifting, drift_days"
        " from marts.lead_time inner join marts.lead_time_policy using (supplier_id)"
        " where level = 'supplier' and lead_time.observations >= 50",
    ):
        truth = truths[name]
        today = truth.on(TODAY).mean_days
        errors[truth.kind == "drifting"].append(recent_mean / today - 1)
        if truth.kind == "drifting":
            assert is_drifting, name
            expected, standard_error = expected_drift(settings, truth)
            assert abs(drift_days - expected) <= 3 * standard_error, (name, drift_days, expected)
            drifts.append(drift_days / mean)
            of_all_orders.append(mean / today - 1)
        elif is_drifting:
            errors[False].append(math.nan)
    assert len(errors[True]) >= 7
    assert average(drifts) > 0.2
    assert math.sqrt(average([error**2 for error in errors[True]])) <= 0.06
    assert math.sqrt(average([error**2 for error in of_all_orders])) >= 0.2
    false_alarms = sum(math.isnan(error) for error in errors[False])
    assert false_alarms <= 0.02 * len(errors[False])
    assert math.sqrt(average([error**2 for error in errors[False] if not math.isnan(error)])) <= 0.05


def test_the_medium_tenant_adds_up(medium: tuple[Settings, Sandbox]) -> None:
    """A tenth of the orders is open; every unit that its orders say was delivered was received."""
    settings, sandbox = medium
    ((orders, still_open),) = rows(
        settings.home,
        "select count(distinct purchase_order_id),"
        " count(distinct purchase_order_id) filter (open_quantity > 0)"
        " from marts.fct_purchase_order_line where not is_transfer",
    )
    assert 0.05 <= still_open / orders <= 0.15
    delivered = sum(
        Decimal(str(one.get("deliveredQuantity", 0)))
        for order in sandbox.tenant.rows("purchase_orders")
        for one in order["purchaseOrderForm"]["lineItems"]
    )
    assert rows(settings.home, "select sum(received_quantity) from marts.fct_purchase_order_line") == [
        (delivered,)
    ]


def test_reliable_suppliers_are_rarely_flagged(tmp_path: Path) -> None:
    """20 tenants in one: the ids carry the seed."""
    kinds: dict[str, str] = {}
    with Sandbox(size="empty") as together:
        for seed in range(20):
            alone = Sandbox(size="small", seed=seed, today=TODAY)
            names = ("id", "supplierId", "purchaseOrderId", "objectId")
            for resource in ("suppliers", "purchase_orders", "inventory_transactions"):
                for row in alone.tenant.rows(resource):
                    marked = {
                        name: f"{seed}-{value}" if name in names else value for name, value in row.items()
                    }
                    put(together, resource, marked)
            kinds |= {f"{seed}-{name}": truth.kind for name, truth in alone.truth.lead_times.items()}
        settings = sandbox_settings(
            Home(tmp_path / "home"),
            together,
            resources=("suppliers", "purchase_orders", "inventory_transactions"),
        )
        read(settings)
    build(settings, TODAY, select=("+lead_time_policy",))
    judged = rows(
        settings.home,
        "select supplier_id, is_actionable from marts.lead_time_policy where completed_lines >= 8",
    )
    reliable = [flag for name, flag in judged if kinds.get(name) == "reliable"]
    assert len(reliable) >= 40
    assert sum(reliable) <= 0.05 * len(reliable)


ALL_CHECKS = {
    *ODD,
    "receipt_of_sku_not_ordered",
    "receipt_negative_beyond_received",
    "receipt_without_date",
    "line_without_sku",
    "line_of_unknown_sku",
    "line_without_warehouse",
    "open_beyond_history",
}


def test_a_promise_that_moves_is_remembered(tmp_path: Path) -> None:
    with Sandbox(size="empty") as sandbox:
        put(sandbox, "suppliers", supplier("nordtekstil"))
        put(sandbox, "purchase_orders", order("moving", line("m-1", 10)))
        settings = sandbox_settings(Home(tmp_path / "home"), sandbox, resources=RESOURCES)
        read(settings)
        build(settings, date(2024, 3, 10), select=LINE)
        moved = order("moving", line("m-1", 10, estimatedTimeOfArrival="2024-03-22T00:00:00Z"),
                      modified="2024-03-12T12:00:00Z")  # fmt: skip
        put(sandbox, "purchase_orders", moved)
        put(sandbox, "inventory_transactions", receipt("m", "moving", 10, "2024-03-21"))
        read(replace(settings, full_refresh=True))
    query = ("select promised_date, first_promised_date, promise_slips, is_complete"
             " from marts.fct_purchase_order_line where purchase_order_id = 'moving'")  # fmt: skip
    build(settings, TODAY, select=(*LINE, "+supplier_scorecard"))
    assert rows(settings.home, query) == [(date(2024, 3, 22), date(2024, 3, 15), 1, True)]
    assert rows(
        settings.home,
        "select on_time_share, in_full_share, median_days_late from marts.supplier_scorecard"
        " where period = 'all'",
    ) == [(0.0, 1.0, 6.0)]
    build(settings, date(2024, 3, 11), select=LINE)
    assert rows(settings.home, query) == [(date(2024, 3, 15), date(2024, 3, 15), 0, False)]


def copied(settings: Settings, folder: Path) -> Settings:
    """The same home, for this test alone."""
    home = Home(folder / "home")
    shutil.copytree(settings.home.root, home.root)
    return replace(settings, home=home)


def all_marts(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, in order."""
    tables = rows(
        home, "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    )
    return {table: rows(home, f"from marts.{table} order by all") for (table,) in tables}
