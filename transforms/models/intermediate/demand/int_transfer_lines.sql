-- One row per line of a placed internal transfer, with the own warehouse that sends it and the quantity that still has
-- no delivery (the stock of that warehouse falls only with the delivery). Which orders are placed, and what is still open,
-- is what fct_purchase_order_line says, so that the sender does not keep what the receiver no longer expects.

with lines as (
    select
        states.purchase_order_id,
        states.purchase_order_line_id,
        states.sku,
        order_rows.supplying_warehouse_code as from_warehouse_code,
        states.warehouse_code as to_warehouse_code,
        states.promised_date,
        order_rows.order_date,
        order_rows.open_quantity,
        greatest(0, states.ordered_quantity - states.canceled_quantity) as net_quantity,
        case
            when states.delivery_id is null or {{ local_date('deliveries.created_at') }} > {{ as_of() }}
                then greatest(0, states.ordered_quantity - states.canceled_quantity - states.delivered_quantity)
            else 0
        end as undelivered_quantity
    from {{ ref('fct_purchase_order_line') }} as order_rows
    inner join {{ ref('int_purchase_order_line_states') }} as states
        -- As same_order_row, but the receiving warehouse may be unknown.
        on states.purchase_order_id = order_rows.purchase_order_id
        and states.sku = order_rows.sku
        and {{ is_same('states.warehouse_code', 'order_rows.warehouse_code') }}
        and {{ is_same('states.promised_date', 'order_rows.promised_date') }}
    left join {{ ref('stg_deliveries') }} as deliveries
        on deliveries.delivery_id = states.delivery_id
    where order_rows.is_transfer
        and order_rows.stage in ('placed', 'done')
),

running as (
    select
        *,
        sum(undelivered_quantity) over (
            partition by purchase_order_id, sku, to_warehouse_code, promised_date
            order by purchase_order_line_id
            rows between unbounded preceding and current row
        ) as undelivered_through
    from lines
)

select
    purchase_order_id,
    purchase_order_line_id,
    sku,
    from_warehouse_code,
    to_warehouse_code,
    order_date,
    net_quantity,
    {{ quantity('greatest(0, least(undelivered_through, open_quantity) - (undelivered_through - undelivered_quantity))') }}
        as pending_quantity
from running
