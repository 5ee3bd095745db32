{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and renewal day, with the lead time that the proposal would have planned with.
-- It is computed from what was known then: Kaplan–Meier at every level, shrunk towards the level above, from the most
-- specific level with data.

{%- set keys = 'refresh, level, supplier_id, warehouse_code, sku' %}

with item_places as (
    select distinct
        supplier_id,
        warehouse_code
    from {{ ref('int_backtest_items') }}
),

-- A line counts at the levels of its SKU and its warehouse only if these are replayed; for its supplier and globally it
-- always counts.
lines as (
    select
        observations.supplier_id,
        item_places.warehouse_code,
        items.sku,
        observations.order_date,
        observations.duration_days,
        observations.is_received,
        coalesce(observations.supplier_id, '') as supplier_of_line
    from {{ ref('int_lead_time_observations') }} as observations
    left join item_places
        on item_places.supplier_id = observations.supplier_id
        and item_places.warehouse_code = observations.warehouse_code
    left join {{ ref('int_backtest_items') }} as items
        on items.supplier_id = observations.supplier_id
        and items.warehouse_code = observations.warehouse_code
        and items.sku = observations.sku
    where not observations.is_transfer
),

-- Lines with the same order date and duration are equivalent on every renewal day. They are counted before they are
-- joined to those days, because that join over single lines would not fit into memory.
alike as (
    select
        {{ level_of_purchases() }} as level,
        supplier_id,
        warehouse_code,
        sku,
        order_date,
        duration_days,
        is_received,
        count(*) as lines,
        -- The lines of one truck are one observation.
        count(distinct supplier_of_line) as observations
    from lines
    group by grouping sets (
        (order_date, duration_days, is_received),
        (supplier_id, order_date, duration_days, is_received),
        (supplier_id, warehouse_code, order_date, duration_days, is_received),
        (supplier_id, warehouse_code, sku, order_date, duration_days, is_received)
    )
),

first_day as (
    select min(as_of_day) as as_of_day from {{ ref('int_backtest_as_of_days') }}
),

-- A line that ended before the replay has the same duration on all renewal days, whenever it was ordered, so all such
-- lines are dated as if they had ended on the first of these days. The number of rows per day then does not grow with
-- the history.
dated as (
    select
        alike.*,
        case
            when {{ add_days('alike.order_date', 'alike.duration_days') }} < first_day.as_of_day
                then {{ add_days('first_day.as_of_day', '-1 * alike.duration_days') }}
            else alike.order_date
        end as counted_order_date
    from alike
    cross join first_day
),

counted as (
    select
        level,
        supplier_id,
        warehouse_code,
        sku,
        counted_order_date as order_date,
        duration_days,
        is_received,
        sum(lines) as lines,
        sum(observations) as observations
    from dated
    group by level, supplier_id, warehouse_code, sku, counted_order_date, duration_days, is_received
),

known as (
    select
        days.refresh,
        counted.level,
        counted.supplier_id,
        counted.warehouse_code,
        counted.sku,
        least(counted.duration_days, {{ days_between('counted.order_date', 'days.as_of_day') }}) as day,
        counted.is_received
            and counted.duration_days <= {{ days_between('counted.order_date', 'days.as_of_day') }} as is_received,
        counted.lines,
        counted.observations
    from {{ ref('int_backtest_as_of_days') }} as days
    inner join counted
        on counted.order_date <= days.as_of_day
    where counted.level = 'global'
        or (counted.level = 'supplier' and counted.supplier_id in (select supplier_id from item_places))
        or (counted.level = 'supplier_warehouse' and counted.warehouse_code is not null)
        or counted.sku is not null
),

counts as (
    select
        {{ keys }},
        day,
        {{ whole('sum(lines)') }} as ended,
        {{ whole('sum(case when is_received then lines else 0 end)') }} as received,
        {{ whole('sum(case when is_received then observations else 0 end)') }} as observations
    from known
    group by {{ keys }}, day
),

curve as (
    select
        curves.*,
        lead(day) over (partition by {{ keys }} order by day) as next_day
    from (
        {{ survival_curve('counts', ['refresh', 'level', 'supplier_id', 'warehouse_code', 'sku']) }}
    ) as curves
),

figures as (
    select
        {{ keys }},
        sum(received) as completed_lines,
        sum(observations) as observations,
        {{ survival_mean() }} as mean_days,
        {{ survival_mean_square() }} as mean_square_days
    from curve
    group by {{ keys }}
),

measured as (
    select
        refresh, level, supplier_id, warehouse_code, sku, completed_lines, observations,
        case when completed_lines > 0 then {{ real('mean_days') }} end as mean_days,
        case when completed_lines > 0 then greatest(0e0, mean_square_days - mean_days * mean_days) end as variance,
        case when completed_lines > 0 then {{ real('mean_days') }} end as recent_mean_days,
        case when completed_lines > 0 then greatest(0e0, mean_square_days - mean_days * mean_days) end as recent_variance
    from figures
),

roots as (
    select
        days.refresh,
        coalesce(measured.mean_days, {{ real(var('default_average_lead_time_days')) }}) as planning_mean,
        case when measured.observations >= 2 then measured.variance else 0e0 end as planning_variance
    from {{ ref('int_backtest_as_of_days') }} as days
    left join measured
        on measured.refresh = days.refresh
        and measured.level = 'global'
),

suppliers as (
    {{ shrunk('supplier', 'roots', 'parents.refresh = measured.refresh') }}
),

supplier_warehouses as (
    {{ shrunk('supplier_warehouse', 'suppliers',
        'parents.refresh = measured.refresh and parents.supplier_id = measured.supplier_id') }}
),

supplier_warehouse_skus as (
    {{ shrunk('supplier_warehouse_sku', 'supplier_warehouses',
        'parents.refresh = measured.refresh and parents.supplier_id = measured.supplier_id'
        ~ ' and parents.warehouse_code = measured.warehouse_code') }}
)

select
    items.item_id,
    roots.refresh,
    coalesce(
        by_sku.planning_mean, by_warehouse.planning_mean, by_supplier.planning_mean, roots.planning_mean
    ) as mean_days,
    sqrt(coalesce(
        by_sku.planning_variance, by_warehouse.planning_variance, by_supplier.planning_variance, roots.planning_variance
    )) as sd_days
from {{ ref('int_backtest_items') }} as items
cross join roots
left join supplier_warehouse_skus as by_sku
    on by_sku.refresh = roots.refresh
    and by_sku.supplier_id = items.supplier_id
    and by_sku.warehouse_code = items.warehouse_code
    and by_sku.sku = items.sku
left join supplier_warehouses as by_warehouse
    on by_warehouse.refresh = roots.refresh
    and by_warehouse.supplier_id = items.supplier_id
    and by_warehouse.warehouse_code = items.warehouse_code
left join suppliers as by_supplier
    on by_supplier.refresh = roots.refresh
    and by_supplier.supplier_id = items.supplier_id
