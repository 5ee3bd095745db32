-- No order is deferred past the day on which one of its lines must be ordered, or with a line that has nothing
-- available or customers waiting.
select
    lines.supplier_id,
    lines.warehouse_code,
    lines.sku,
    lines.defer_days,
    lines.order_by_date,
    positions.available,
    positions.awaiting_purchase
from {{ ref('purchase_proposal_line') }} as lines
inner join {{ ref('inventory_position') }} as positions
    on positions.sku = lines.sku
    and positions.warehouse_code = lines.warehouse_code
where lines.action = 'defer'
    and (
        {{ add_days(as_of(), 'lines.defer_days') }} > lines.order_by_date
        or positions.available <= 0
        or positions.awaiting_purchase > 0
    )
