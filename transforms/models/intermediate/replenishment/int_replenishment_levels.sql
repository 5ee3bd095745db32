-- One row per SKU and warehouse: from what stock on to order, and up to what.

with bell as (
    select
        *,
        lead_time_mean_days + review_days as protection_days,
        daily_demand * (lead_time_mean_days + review_days) as expected_demand,
        (lead_time_mean_days + review_days) * daily_demand_sd * daily_demand_sd
            + daily_demand * daily_demand * lead_time_sd_days * lead_time_sd_days as demand_variance,
        {{ real(var('service_level')) }} as service_level
    from {{ ref('int_replenishment_items') }}
),

measured as (
    select
        *,
        sqrt(demand_variance) as demand_sd,
        -- few units, or none on most days: counted one by one, not by the bell curve
        expected_demand < 10e0 or demand_pattern in ('intermittent', 'lumpy') as is_counted,
        {{ normal_quantile('service_level') }} as service_factor
    from bell
),

reordered as (
    select
        *,
        case
            when is_counted then {{ negative_binomial_quantile('service_level', 'expected_demand', 'demand_variance') }}
            else expected_demand + service_factor * demand_sd
        end as statistical_reorder_point
    from measured
),

levelled as (
    select
        *,
        greatest(statistical_reorder_point, cast(min_quantity as double precision)) as effective_reorder_point,
        statistical_reorder_point + daily_demand * order_interval_days as statistical_order_up_to_level
    from reordered
)

select
    *,
    {{ demand_figure('statistical_reorder_point - expected_demand') }} as safety_stock,
    {{ demand_figure('effective_reorder_point') }} as reorder_point,
    {{ demand_figure('greatest(
        effective_reorder_point,
        case
            when max_quantity > 0 then least(statistical_order_up_to_level, cast(max_quantity as double precision))
            else statistical_order_up_to_level
        end
    )') }} as order_up_to_level
from levelled
