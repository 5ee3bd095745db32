-- One row per SKU and warehouse with open purchase orders or transfers, in either direction.

with incoming as (
    select
        sku,
        warehouse_code,
        open_quantity as on_order,
        case when promised_date < {{ as_of() }} then open_quantity else 0 end as on_order_late,
        0 as draft_order,
        0 as transfer_out_pending
    from {{ ref('fct_purchase_order_line') }}
    where open_quantity > 0

    union all

    select
        states.sku,
        states.warehouse_code,
        0,
        0,
        greatest(
            0,
            coalesce(states.ordered_quantity, 0) - coalesce(states.canceled_quantity, 0)
            - coalesce(states.delivered_quantity, 0)
        ),
        0
    from {{ ref('int_purchase_order_line_states') }} as states
    inner join {{ seed_with(ref('purchase_order_statuses'), 'status', 'stage') }} as statuses
        on statuses.status = lower(states.status)
        and statuses.stage = 'draft'
    where states.sku is not null
        -- A draft with a receipt counts as placed and is part of the query above.
        and not exists (
            select 1
            from {{ ref('fct_purchase_order_line') }} as placed
            where placed.purchase_order_id = states.purchase_order_id
        )

    union all

    select
        sku,
        from_warehouse_code,
        0,
        0,
        0,
        pending_quantity
    from {{ ref('int_transfer_lines') }}
    where pending_quantity > 0
)

select
    sku,
    warehouse_code,
    {{ quantity('sum(on_order)') }} as on_order,
    {{ quantity('sum(on_order_late)') }} as on_order_late,
    {{ quantity('sum(draft_order)') }} as draft_order,
    {{ quantity('sum(transfer_out_pending)') }} as transfer_out_pending
from incoming
where warehouse_code is not null
group by sku, warehouse_code
