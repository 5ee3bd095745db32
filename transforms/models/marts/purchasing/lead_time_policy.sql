{%- set is_change = "version_number > 1 and not (" ~ is_same('lead_time_days', 'lead_time_days_before') ~ ")" -%}
with suppliers as (

    select
        supplier_id,
        supplier_name,
        -- Without a lead time of its own, a supplier is planned with the tenant's default; 0 days or less means none.
        case
            when lead_time_days > 0 then lead_time_days
            else {{ var('default_average_lead_time_days') }}
        end as configured_days,
        case
            when safety_margin_days >= 0 then safety_margin_days
            else {{ var('lead_time_safety_margin_days') }}
        end as configured_margin_days,
        coalesce(lead_time_days, 0) <= 0 as is_default_configured
    from {{ ref('dim_supplier') }}
    where not is_internal

),

history as (

    select
        supplier_id,
        -- If a change has no date, the beginning of the current value is unknown.
        case
            when count(case when {{ is_change }} and valid_from is null then 1 end) = 0
                then max(case when {{ is_change }} then valid_from end)
        end as configured_since,
        count(case when {{ is_change }} then 1 end) as configured_changes
    from {{ ref('dim_supplier_history') }}
    group by supplier_id

),

lead_times as (

    select * from {{ ref('lead_time') }} where level = 'supplier'

),

-- S(configured + margin): the share that takes longer than planned.
planned as (

    select
        suppliers.supplier_id,
        min(lead_time_survival.survival) as survival
    from suppliers
    inner join {{ ref('lead_time_survival') }} as lead_time_survival
        on lead_time_survival.level = 'supplier'
        and suppliers.supplier_id = lead_time_survival.supplier_id
        and lead_time_survival.day <= suppliers.configured_days + suppliers.configured_margin_days
    group by suppliers.supplier_id

),

-- The value that arrives from the supplier on an average day of the last year, at cost.
arriving as (

    select
        supplier_id,
        sum({{ worth('received_quantity', 'unit_cost') }}) as received_value,
        -- A new supplier has less than a year of receipts.
        least(365, greatest(30, max({{ days_between('order_date', as_of()) }}))) as days,
        case when count(distinct coalesce(currency, '')) = 1 then min(currency) end as currency
    from {{ ref('fct_purchase_order_line') }}
    where not is_transfer
        and received_quantity > 0
        and {{ days_between('order_date', as_of()) }} < 365
    group by supplier_id

),

joined as (

    select
        suppliers.*,
        history.configured_since,
        coalesce(history.configured_changes, 0) as configured_changes,
        coalesce(lead_times.completed_lines, 0) as completed_lines,
        coalesce(lead_times.observations, 0) as observations,
        lead_times.mean_days as measured_mean_days,
        lead_times.p50_days as measured_p50_days,
        lead_times.p90_days as measured_p90_days,
        case
            when lead_times.completed_lines > 0 then 1 - coalesce(planned.survival, 1)
        end as coverage_share,
        intervals.low_days as median_low_days,
        intervals.high_days as median_high_days,
        lead_times.recent_p50_days,
        lead_times.recent_p90_days,
        drifts.earlier_mean_days,
        drifts.recent_mean_days,
        drifts.drift_days,
        coalesce(drifts.is_drifting, false) as is_drifting,
        arriving.received_value,
        arriving.days,
        arriving.currency
    from suppliers
    left join history
        on suppliers.supplier_id = history.supplier_id
    left join lead_times
        on suppliers.supplier_id = lead_times.supplier_id
    left join planned
        on suppliers.supplier_id = planned.supplier_id
    left join {{ ref('int_lead_time_drifts') }} as drifts
        on suppliers.supplier_id = drifts.supplier_id
        and not drifts.is_transfer
    left join {{ ref('int_lead_time_median_intervals') }} as intervals
        on suppliers.supplier_id = intervals.supplier_id
    left join arriving
        on suppliers.supplier_id = arriving.supplier_id

)

select
    supplier_id,
    supplier_name,
    configured_days,
    configured_margin_days,
    is_default_configured,
    configured_since,
    configured_changes,
    completed_lines,
    observations,
    measured_mean_days,
    measured_p50_days,
    measured_p90_days,
    median_low_days,
    median_high_days,
    {{ rounded('coverage_share') }} as coverage_share,
    earlier_mean_days,
    recent_mean_days,
    drift_days,
    is_drifting,
    -- The recent curve equals that of all orders unless the supplier drifts.
    recent_p50_days as recommended_lead_time_days,
    recent_p90_days - recent_p50_days as recommended_margin_days,
    coalesce(
        observations >= {{ enough_observations() }}
        and (configured_days < median_low_days or configured_days > median_high_days),
        false
    ) as is_actionable,
    case
        when currency is not null
        then {{ money(
            'received_value * (recent_p90_days - configured_days - configured_margin_days) / days'
        ) }}
    end as stock_value_effect,
    currency
from joined
