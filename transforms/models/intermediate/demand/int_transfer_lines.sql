-- One row per line of a placed internal transfer, with the own warehouse that sends it and the quantity that still has
-- no delivery (the stock of that warehouse falls only with the delivery).

with lines as (
    select
        states.purchase_order_id,
        states.purchase_order_line_id,
        states.sku,
        orders.supplying_warehouse_code as from_warehouse_code,
        states.warehouse_code as to_warehouse_code,
        orders.order_date,
        case
            when statuses.stage = 'draft' and states.delivered_quantity > 0 then 'placed'
            else coalesce(statuses.stage, 'placed')
        end as stage,
        greatest(0, coalesce(states.ordered_quantity, 0) - coalesce(states.canceled_quantity, 0)) as net_quantity,
        coalesce(states.delivered_quantity, 0) as delivered_quantity,
        states.delivery_id as delivery_id,
        {{ local_date('deliveries.created_at') }} as delivery_date
    from {{ ref('int_purchase_order_line_states') }} as states
    inner join {{ ref('int_purchase_orders') }} as orders
        on orders.purchase_order_id = states.purchase_order_id
    left join {{ seed_with(ref('purchase_order_statuses'), 'status', 'stage') }} as statuses
        on statuses.status = lower(states.status)
    left join {{ ref('stg_deliveries') }} as deliveries
        on deliveries.delivery_id = states.delivery_id
    where orders.is_transfer
        and states.sku is not null
        and orders.order_date <= {{ as_of() }}
)

select
    *,
    {{ quantity("case
        when stage = 'placed' and (delivery_id is null or delivery_date > " ~ as_of() ~ ")
            then greatest(0, net_quantity - delivered_quantity)
        else 0
    end") }} as pending_quantity
from lines
where stage in ('placed', 'done')
