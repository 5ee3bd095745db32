{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and day, the days to learn from included (day_number ≤ 0): what
-- customers and other warehouses took, and on days out of stock what customers would have taken on top, at
-- the average rate of the days in stock (other warehouses wait); and how long an order placed on that day
-- takes.

with grid as (
    select
        *,
        {{ demand_day_offsets('run_days') }} as day_offset
    from {{ ref('int_backtest_stretches') }}
),

days as (
    select
        item_id,
        supplier_id,
        {{ days_between('first_day', add_days('change_day', 'day_offset')) }} + 1 as day_number,
        {{ add_days('change_day', 'day_offset') }} as day,
        cast(case when day_offset = 0 then change_demand else 0 end as double precision) as customer_demand,
        cast(case when day_offset = 0 then change_transfer else 0 end as double precision) as transfer_out,
        cast(case when day_offset = 0 then change_share else carried_share end as double precision) as in_stock_share,
        cast(closing_quantity as double precision) as closing_quantity
    from grid
),

rates as (
    select
        item_id,
        sum(customer_demand) / nullif(sum(in_stock_share), 0e0) as daily_demand
    from days
    where day_number >= 1
    group by item_id
),

-- Received rows of each supplier, in order of their date. The newest are left out: of them only the quick
-- ones have come by now.
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
    select distinct supplier_id, day from days where day_number >= 1
),

places as (
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
    days.item_id,
    days.day_number,
    days.day,
    days.customer_demand,
    days.transfer_out,
    days.customer_demand + days.transfer_out as observed_demand,
    days.in_stock_share,
    days.closing_quantity,
    days.customer_demand + days.transfer_out + (1e0 - days.in_stock_share) * coalesce(rates.daily_demand, 0e0) as demand,
    -- The last five rows before the day take turns, so that articles do not all have the same luck.
    greatest(1, coalesce(received.duration_days, cast(round(cast(tenant.planning_mean_days as decimal(18, 4))) as integer)))
        as lead_time_days
from days
left join rates
    on rates.item_id = days.item_id
left join places
    on places.supplier_id = days.supplier_id
    and places.day = days.day
left join received
    on received.supplier_id = days.supplier_id
    and received.place = greatest(1, places.place - mod(days.item_id, 5))
cross join (select planning_mean_days from {{ ref('lead_time') }} where level = 'global') as tenant
