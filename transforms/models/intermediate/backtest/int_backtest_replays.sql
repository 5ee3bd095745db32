{{ config(materialized='table') }}

-- One row per policy and replayed SKU and warehouse, with the result of a day-by-day replay in which the policy places
-- the orders. Each day, what is due arrives; customers take what is there, and the rest of their demand is lost; then
-- the policy orders as the proposal would (its macro applies minimum, maximum and packs), with the supplier's lead time
-- of that time. All policies start with the stock of the evening before the replay and what was on its way then. The
-- warm-up days, on which that start still matters, are not counted.

{#- State and demand of one day, before the policy orders. -#}
{%- set evening %}(
    select
        *,
        least(stock_there, demand) as demand_met,
        stock_there - least(stock_there, demand) as stock_left,
        stock_there - least(stock_there, demand) + on_order_before as position
    from (
        select
            before.policy,
            before.item_id,
            days.day_number,
            days.demand,
            days.lead_time_days,
            before.orders,
            before.demanded,
            before.sold,
            before.days_out,
            before.stock_days,
            before.orders_placed,
            before.stock + before.due as stock_there,
            before.on_order - before.due as on_order_before,
            case when days.day_number > items.warm_up_days then 1 else 0 end as is_counted,
            levels.reorder_point,
            levels.order_up_to_level,
            items.min_quantity,
            items.max_quantity,
            items.reorder_min_quantity,
            items.pack_quantity,
            items.is_package_break_allowed,
            items.review_days as days_between_reviews,
            -- Inputs of the macro that a replay does not know.
            items.supplier_id,
            true as is_supplier_known,
            items.unit_cost,
            0e0 as draft_order,
            0e0 as transfer_in_quantity,
            0e0 as daily_demand_naive,
            0e0 as configured_lead_time_days,
            0e0 as order_interval_days,
            false as is_discontinued,
            false as is_product_inactive,
            false as is_store_inactive,
            false as is_not_purchasable,
            false as is_virtual,
            false as is_package,
            false as is_backorder,
            false as is_stock_unknown
        from (
            select
                *,
                {{ backtest_orders_due('orders', '(day_number + 1)') }} as due
            from replay
        ) as before
        inner join days
            on days.item_id = before.item_id
            and days.day_number = before.day_number + 1
        inner join {{ ref('int_backtest_levels') }} as levels
            on levels.policy = before.policy
            and levels.item_id = before.item_id
            and levels.refresh = cast(floor(before.day_number / {{ real(var('backtest_refresh_days', 7)) }}) as integer)
        inner join {{ ref('int_backtest_items') }} as items
            on items.item_id = before.item_id
    ) as arrived
) as evening{% endset %}

with recursive last_day as (
    select max(day_number) as day_number from {{ ref('int_backtest_days') }}
),

opening as (
    select item_id, stock
    from {{ ref('int_backtest_days') }}
    where day_number = 0
),

arrivals as (
    select
        items.item_id,
        {{ days_between('items.first_day', 'receipts.received_date') }} + 1 as day_number,
        sum({{ real('receipts.quantity') }}) as quantity
    from {{ ref('int_backtest_items') }} as items
    inner join {{ ref('fct_purchase_receipt') }} as receipts
        on receipts.sku = items.sku
        and receipts.warehouse_code = items.warehouse_code
    where receipts.received_date >= items.first_day
        and receipts.days_since_order > {{ days_between('items.first_day', 'receipts.received_date') }}
        and receipts.quantity > 0
    group by items.item_id, {{ days_between('items.first_day', 'receipts.received_date') }} + 1
),

under_way as (
    select
        item_id,
        sum(quantity) as quantity,
        {{ backtest_orders_gather('day_number', 'quantity') }} as orders
    from arrivals
    group by item_id
),

days as (
    select item_id, day_number, demand, lead_time_days
    from {{ ref('int_backtest_days') }}
    where day_number >= 1
),

replay (
    policy, item_id, day_number, stock, on_order, orders, demanded, sold, days_out, stock_days, orders_placed
) {{ backtest_using_key('policy, item_id') }} as (
    select
        levels.policy,
        levels.item_id,
        cast(0 as bigint) as day_number,
        {{ real('coalesce(opening.stock, 0e0)') }} as stock,
        {{ real('coalesce(under_way.quantity, 0e0)') }} as on_order,
        coalesce(under_way.orders, {{ backtest_orders_none() }}) as orders,
        {{ real('0') }} as demanded,
        {{ real('0') }} as sold,
        cast(0 as bigint) as days_out,
        {{ real('0') }} as stock_days,
        cast(0 as bigint) as orders_placed
    from {{ ref('int_backtest_levels') }} as levels
    left join opening
        on opening.item_id = levels.item_id
    left join under_way
        on under_way.item_id = levels.item_id
    where levels.refresh = 0

    union all

    select
        policy,
        item_id,
        cast(day_number as bigint),
        stock_left as stock,
        on_order_before + ordered as on_order,
        {{ backtest_orders_after('orders', 'day_number', 'day_number + lead_time_days', 'ordered') }} as orders,
        demanded + is_counted * demand as demanded,
        sold + is_counted * demand_met as sold,
        days_out + case when stock_left <= 1e-9 then is_counted else 0 end as days_out,
        stock_days + is_counted * stock_left as stock_days,
        orders_placed + case when ordered > 0e0 then is_counted else 0 end as orders_placed
    from (
        select
            *,
            case
                when floor(day_number / days_between_reviews) > floor((day_number - 1) / days_between_reviews)
                    then suggested_quantity
                else 0e0
            end as ordered
        from (
            {{ replenishment_quantities(evening) }}
        ) as reviewed
    ) as decided
)

select
    replay.policy,
    replay.item_id,
    replay.day_number - items.warm_up_days as days,
    replay.demanded,
    replay.sold,
    replay.days_out,
    replay.stock_days,
    replay.orders_placed
from replay
inner join last_day
    on last_day.day_number = replay.day_number
inner join {{ ref('int_backtest_items') }} as items
    on items.item_id = replay.item_id
