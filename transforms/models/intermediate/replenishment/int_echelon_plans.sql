{{ config(materialized='table') }}

-- One row per SKU and warehouse that supplies other places, with the demand of these places during its own protection
-- time and their stock. Their demands are assumed to be independent.

with places as (
    select
        places.sku,
        places.place_code as warehouse_code,
        places.warehouse_code as supplying_warehouse_code,
        sources.lead_time_mean_days + sources.review_days as protection_days,
        sources.lead_time_mean_days + sources.review_days + sources.order_interval_days as order_up_to_days
    from {{ ref('int_echelon_places') }} as places
    inner join {{ ref('int_item_lead_times') }} as sources
        on sources.sku = places.sku
        and sources.warehouse_code = places.warehouse_code
),

forecast as (
    {{ demand_forecast_over('places', {'forecast': 'protection_days', 'order_up_to': 'order_up_to_days'}) }}
)

select
    forecast.sku,
    forecast.supplying_warehouse_code as warehouse_code,
    count(*) as supplied_places,
    sum(coalesce(estimates.daily_demand, 0e0)) as daily_demand,
    sum(coalesce(profile.daily_demand_sd * profile.daily_demand_sd, 0e0)) as daily_demand_variance,
    sum(forecast.forecast_mean) as forecast_mean,
    sum(forecast.forecast_variance) as forecast_variance,
    sum(forecast.forecast_promotion) as promotion_demand,
    sum(forecast.order_up_to_mean) as order_up_to_mean,
    sum(coalesce(positions.position, 0)) as position,
    sum(coalesce(positions.draft_order, 0)) as draft_order
from forecast
left join {{ ref('demand_profile') }} as profile
    on profile.sku = forecast.sku
    and profile.warehouse_code = forecast.warehouse_code
left join {{ ref('int_demand_estimates') }} as estimates
    on estimates.sku = forecast.sku
    and estimates.warehouse_code = forecast.warehouse_code
    and estimates.as_of_day = {{ as_of() }}
left join {{ ref('inventory_position') }} as positions
    on positions.sku = forecast.sku
    and positions.warehouse_code = forecast.warehouse_code
group by forecast.sku, forecast.supplying_warehouse_code
