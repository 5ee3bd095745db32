with happened as (
    select
        'what happened' as policy,
        days.item_id,
        count(*) as days,
        sum(days.demand) as demanded,
        sum(days.served) as sold,
        sum(case when days.stock <= 0e0 then 1 else 0 end) as days_out,
        sum(days.stock) as stock_days
    from {{ ref('int_backtest_days') }} as days
    inner join {{ ref('int_backtest_items') }} as items
        on items.item_id = days.item_id
    where days.day_number > items.warm_up_days
    group by days.item_id
),

orders as (
    select
        items.item_id,
        count(distinct lines.purchase_order_id) as orders_placed
    from {{ ref('int_backtest_items') }} as items
    inner join {{ ref('fct_purchase_order_line') }} as lines
        on lines.sku = items.sku
        and lines.warehouse_code = items.warehouse_code
    where lines.order_date >= {{ add_days('items.first_day', 'items.warm_up_days') }}
        and not lines.is_transfer
    group by items.item_id
),

runs as (
    select policy, item_id, days, demanded, sold, days_out, stock_days, orders_placed
    from {{ ref('int_backtest_replays') }}

    union all

    select
        happened.policy, happened.item_id, happened.days, happened.demanded, happened.sold, happened.days_out,
        happened.stock_days, coalesce(orders.orders_placed, 0) as orders_placed
    from happened
    left join orders
        on orders.item_id = happened.item_id
),

valued as (
    select
        runs.policy,
        items.sku,
        items.warehouse_code,
        runs.days,
        runs.demanded,
        runs.sold,
        runs.days_out,
        runs.orders_placed,
        runs.stock_days / runs.days as average_stock,
        runs.stock_days / runs.days * items.unit_cost as average_stock_value,
        (runs.demanded - runs.sold) * items.unit_cost as lost_value,
        runs.demanded * items.unit_cost as demanded_value
    from runs
    inner join {{ ref('int_backtest_items') }} as items
        on items.item_id = runs.item_id
),

leveled as (
    select 'item' as level, valued.*, 1 as items from valued

    union all

    select
        'total' as level,
        policy,
        cast(null as {{ raw_type('text') }}) as sku,
        cast(null as {{ raw_type('text') }}) as warehouse_code,
        max(days) as days,
        sum(demanded) as demanded,
        sum(sold) as sold,
        sum(days_out) as days_out,
        sum(orders_placed) as orders_placed,
        sum(average_stock) as average_stock,
        sum(average_stock_value) as average_stock_value,
        sum(lost_value) as lost_value,
        sum(demanded_value) as demanded_value,
        count(*) as items
    from valued
    group by policy
)

select
    level,
    policy,
    sku,
    warehouse_code,
    cast(items as integer) as items,
    cast(days as integer) as days,
    {{ quantity('demanded') }} as demand_quantity,
    {{ quantity('sold') }} as sold_quantity,
    {{ demand_figure('case when demanded > 0e0 then least(1e0, sold / demanded) end') }} as fill_rate,
    {{ demand_figure('case when demanded_value > 0e0 then greatest(0e0, 1e0 - lost_value / demanded_value) end') }} as value_fill_rate,
    cast(days_out as integer) as stock_out_days,
    {{ quantity('average_stock') }} as average_stock,
    {{ estimated_money('average_stock_value') }} as average_stock_value,
    cast(orders_placed as integer) as orders
from leveled
