{{ config(materialized='table') }}

-- One row per policy, replayed SKU and warehouse, and day on which the policies look at history again: the
-- reorder point and order-up-to level that the policy would have set on that day.

with policies as (
    {{ backtest_policies() }}
),

refreshes as (
    select distinct cast(floor((day_number - 1) / {{ backtest_refresh_days() }}e0) as integer) as refresh
    from {{ ref('int_backtest_days') }}
    where day_number >= 1
),

learned as (
    select
        days.item_id,
        refreshes.refresh,
        count(*) as days,
        sum(days.customer_demand) as demand,
        sum(days.transfer_out) as transfer_out,
        sum(days.in_stock_share) as in_stock_days,
        sum(case when days.customer_demand > 0e0 then 1 else 0 end) as sales_days,
        coalesce(var_samp(case when days.in_stock_share >= 1e0 then days.customer_demand end), 0e0)
            + coalesce(var_samp(days.transfer_out), 0e0) as variance
    from {{ ref('int_backtest_days') }} as days
    inner join refreshes
        on days.day_number <= refreshes.refresh * {{ backtest_refresh_days() }}
        and days.day_number > refreshes.refresh * {{ backtest_refresh_days() }} - {{ var('average_daily_usage_days') }}
    group by days.item_id, refreshes.refresh
),

rates as (
    select
        items.item_id,
        refreshes.refresh,
        items.order_interval_days,
        items.review_days,
        items.configured_lead_time_days,
        lead_times.mean_days as lead_time_days,
        lead_times.variance as lead_time_variance,
        coalesce(learned.demand / nullif(learned.in_stock_days, 0e0), 0e0)
            + coalesce(learned.transfer_out / learned.days, 0e0) as daily_demand,
        coalesce((learned.demand + learned.transfer_out) / learned.days, 0e0) as daily_demand_naive,
        coalesce(learned.variance, 0e0) as daily_variance,
        learned.in_stock_days >= 1.32e0 * learned.sales_days as is_intermittent
    from {{ ref('int_backtest_items') }} as items
    cross join refreshes
    inner join {{ ref('int_backtest_lead_times') }} as lead_times
        on lead_times.supplier_id = items.supplier_id
        and lead_times.refresh = refreshes.refresh
    left join learned
        on learned.item_id = items.item_id
        and learned.refresh = refreshes.refresh
),

planned as (
    select
        policies.policy,
        policies.kind,
        policies.added_days,
        policies.service_level,
        rates.*,
        rates.daily_demand * (rates.lead_time_days + rates.review_days) as expected_demand,
        (rates.lead_time_days + rates.review_days) * rates.daily_variance
            + rates.daily_demand * rates.daily_demand * rates.lead_time_variance as demand_variance,
        {{ normal_quantile('policies.service_level') }} as service_factor
    from rates
    cross join policies
),

reordered as (
    select
        policy,
        item_id,
        refresh,
        case
            when kind = 'omnium' then daily_demand_naive * (configured_lead_time_days + added_days)
            when expected_demand < 10e0 or is_intermittent
                then {{ negative_binomial_quantile('service_level', 'expected_demand', 'demand_variance') }}
            else expected_demand + service_factor * sqrt(demand_variance)
        end as reorder_point,
        (case when kind = 'omnium' then daily_demand_naive else daily_demand end) * order_interval_days as order_quantity
    from planned
)

select
    policy,
    item_id,
    refresh,
    reorder_point,
    reorder_point + order_quantity as order_up_to_level
from reordered
