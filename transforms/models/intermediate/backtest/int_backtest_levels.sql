{{ config(materialized='table') }}

-- One row per policy, replayed SKU and warehouse, and renewal day, with the reorder point and order-up-to level that
-- the policy would have set then; ours come from the macro of the proposal.

with policies as (
    {{ backtest_policies() }}
),

ours as (
    select
        policies.policy,
        policies.service_level,
        forecasts.*,
        items.review_days,
        items.min_quantity,
        items.max_quantity
    from {{ ref('int_backtest_forecasts') }} as forecasts
    inner join {{ ref('int_backtest_items') }} as items
        on items.item_id = forecasts.item_id
    cross join policies
    where policies.kind = 'ours'
),

our_levels as (
    {{ replenishment_levels('ours') }}
),

theirs as (
    select
        policies.policy,
        forecasts.item_id,
        forecasts.refresh,
        -- Rounded like stock, so that a level of exactly 14 does not come out slightly higher on one engine and lower
        -- on another.
        greatest(
            {{ demand_figure('forecasts.daily_demand_naive * (forecasts.configured_lead_time_days + policies.added_days)') }},
            {{ real('items.min_quantity') }}
        ) as reorder_point,
        {{ demand_figure(
            'forecasts.daily_demand_naive * (forecasts.configured_lead_time_days + policies.added_days + forecasts.order_interval_days)'
        ) }} as order_up_to,
        {{ real('items.max_quantity') }} as most
    from {{ ref('int_backtest_forecasts') }} as forecasts
    inner join {{ ref('int_backtest_items') }} as items
        on items.item_id = forecasts.item_id
    cross join policies
    where policies.kind = 'omnium'
)

select policy, item_id, refresh, reorder_point, order_up_to_level
from our_levels

union all

select
    policy,
    item_id,
    refresh,
    reorder_point,
    greatest(reorder_point, case when most > 0e0 then least(order_up_to, most) else order_up_to end) as order_up_to_level
from theirs
