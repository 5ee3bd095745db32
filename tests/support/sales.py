"""A replay of real sales: makes the tables below policy_backtest from sales by article and day alone.

There are no records of stock, so every day counts as in stock. One supplier always delivers after the same number of
days, so that only the demand is compared.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.support.models import dbt, query

MODELS = ("run", "--select", "int_demand_categories", "int_backtest_*", "policy_backtest")

_TABLES = """
create schema omnium;
create schema marts;
create schema intermediate;

create table omnium._dlt_loads as select cast($last_day as timestamptz) as inserted_at;

create table marts.dim_product as
select distinct sku, cast(null as varchar) as main_category_id from sales;

-- The stock of the evening before the replay, which all policies begin with, is what sold in the 45 days before it at
-- the rate of the last 90. (At the rate of each article's own last sales it would be stock of articles that no longer
-- sell, a third of all, which every policy keeps to the end.)
create table marts.fct_stock_and_demand_change as
select
    sku,
    'w' as warehouse_code,
    day,
    cast(lead(day, 1, cast($last_day as date) + 1) over (partition by sku order by day) - day as bigint) as run_days,
    cast(quantity as decimal(18, 4)) as demand_quantity,
    cast(0 as decimal(18, 4)) as transfer_out_quantity,
    cast(1 as decimal(18, 6)) as in_stock_share,
    1e0 as carried_share,
    cast(ceil(coalesce(sum(case
        when day < cast($replay_day as date) and day >= cast($replay_day as date) - 90 then quantity
    end) over (partition by sku), 0) / 2) as decimal(18, 4)) as closing_quantity
from sales;

create table intermediate.int_replenishment_items as
select
    sku, 'w' as warehouse_code, 's' as supplier_id, 's' as source_id, false as is_transfer,
    cast(price as decimal(18, 4)) as unit_cost, 1e0 as rate, cast(null as decimal(18, 4)) as min_quantity,
    cast(null as decimal(18, 4)) as max_quantity, cast(null as decimal(18, 4)) as reorder_min_quantity,
    cast(null as decimal(18, 4)) as pack_quantity, false as is_package_break_allowed,
    cast($interval_days as double) as order_interval_days, 1e0 as review_days, $lead_days as configured_lead_time_days
from (select sku, max(price) as price from sales group by sku);

-- Ten orders of every article, all before its first sale, all after the same number of days.
create table marts.fct_purchase_order_line as
select
    sku || '-' || number as purchase_order_id, 's' as supplier_id, sku, 'w' as warehouse_code, false as is_transfer,
    cast($first_day as date) - 400 + 30 * number as order_date,
    cast($first_day as date) - 386 + 30 * number as promised_date, $lead_days as duration_days,
    true as is_complete, false as is_closed_short, false as is_retroactive
from (select distinct sku from sales) as articles
cross join (select cast(unnest(range(10)) as integer) as number) as numbers;

create table intermediate.int_lead_time_observations as
select
    supplier_id, warehouse_code, sku, false as is_transfer, order_date, duration_days, true as is_received,
    false as is_open, false as is_cancelled
from marts.fct_purchase_order_line;

create table marts.lead_time as
select 'global' as level, cast($lead_days as double) as planning_mean_days, $lead_days as p95_days;

create table marts.dim_supplier_history as
select
    's' as supplier_id, 1 as version_number, cast(null as timestamptz) as valid_from, $lead_days as lead_time_days,
    0 as safety_margin_days, $interval_days as order_interval_days;

create table marts.fct_purchase_receipt (
    sku varchar, warehouse_code varchar, received_date date, days_since_order integer, quantity decimal(18, 4)
);
create table intermediate.int_transfer_lines (
    sku varchar, from_warehouse_code varchar, to_warehouse_code varchar, order_date date
);
"""


def replay_sales(
    folder: Path,
    sales: str,
    *,
    last_day: date,
    lead_days: int,
    replayed_days: int,
    warm_up_days: int = 60,
    interval_days: int = 14,
    **variables: Any,
) -> list[dict[str, Any]]:
    """The totals of policy_backtest, up to and as of `last_day`.

    `sales` is a query that yields sku, day, quantity (units, above 0) and price (of a unit). Orders take `lead_days`,
    both as configured and as measured. `replayed_days` are counted, after `warm_up_days` that are not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"create temp table sales as select * from ({sales}) where day <= ?", [last_day])
        first = connection.execute("select min(day) from sales").fetchone()
        assert first
        given = {
            "last_day": last_day.isoformat(),
            "first_day": first[0].isoformat(),
            "lead_days": lead_days,
            "interval_days": interval_days,
            "replay_day": (last_day - timedelta(days=replayed_days + warm_up_days - 1)).isoformat(),
        }
        variables |= {"backtest_days": replayed_days, "backtest_warm_up_days": warm_up_days}
        for statement in _TABLES.split(";"):
            if statement.strip():
                used = {name: value for name, value in given.items() if f"${name}" in statement}
                connection.execute(statement, used)
    dbt(folder, *MODELS, variables={"as_of_date": last_day.isoformat(), **variables})
    return query(folder, "select * from marts.policy_backtest where level = 'total' order by policy")
