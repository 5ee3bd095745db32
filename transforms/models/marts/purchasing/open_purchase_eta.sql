with candidates as (

    select * from {{ ref('int_open_purchase_levels') }}

),

-- Rows with the same level and age have the same prospects.
ages as (

    select distinct prospect_key, lead_time_level, level_supplier_id, level_warehouse_code, level_sku, age_days
    from candidates

),

curves as (

    {{ prospect_curves('ages') | indent(4) }}

),

forecasts as (

    select
        prospect_key,
        min(survival_at_age) as survival_at_age,
        min(case when day > age_days and survival <= survival_at_age * 0.5 + 1e-9 then day end) as p50_day,
        min(case when day > age_days and survival <= survival_at_age * 0.1 + 1e-9 then day end) as p90_day,
        min(case when day <= age_days + 7 then survival end) as survival_in_7_days,
        max(case when received > 0 then day end) as longest_days,
        -- Arrivals whose weight is 0 do not count as seen, so that nothing is left of the curve.
        coalesce(max(case when received > 0 then day end) <= min(age_days) or min(survival_at_age) <= 0, true)
            as is_beyond_history
    from curves
    group by prospect_key

)

select
    candidates.purchase_order_id,
    candidates.purchase_order_number,
    candidates.supplier_id,
    candidates.sku,
    candidates.warehouse_code,
    candidates.is_transfer,
    candidates.order_date,
    candidates.promised_date,
    candidates.open_quantity,
    case when forecasts.prospect_key is not null then candidates.lead_time_level end as lead_time_level,
    candidates.age_days,
    {{ add_days('candidates.order_date', 'forecasts.p50_day') }} as p50_arrival_date,
    {{ add_days('candidates.order_date', 'forecasts.p90_day') }} as p90_arrival_date,
    case
        when not forecasts.is_beyond_history
        then {{ rounded(
            '1 - coalesce(forecasts.survival_in_7_days, 1) / forecasts.survival_at_age'
        ) }}
    end as probability_within_7_days,
    coalesce({{ add_days('candidates.promised_date', var('late_tolerance_days')) }} < {{ as_of() }}, false) as is_overdue,
    coalesce(forecasts.is_beyond_history, true) as is_beyond_history,
    candidates.prospect_key,
    coalesce(
        nullif(greatest(
            coalesce(forecasts.longest_days, 0),
            coalesce({{ days_between('candidates.order_date', 'candidates.promised_date') }}, 0)
        ), 0),
        {{ whole(var('default_average_lead_time_days')) }}
    ) as longest_days
from candidates
left join forecasts
    on candidates.prospect_key = forecasts.prospect_key
