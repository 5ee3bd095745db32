{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and day on which the policies look at history: the lead time that the proposal
-- would have planned with, of what was known then: Kaplan–Meier at every level, shrunk to the level above, the most
-- specific level that has anything.

{%- set keys = 'refresh, level, supplier_id, warehouse_code, sku' -%}
{%- set text = raw_type('text') %}

with known as (
    select
        days.refresh,
        observations.supplier_id,
        observations.warehouse_code,
        -- of what is not replayed no curve of its own is wanted
        case when items.item_id is not null then observations.sku end as sku,
        observations.order_date,
        least(observations.duration_days, {{ days_between('observations.order_date', 'days.as_of_day') }}) as day,
        observations.is_received
            and observations.duration_days <= {{ days_between('observations.order_date', 'days.as_of_day') }} as is_received
    from {{ ref('int_backtest_as_of_days') }} as days
    inner join {{ ref('int_lead_time_observations') }} as observations
        on observations.order_date <= days.as_of_day
    left join {{ ref('int_backtest_items') }} as items
        on items.supplier_id = observations.supplier_id
        and items.warehouse_code = observations.warehouse_code
        and items.sku = observations.sku
    where not observations.is_transfer
),

counts_of_suppliers as (
    select
        refresh,
        case
            when grouping(warehouse_code) = 1 then 'supplier'
            when grouping(sku) = 1 then 'supplier_warehouse'
            else 'supplier_warehouse_sku'
        end as level,
        supplier_id,
        warehouse_code,
        sku,
        day,
        count(*) as ended,
        count(case when is_received then 1 end) as received,
        -- lines of one truck are one observation
        count(distinct case when is_received then order_date end) as observations
    from known
    group by grouping sets (
        (refresh, supplier_id, day),
        (refresh, supplier_id, warehouse_code, day),
        (refresh, supplier_id, warehouse_code, sku, day)
    )
),

counts as (
    select * from counts_of_suppliers

    union all

    select
        refresh,
        'global' as level,
        cast(null as {{ text }}) as supplier_id,
        cast(null as {{ text }}) as warehouse_code,
        cast(null as {{ text }}) as sku,
        day,
        {{ whole('sum(ended)') }} as ended,
        {{ whole('sum(received)') }} as received,
        {{ whole('sum(observations)') }} as observations
    from counts_of_suppliers
    where level = 'supplier'
    group by refresh, day
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
    where level = 'global'
        or supplier_id in (select supplier_id from {{ ref('int_backtest_items') }})
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
