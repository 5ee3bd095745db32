{{ config(materialized='table') }}

-- One row per SKU and warehouse whose history is replayed: the var('backtest_items') rows of the greatest
-- annual value that are bought from suppliers into that warehouse and sold during the replay. The first day
-- of the replay leaves average_daily_usage_days of history before it, for the policies to learn from.

with period as (
    select
        greatest(
            {{ add_days(as_of(), 1 - var('backtest_days', 180)) }},
            {{ add_days('min(day)', var('average_daily_usage_days')) }}
        ) as first_day
    from {{ ref('fct_stock_and_demand_change') }}
),

purchased as (
    select distinct sku, warehouse_code
    from {{ ref('fct_purchase_order_line') }}
    where not is_transfer
),

sold as (
    select
        changes.sku,
        changes.warehouse_code
    from {{ ref('fct_stock_and_demand_change') }} as changes
    cross join period
    where changes.day >= period.first_day
    group by changes.sku, changes.warehouse_code
    having sum(changes.demand_quantity + changes.transfer_out_quantity) > 0
),

ranked as (
    select
        items.sku,
        items.warehouse_code,
        items.source_id as supplier_id,
        period.first_day,
        cast(items.unit_cost as double precision) * items.rate as unit_cost,
        items.pack,
        items.least_order,
        items.order_interval_days,
        items.review_days,
        items.configured_lead_time_days,
        row_number() over (
            order by profile.annual_value desc nulls last, items.sku, items.warehouse_code
        ) as item_id
    from {{ ref('int_replenishment_quantities') }} as items
    cross join period
    inner join {{ ref('demand_profile') }} as profile
        on profile.sku = items.sku
        and profile.warehouse_code = items.warehouse_code
    inner join purchased
        on purchased.sku = items.sku
        and purchased.warehouse_code = items.warehouse_code
    inner join sold
        on sold.sku = items.sku
        and sold.warehouse_code = items.warehouse_code
    where items.supplier_id is not null
        and items.unit_cost * items.rate > 0
        and period.first_day < {{ as_of() }}
)

select * from ranked
where item_id <= {{ var('backtest_items', 1000) }}
