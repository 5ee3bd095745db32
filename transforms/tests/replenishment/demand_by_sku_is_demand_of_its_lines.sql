-- For SKUs that are part of no package, the demand in the mart equals that of their order lines.
with lines as (
    select
        lines.sku,
        lines.warehouse_code,
        lines.order_date as day,
        sum(lines.demand_quantity) as quantity
    from {{ ref('int_customer_order_lines') }} as lines
    where not lines.is_package and lines.warehouse_code is not null and lines.demand_quantity > 0
    group by lines.sku, lines.warehouse_code, lines.order_date
),

-- What packages add.
parts as (
    select component_sku as sku from {{ ref('int_package_components') }}
    union
    select sku from {{ ref('int_order_line_contents') }}
),

mart as (
    select sku, warehouse_code, day, demand_quantity as quantity
    from {{ ref('fct_stock_and_demand_change') }}
    where demand_quantity > 0
)

select
    coalesce(lines.sku, mart.sku) as sku,
    coalesce(lines.warehouse_code, mart.warehouse_code) as warehouse_code,
    coalesce(lines.day, mart.day) as day,
    lines.quantity as line_quantity,
    mart.quantity as mart_quantity
from lines
full outer join mart
    on mart.sku = lines.sku
    and mart.warehouse_code = lines.warehouse_code
    and mart.day = lines.day
where coalesce(lines.quantity, 0) <> coalesce(mart.quantity, 0)
    and coalesce(lines.sku, mart.sku) not in (select sku from parts where sku is not null)
