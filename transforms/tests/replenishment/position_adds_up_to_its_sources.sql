-- Open purchase orders, drafts, waiting customers and pending transfers are in the positions exactly once.
with sources as (
    select 'on_order' as part, sum(open_quantity) as quantity
    from {{ ref('fct_purchase_order_line') }} as rows_
    left join {{ ref('stg_stores') }} as stores on stores.warehouse_code = rows_.warehouse_code
    where rows_.warehouse_code is not null and rows_.open_quantity > 0 and not coalesce(stores.is_virtual, false)

    union all

    select 'transfer_out_pending' as part, sum(pending_quantity) as quantity
    from {{ ref('int_transfer_lines') }} as lines
    left join {{ ref('stg_stores') }} as stores on stores.warehouse_code = lines.from_warehouse_code
    where lines.from_warehouse_code is not null and not coalesce(stores.is_virtual, false)
),

positions as (
    select 'on_order' as part, sum(on_order) as quantity from {{ ref('inventory_position') }}
    union all
    select 'transfer_out_pending' as part, sum(transfer_out_pending) as quantity from {{ ref('inventory_position') }}
)

select sources.part, sources.quantity as source_quantity, positions.quantity as position_quantity
from sources
inner join positions
    on positions.part = sources.part
where coalesce(sources.quantity, 0) <> coalesce(positions.quantity, 0)
