{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and renewal day, with the expected demand of all of its places by the
-- proposal's forecast and by plain average usage, and the lead times and settings of that day.

with asked as (
    select
        items.item_id,
        places.sku,
        places.place_code as warehouse_code,
        days.refresh,
        days.as_of_day,
        lead_times.mean_days + items.review_days as forecast_days,
        lead_times.mean_days + items.review_days + settings.order_interval_days as order_up_to_days
    from {{ ref('int_backtest_items') }} as items
    inner join {{ ref('int_backtest_places') }} as places
        on places.item_id = items.item_id
    cross join {{ ref('int_backtest_as_of_days') }} as days
    inner join {{ ref('int_backtest_lead_times') }} as lead_times
        on lead_times.item_id = items.item_id
        and lead_times.refresh = days.refresh
    inner join {{ ref('int_backtest_settings') }} as settings
        on settings.item_id = items.item_id
        and settings.refresh = days.refresh
),

forecast as (
    {{ demand_forecast_over(
        'asked', {'forecast': 'forecast_days', 'order_up_to': 'order_up_to_days'}, estimates=ref('int_backtest_estimates'),
        seasons=ref('int_backtest_seasons'), weekdays=ref('int_backtest_weekdays'),
    ) }}
),

summed as (
    select
        item_id,
        refresh,
        sum(forecast_mean) as expected_demand,
        sum(forecast_variance) as total_forecast_variance,
        sum(order_up_to_mean - forecast_mean) as order_interval_demand
    from forecast
    group by item_id, refresh
),

-- Omnium's average usage: what was ordered in the last average_daily_usage_days, divided by their number.
plain as (
    select
        places.item_id,
        days.refresh,
        sum(changes.demand_quantity) * 1e0 / {{ var('average_daily_usage_days') }} as daily_demand_naive
    from {{ ref('int_backtest_places') }} as places
    inner join {{ ref('fct_stock_and_demand_change') }} as changes
        on changes.sku = places.sku
        and changes.warehouse_code = places.place_code
    inner join {{ ref('int_backtest_as_of_days') }} as days
        on changes.day <= days.as_of_day
        and changes.day > {{ add_days('days.as_of_day', -1 * var('average_daily_usage_days')) }}
    where changes.demand_quantity > 0
    group by places.item_id, days.refresh
)

select
    summed.*,
    coalesce(plain.daily_demand_naive, 0e0) as daily_demand_naive,
    lead_times.mean_days as lead_time_mean_days,
    lead_times.sd_days as lead_time_sd_days,
    settings.configured_lead_time_days,
    settings.order_interval_days
from summed
inner join {{ ref('int_backtest_lead_times') }} as lead_times
    on lead_times.item_id = summed.item_id
    and lead_times.refresh = summed.refresh
inner join {{ ref('int_backtest_settings') }} as settings
    on settings.item_id = summed.item_id
    and settings.refresh = summed.refresh
left join plain
    on plain.item_id = summed.item_id
    and plain.refresh = summed.refresh
