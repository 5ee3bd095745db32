{{ config(materialized='table') }}

-- One row per SKU and warehouse of which customers wait for a purchase: in orders that are no demand, too.

select
    -- who waits for a package waits for what it contains
    coalesce(contents.sku, lines.sku) as sku,
    lines.warehouse_code,
    {{ quantity('sum(lines.open_quantity * coalesce(contents.quantity, 1))') }} as awaiting_purchase
from {{ ref('int_customer_order_lines') }} as lines
left join {{ ref('int_order_line_contents') }} as contents
    on contents.line_row_id = lines.line_row_id
where lines.is_awaiting_purchase_order
    and lines.open_quantity > 0
    and lines.warehouse_code is not null
    -- of an opened package the components' own lines wait; what is virtual is not bought
    and coalesce(lines.left_out_reason, '') not in ('components are lines', 'virtual product')
    and not coalesce(contents.is_virtual, false)
group by coalesce(contents.sku, lines.sku), lines.warehouse_code
