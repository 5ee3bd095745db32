{{ config(materialized='table') }}

-- One row per SKU and warehouse for which customers wait for a purchase, orders that are not demand included.

select
    -- Who waits for a package waits for its contents.
    coalesce(contents.sku, lines.sku) as sku,
    lines.warehouse_code,
    {{ quantity('sum(lines.open_quantity * coalesce(contents.quantity, 1))') }} as awaiting_purchase
from {{ ref('int_customer_order_lines') }} as lines
left join {{ ref('int_order_line_contents') }} as contents
    on contents.line_row_id = lines.line_row_id
where lines.is_awaiting_purchase_order
    and lines.open_quantity > 0
    and lines.warehouse_code is not null
    -- If the components are lines of their own, these wait instead of the package. Virtual articles are not bought.
    and coalesce(lines.left_out_reason, '') not in ('components are lines', 'virtual product')
    and not coalesce(contents.is_virtual, false)
group by coalesce(contents.sku, lines.sku), lines.warehouse_code
