{%- set keys = 'level, supplier_id, warehouse_code, sku' -%}
with curve as (

    select
        lead_time_survival.*,
        lead(day) over (partition by {{ keys }} order by day) as next_day
    from {{ ref('lead_time_survival') }} as lead_time_survival

),

figures as (

    select
        {{ keys }},
        {{ whole('sum(received)') }} as completed_lines,
        {{ whole('sum(still_open)') }} as open_lines,
        {{ whole('sum(observations)') }} as observations,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        {{ survival_mean() }} as mean_days,
        {{ survival_mean_square() }} as mean_square_days,
        {{ survival_quantile(0.5) }} as p50_days,
        {{ survival_quantile(0.8) }} as p80_days,
        {{ survival_quantile(0.9) }} as p90_days,
        {{ survival_quantile(0.95) }} as p95_days,
        min(survival) > 0 as is_tail_truncated,
        {{ survival_mean('recent_survival') }} as recent_mean_days,
        {{ survival_mean_square('recent_survival') }} as recent_mean_square_days,
        {{ survival_quantile(0.5, 'recent_survival') }} as recent_p50_days,
        {{ survival_quantile(0.9, 'recent_survival') }} as recent_p90_days
    from curve
    group by {{ keys }}

),

tenant as (

    select
        {{ real(var('default_average_lead_time_days')) }} as mean_days,
        -- At service level 0.5 (z = 0), the margin says nothing about the standard deviation.
        power(
            coalesce(
                {{ real(var('lead_time_safety_margin_days')) }}
                    / nullif({{ normal_quantile(real(var('service_level'))) }}, 0),
                0
            ),
            2
        ) as variance

),

-- The global level always has a row, so that every key has a parent and planning figures always exist.
measured as (

    select
        {{ keys }},
        completed_lines,
        open_lines,
        observations,
        case when completed_lines > 0 then {{ real('mean_days') }} end as mean_days,
        case
            when completed_lines > 0 then greatest(0, mean_square_days - mean_days * mean_days)
        end as variance,
        case when completed_lines > 0 then {{ real('recent_mean_days') }} end as recent_mean_days,
        case
            when completed_lines > 0
            then greatest(0, recent_mean_square_days - recent_mean_days * recent_mean_days)
        end as recent_variance,
        recent_p50_days,
        recent_p90_days,
        p50_days,
        p80_days,
        p90_days,
        p95_days,
        is_tail_truncated,
        first_order_date,
        last_order_date
    from figures

    union all

    select
        'global', null, null, null, 0, 0, 0, null, null, null, null, null, null, null, null, null, null, true, null, null
    where not exists (select 1 from figures where figures.level = 'global')

),

roots as (

    select
        measured.*,
        coalesce(measured.recent_mean_days, tenant.mean_days) as planning_mean,
        case when measured.observations >= 2 then measured.recent_variance else tenant.variance end as planning_variance
    from measured
    cross join tenant
    where measured.level in ('global', 'transfer')

),

suppliers as (

    {{ shrunk('supplier', 'roots', "parents.level = 'global'") }}

),

supplier_warehouses as (

    {{ shrunk('supplier_warehouse', 'suppliers', 'parents.supplier_id = measured.supplier_id') }}

),

supplier_warehouse_skus as (

    {{ shrunk('supplier_warehouse_sku', 'supplier_warehouses',
        'parents.supplier_id = measured.supplier_id and parents.warehouse_code = measured.warehouse_code') }}

),

transfer_routes as (

    {{ shrunk('transfer_route', 'roots', "parents.level = 'transfer'") }}

),

planned as (

    select * from roots

    union all

    select * from suppliers

    union all

    select * from supplier_warehouses

    union all

    select * from supplier_warehouse_skus

    union all

    select * from transfer_routes

)

select
    level,
    supplier_id,
    warehouse_code,
    sku,
    completed_lines,
    open_lines,
    observations,
    {{ rounded('mean_days') }} as mean_days,
    {{ rounded('sqrt(variance)') }} as sd_days,
    p50_days,
    p80_days,
    p90_days,
    p95_days,
    is_tail_truncated,
    {{ rounded('recent_mean_days') }} as recent_mean_days,
    {{ rounded('sqrt(recent_variance)') }} as recent_sd_days,
    recent_p50_days,
    recent_p90_days,
    {{ rounded('planning_mean') }} as planning_mean_days,
    {{ rounded('sqrt(planning_variance)') }} as planning_sd_days,
    first_order_date,
    last_order_date
from planned
