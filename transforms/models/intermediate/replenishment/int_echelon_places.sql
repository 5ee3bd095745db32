{{ config(materialized='table') }}

-- One row per SKU, supplying warehouse and place that it supplies, directly or through others.

with recursive routes as (
    select sku, warehouse_code, from_warehouse_code from {{ ref('int_transfer_routes') }}

    union

    select sku, warehouse_code, source_id as from_warehouse_code
    from {{ ref('int_item_lead_times') }}
    where is_transfer
),

reached as (
    select sku, from_warehouse_code, warehouse_code, 1 as depth
    from routes

    -- A place that is reached in two ways occurs twice, because Spark supports only union all in recursion.
    union all

    select reached.sku, reached.from_warehouse_code, routes.warehouse_code, reached.depth + 1 as depth
    from reached
    inner join routes
        on routes.sku = reached.sku
        and routes.from_warehouse_code = reached.warehouse_code
    where reached.depth < 5
)

select
    sku,
    from_warehouse_code as warehouse_code,
    warehouse_code as place_code,
    min(depth) as depth
from reached
where from_warehouse_code <> warehouse_code
group by sku, from_warehouse_code, warehouse_code
