{{ config(materialized='table') }}

-- The rows of fct_stock_and_demand_change from which the replay learns: those of the replayed SKUs in all places, and
-- those of the 5 · var('backtest_items') SKUs and warehouses with the most rows, with which new articles are compared.
-- For a larger tenant, using all rows would change the result little and take as long as all other models together.

with peers as (
    select sku, warehouse_code
    from (
        select
            changes.sku,
            changes.warehouse_code,
            row_number() over (order by count(*) desc, changes.sku, changes.warehouse_code) as place
        from {{ ref('fct_stock_and_demand_change') }} as changes
        where changes.day < (select min(first_day) from {{ ref('int_backtest_items') }})
        group by changes.sku, changes.warehouse_code
    ) as ranked
    where place <= 5 * {{ var('backtest_items', 1000) }}
),

replayed as (
    select distinct sku from {{ ref('int_backtest_items') }}
)

select changes.*
from {{ ref('fct_stock_and_demand_change') }} as changes
left join replayed
    on replayed.sku = changes.sku
left join peers
    on peers.sku = changes.sku
    and peers.warehouse_code = changes.warehouse_code
where replayed.sku is not null
    or peers.sku is not null
