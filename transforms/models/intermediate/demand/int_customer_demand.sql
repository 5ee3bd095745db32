{{ config(materialized='table') }}

-- One row per SKU, warehouse and day with customer demand. Packages count as their components, of which virtual ones
-- are left out because they have no stock.

select
    coalesce(contents.sku, lines.sku) as sku,
    lines.warehouse_code,
    lines.order_date as day,
    {{ quantity('sum(lines.demand_quantity * coalesce(contents.quantity, 1))') }} as demand_quantity
from {{ ref('int_customer_order_lines') }} as lines
left join {{ ref('int_order_line_contents') }} as contents
    on contents.line_row_id = lines.line_row_id
where lines.demand_quantity > 0
    and lines.warehouse_code is not null
    and not coalesce(contents.is_virtual, false)
group by coalesce(contents.sku, lines.sku), lines.warehouse_code, lines.order_date
