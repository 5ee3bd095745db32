"""A published warehouse with a few lines of a proposal, written out literally."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
from omnium_elt.decide.decisions import Decision
from omnium_elt.infra.home import Home
from omnium_elt.warehouse.manifest import Version, stamp

AS_OF = date(2026, 1, 1)
VERSION = Version("r", AS_OF, datetime(2026, 1, 1, 7, tzinfo=UTC))
MARTS = """
    create schema marts;
    create schema omnium;
    create table marts.dim_supplier as
        select * from (values ('sup-1', 'Nord AS'), ('sup-2', 'Sør AS')) as rows (supplier_id, supplier_name);
    create table marts.dim_warehouse as
        select * from (values ('oslo', 'Oslo sentral'), ('bergen', 'Bergen')) as rows (warehouse_code, warehouse_name);
    create table marts.lead_time_policy as
        select * from (values
            ('sup-1', 'Nord AS', 10, 3, false, 12, 6, 12, 18, 16, 0.625, true),
            ('sup-2', 'Sør AS', 10, 3, false, 12, 6, 12, 18, 5, 0.625, false)
        ) as rows (supplier_id, supplier_name, configured_days, configured_margin_days, is_default_configured,
            recommended_lead_time_days, recommended_margin_days, measured_p50_days, measured_p90_days, completed_lines,
            coverage_share, is_actionable);
    create table marts.purchase_proposal as
        select * from (values
            ('sup-1', 'oslo', 'NOK', 'order'), ('sup-2', 'oslo', 'NOK', 'order'), ('sup-2', 'bergen', 'NOK', 'defer')
        ) as rows (supplier_id, warehouse_code, currency, action);
    create table marts.purchase_proposal_line as
        select supplier_id, supplier_name, warehouse_code, currency, line_number, sku, supplier_sku_id, product_name,
            quantity::decimal(18, 4) as quantity, pack_quantity::decimal(18, 4) as pack_quantity,
            (quantity / coalesce(pack_quantity, 1))::decimal(18, 4) as packs,
            unit_cost::decimal(18, 2) as unit_cost, (quantity * unit_cost)::decimal(18, 2) as line_value, action,
            requested_delivery_date
        from (values
            ('sup-1', 'Nord AS', 'oslo', 'NOK', 1, 'A', 'n-a', 'Lampe', 48, 24, 12.5, 'order', date '2026-02-01'),
            ('sup-1', 'Nord AS', 'oslo', 'NOK', 2, 'B', null, 'Stol', 2.5, null, 100, 'order', date '2026-02-03'),
            ('sup-2', 'Sør AS', 'oslo', 'NOK', 1, 'C', null, 'Bord', 1, null, 900, 'order', null),
            ('sup-2', 'Sør AS', 'bergen', 'NOK', 1, 'C', null, 'Bord', 1, null, 900, 'defer', null)
        ) as rows (supplier_id, supplier_name, warehouse_code, currency, line_number, sku, supplier_sku_id,
            product_name, quantity, pack_quantity, unit_cost, action, requested_delivery_date);
    create table omnium._omnium_runs as
        select '20260101T060000Z-0a0a' as run_id, timestamptz '2026-01-01 06:00:00+00' as started_at;
"""


def publish(home: Home) -> None:
    """Publish the lines above, as a run does: Nord's A (48) and B (2.5), Sør's C for Oslo, and one that is deferred."""
    home.create()
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(MARTS)
        stamp(connection, VERSION)


def propose(home: Home, sku: str, **columns: Any) -> None:
    """Let the next run propose something else for an article."""
    with duckdb.connect(str(home.warehouse)) as connection:
        sets = ", ".join(f"{name} = ${name}" for name in columns)
        connection.execute(
            f"update marts.purchase_proposal_line set {sets} where sku = $sku", {"sku": sku, **columns}
        )


def lamp(note: str = "") -> Decision:
    """A decision about Nord's A: ticked, with 72 instead of the proposed 48."""
    return Decision(
        "oslo",
        "A",
        "sup-1",
        "NOK",
        AS_OF,
        Decimal(48),
        is_ticked=True,
        quantity=Decimal(72),
        note=note,
    )
