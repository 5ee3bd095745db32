"""The figures of the definitions from end to end: rows in a tenant, read over HTTP, built, looked at."""

from datetime import date, datetime, timedelta

import pytest
from omnium_elt.infra.home import Home, Settings
from omnium_sandbox import Sandbox

from tests.support.purchasing import (
    RESOURCES,
    build,
    line,
    order,
    put,
    read,
    receipt,
    rows,
    supplier,
)
from tests.support.tenants import sandbox_settings

pytestmark = pytest.mark.slow  # a load and a whole build

AS_OF = date(2024, 3, 31)


def lines_of(
    sandbox: Sandbox,
    name: str,
    sku: str,
    durations: list[tuple[int, str]],
    *,
    warehouse: str = "oslo",
    first: int = 0,
) -> None:
    """Orders of one line each: `c` complete after so many days, `o` open at that age.

    Each complete one is an observation of its own, placed a day after the one before; `first` days after the first.
    """
    for number, (days, fate) in enumerate(durations):
        order_id = f"{name}-{sku}-{warehouse}-{number}"
        placed = date(2024, 1, 1) + timedelta(days=first + number)
        created = AS_OF - timedelta(days=days) if fate == "o" else placed
        stamp = f"{datetime(created.year, created.month, created.day, 9):%Y-%m-%dT%H:%M:%SZ}"
        put(
            sandbox,
            "purchase_orders",
            order(
                order_id,
                line(f"{order_id}-1", 5, code=sku),
                supplierId=name,
                storeId=warehouse,
                created=stamp,
                modified=stamp,
            ),
        )
        if fate == "c":
            arrived = created + timedelta(days=days)
            put(
                sandbox,
                "inventory_transactions",
                receipt(order_id, order_id, 5, f"{arrived}", variant=sku, warehouseCode=warehouse),
            )


CURVE = [(5, "c"), (7, "c"), (7, "c"), (9, "o"), (10, "c"), (12, "o"), (14, "c"), (20, "o")]
DRIFT = [9, 10, 10, 11, 11, 12, 12, 12, 13, 13, 14, 14, 15, 16, 18, 21]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Figures 2, 3, 12 and 4: suppliers beside each other in one tenant."""
    home = Home(tmp_path_factory.mktemp("figures") / "home")
    with Sandbox(size="empty", today=AS_OF) as sandbox:
        put(sandbox, "suppliers", *(supplier(name) for name in ("curve", "drift", "thin", "truck")))
        lines_of(sandbox, "curve", "a", CURVE)
        lines_of(sandbox, "drift", "b", [(days, "c") for days in DRIFT])
        # Figure 4: 20 lines of mean 12 at the supplier, 6 of mean 13 at the warehouse, 3 of mean 18 of the
        # SKU: 3 · 18 + 3 · 8 = 6 · 13, and 6 · 13 + 14 · x = 20 · 12 for the other warehouse.
        lines_of(sandbox, "thin", "c", [(18, "c")] * 3)
        lines_of(sandbox, "thin", "d", [(8, "c")] * 3, first=3)
        fourteen = [(11, "c")] * 4 + [(12, "c")] * 8 + [(11, "c")] * 2
        lines_of(sandbox, "thin", "d", fourteen, warehouse="bergen", first=6)
        # Case 18: eight lines, ordered on one day, that came on one truck.
        for number in range(8):
            lines_of(sandbox, "truck", f"e{number}", [(30, "c")])
        settings = sandbox_settings(home, sandbox, resources=RESOURCES)
        read(settings)
    build(settings, AS_OF, tests=True)
    return settings


def test_the_curve_of_the_definitions_comes_out(figures: Settings) -> None:
    assert rows(
        figures.home,
        "select day, at_risk, received, survival from marts.lead_time_survival"
        " where level = 'supplier' and supplier_id = 'curve' order by day",
    ) == [
        (5, 8, 1, 0.875),
        (7, 7, 2, 0.625),
        (9, 5, 0, 0.625),
        (10, 4, 1, 0.46875),
        (12, 3, 0, 0.46875),
        (14, 2, 1, 0.234375),
        (20, 1, 0, 0.234375),
    ]
    assert rows(
        figures.home,
        "select completed_lines, open_lines, mean_days, round(sd_days, 5), p50_days, p80_days, p90_days,"
        " is_tail_truncated from marts.lead_time where level = 'supplier' and supplier_id = 'curve'",
    ) == [(5, 3, 11.90625, 5.37854, 10, None, None, True)]


def test_what_has_been_waited_for_nine_days_is_likely_to_come_on_the_fourteenth(figures: Settings) -> None:
    """Figure 3, by the supplier's own curve though other suppliers have more lines."""
    assert rows(
        figures.home,
        "select age_days, order_date + 14, p50_arrival_date, p90_arrival_date, probability_within_7_days,"
        " is_beyond_history from marts.open_purchase_eta where supplier_id = 'curve' order by age_days",
    ) == [
        (9, date(2024, 4, 5), date(2024, 4, 5), None, 0.625, False),
        (12, date(2024, 4, 2), date(2024, 4, 2), None, 0.5, False),
        (20, date(2024, 3, 25), None, None, None, True),
    ]


def test_a_drifting_supplier_is_told_from_its_setting(figures: Settings) -> None:
    assert rows(
        figures.home,
        "select configured_days, configured_margin_days, measured_p50_days, measured_p90_days,"
        " coverage_share, median_low_days, median_high_days, recommended_lead_time_days,"
        " recommended_margin_days, is_actionable from marts.lead_time_policy where supplier_id = 'drift'",
    ) == [(10, 3, 12, 18, 0.625, 11, 15, 12, 6, True)]


def test_lines_of_one_truck_are_one_observation(figures: Settings) -> None:
    """Case 18: no interval, and no recommendation that could be acted on; planning leans on all suppliers."""
    assert rows(
        figures.home,
        "select completed_lines, observations, measured_p50_days, median_low_days, median_high_days, is_actionable"
        " from marts.lead_time_policy where supplier_id = 'truck'",
    ) == [(8, 1, 30, None, None, False)]
    ((overall,),) = rows(
        figures.home, "select planning_mean_days from marts.lead_time where level = 'global'"
    )
    planned = (
        "select planning_mean_days from marts.lead_time where supplier_id = 'truck' and level = 'supplier'"
    )
    assert rows(figures.home, planned) == [(pytest.approx((1 * 30 + 5 * overall) / 6, abs=1e-5),)]


def test_thin_evidence_leans_on_its_parent(figures: Settings) -> None:
    """Figure 4: with κ = 5 each level lies between its own mean and its parent's."""
    ((overall,),) = rows(
        figures.home, "select planning_mean_days from marts.lead_time where level = 'global'"
    )
    supplier_mean = (20 * 12 + 5 * overall) / 25
    warehouse_mean = (6 * 13 + 5 * supplier_mean) / 11
    assert [
        (level, lines, mean, pytest.approx(planned, abs=1e-5))
        for level, lines, mean, planned in [
            ("supplier", 20, 12.0, supplier_mean),
            ("supplier_warehouse", 6, 13.0, warehouse_mean),
            ("supplier_warehouse_sku", 3, 18.0, (3 * 18 + 5 * warehouse_mean) / 8),
        ]
    ] == rows(
        figures.home,
        "select level, observations, mean_days, planning_mean_days from marts.lead_time"
        " where supplier_id = 'thin' and warehouse_code is distinct from 'bergen'"
        " and sku is distinct from 'd' order by level",
    )
