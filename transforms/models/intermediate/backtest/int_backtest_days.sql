{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and day, and one for day 0, the evening before the replay. It has what the
-- customers of its places ordered; what they would have ordered with constant stock (at the rate of the days in stock);
-- what was served (nothing from an empty shelf); the stock at the end of the day; and the lead time of an order placed
-- on that day.

with grid as (
    select
        *,
        {{ demand_day_offsets('run_days') }} as day_offset
    from {{ ref('int_backtest_stretches') }}
),

place_days as (
    select
        item_id,
        place_code,
        {{ days_between('first_day', add_days('day', 'day_offset')) }} + 1 as day_number,
        cast(case when day_offset = 0 then demand_quantity else 0 end as {{ real_type() }}) as ordered,
        cast(case when day_offset = 0 then in_stock_share else carried_share end as {{ real_type() }}) as in_stock_share,
        greatest(0e0, coalesce({{ real('closing_quantity') }}, 0e0)) as stock
    from grid
    where {{ days_between('first_day', add_days('day', 'day_offset')) }} >= -1
),

rates as (
    select
        item_id,
        place_code,
        sum(case when in_stock_share > 0e0 then ordered else 0e0 end) / nullif(sum(in_stock_share), 0e0) as daily_demand
    from place_days
    where day_number >= 1
    group by item_id, place_code
),

seen_days as (
    select
        place_days.item_id,
        place_days.day_number,
        sum(place_days.ordered) as ordered,
        sum(case when place_days.in_stock_share > 0e0 then place_days.ordered else 0e0 end) as served,
        sum(case
            when place_days.in_stock_share > 0e0
                then place_days.ordered + (1e0 - place_days.in_stock_share) * coalesce(rates.daily_demand, 0e0)
            -- An order from an empty shelf is part of the demand estimated for the day.
            else greatest(place_days.ordered, coalesce(rates.daily_demand, 0e0))
        end) as demand,
        sum(place_days.stock) as stock
    from place_days
    left join rates
        on rates.item_id = place_days.item_id
        and rates.place_code = place_days.place_code
    group by place_days.item_id, place_days.day_number
),

offsets as (
    select {{ demand_day_offsets('days') }} as day_number
    from (
        select {{ days_between('min(first_day)', as_of()) }} + 2 as days
        from {{ ref('int_backtest_items') }}
    ) as period
    where days is not null
),

-- Every day of every item, including those before its first record.
item_days as (
    select
        items.item_id,
        items.supplier_id,
        offsets.day_number,
        {{ add_days('items.first_day', 'offsets.day_number - 1') }} as day,
        coalesce(seen_days.ordered, 0e0) as ordered,
        coalesce(seen_days.served, 0e0) as served,
        coalesce(seen_days.demand, 0e0) as demand,
        coalesce(seen_days.stock, 0e0) as stock
    from {{ ref('int_backtest_items') }} as items
    cross join offsets
    left join seen_days
        on seen_days.item_id = items.item_id
        and seen_days.day_number = offsets.day_number
),

-- Received rows of each supplier by order date. The newest orders are left out, because only the quick ones among them
-- have arrived.
received as (
    select
        lines.supplier_id,
        lines.order_date,
        lines.duration_days,
        row_number() over (
            partition by lines.supplier_id
            order by lines.order_date, lines.purchase_order_id, lines.sku, lines.warehouse_code, lines.promised_date
        ) as place
    from {{ ref('fct_purchase_order_line') }} as lines
    cross join (
        select coalesce(max(p95_days), max(planning_mean_days), 0) as days
        from {{ ref('lead_time') }}
        where level = 'global'
    ) as slow
    where not lines.is_transfer
        and (lines.is_complete or lines.is_closed_short)
        and not lines.is_retroactive
        and {{ days_between('lines.order_date', as_of()) }} >= slow.days
),

supplier_days as (
    select distinct supplier_id, day from item_days where day_number >= 1
),

newest as (
    select
        supplier_days.supplier_id,
        supplier_days.day,
        coalesce(max(received.place), 1) as place
    from supplier_days
    left join received
        on received.supplier_id = supplier_days.supplier_id
        and received.order_date <= supplier_days.day
    group by supplier_days.supplier_id, supplier_days.day
)

select
    item_days.item_id,
    item_days.day_number,
    item_days.day,
    item_days.ordered,
    item_days.served,
    item_days.demand,
    item_days.stock,
    -- The five latest rows before the day are used in turn, so that not all articles get the same lead time.
    greatest(1, coalesce(received.duration_days, cast(round(cast(tenant.planning_mean_days as decimal(18, 4))) as integer)))
        as lead_time_days
from item_days
left join newest
    on newest.supplier_id = item_days.supplier_id
    and newest.day = item_days.day
left join received
    on received.supplier_id = newest.supplier_id
    and received.place = greatest(1, newest.place - mod(item_days.item_id, 5))
cross join (select planning_mean_days from {{ ref('lead_time') }} where level = 'global') as tenant
