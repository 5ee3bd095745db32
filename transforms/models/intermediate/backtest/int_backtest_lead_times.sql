{{ config(materialized='table') }}

-- One row per supplier and day on which the policies look at history again: the planning lead time that
-- would have been measured on that day, by the same method as lead_time (Kaplan–Meier, shrunk to the mean
-- of all suppliers), from what was known then.

{% set strength = real(var('shrinkage_strength')) %}

with refreshes as (
    select distinct
        cast(floor((day_number - 1) / {{ backtest_refresh_days() }}e0) as integer) as refresh,
        min(day) as known_before
    from {{ ref('int_backtest_days') }}
    where day_number >= 1
    group by cast(floor((day_number - 1) / {{ backtest_refresh_days() }}e0) as integer)
),

known as (
    select
        refreshes.refresh,
        lines.supplier_id,
        {{ days_between('lines.order_date', 'refreshes.known_before') }} as age_days,
        lines.duration_days,
        lines.is_complete or lines.is_closed_short as is_received
    from refreshes
    inner join {{ ref('fct_purchase_order_line') }} as lines
        on lines.order_date < refreshes.known_before
    where not lines.is_transfer
        and not lines.is_retroactive
        and lines.net_quantity > 0
        and lines.duration_days >= 0
        and (lines.is_complete or lines.is_closed_short or lines.open_quantity > 0 or lines.stage = 'cancelled')
),

observed as (
    select
        refresh,
        supplier_id,
        least(duration_days, age_days) as day,
        case when is_received and duration_days < age_days then 1 else 0 end as received
    from known
),

counts as (
    select refresh, supplier_id, day, count(*) as ended, sum(received) as received
    from observed
    where supplier_id is not null
    group by refresh, supplier_id, day

    union all

    select refresh, '' as supplier_id, day, count(*) as ended, sum(received) as received
    from observed
    group by refresh, day
),

curve as (
    select
        curves.*,
        lead(day) over (partition by refresh, supplier_id order by day) as next_day
    from (
        {{ survival_curve('counts', ['refresh', 'supplier_id']) }}
    ) as curves
),

measured as (
    select
        refresh,
        supplier_id,
        sum(received) as lines,
        {{ survival_mean() }} as mean_days,
        greatest(0e0, {{ survival_mean_square() }} - {{ survival_mean() }} * {{ survival_mean() }}) as variance
    from curve
    group by refresh, supplier_id
),

tenant as (
    select
        refreshes.refresh,
        coalesce(case when measured.lines > 0 then measured.mean_days end, {{ var('default_average_lead_time_days') }}) as mean_days,
        coalesce(case when measured.lines > 1 then measured.variance end, 0e0) as variance
    from refreshes
    left join measured
        on measured.refresh = refreshes.refresh
        and measured.supplier_id = ''
)

select
    tenant.refresh,
    suppliers.supplier_id,
    (coalesce(measured.lines * measured.mean_days, 0e0) + {{ strength }} * tenant.mean_days)
        / nullif(coalesce(measured.lines, 0) + {{ strength }}, 0e0) as mean_days,
    case
        when measured.lines >= 2
            then ((measured.lines - 1) * measured.variance + {{ strength }} * tenant.variance)
                / (measured.lines - 1 + {{ strength }})
        else tenant.variance
    end as variance
from tenant
cross join (select distinct supplier_id from {{ ref('int_backtest_items') }}) as suppliers
left join measured
    on measured.refresh = tenant.refresh
    and measured.supplier_id = suppliers.supplier_id
    and measured.lines > 0
