{#
  One row per receipt and purchase order row to which a part of it is allocated. Receipts do not name a row, but Omnium
  counts the delivered quantity on each line. In order of time, receipts fill first each row up to its delivered
  quantity (rows by promise) and then what is left of each row's net quantity; any excess goes to the last row. Without
  delivered quantities, that is first in, first out.

  Each row has up to three slots for this. All slots of an order, SKU and warehouse are laid end to end along a line of
  units, and so are its receipts. A receipt fills the slots that it overlaps.
#}
{{ config(materialized='table_by_key') }}

with turns as (

    {%- for turn in range(1, 4) %}
    select {{ turn }} as turn
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

places as (

    select
        order_rows.purchase_order_id,
        order_rows.sku,
        order_rows.warehouse_code,
        order_rows.promised_date,
        order_rows.net_quantity,
        turns.turn,
        case turns.turn
            when 1 then greatest(0, order_rows.delivered_quantity)
            when 2 then greatest(0, order_rows.net_quantity - greatest(0, order_rows.delivered_quantity))
            -- More than all receipts of an order can be.
            else {{ quantity('1000000000000') }}
        end as room
    from {{ ref('int_purchase_order_rows') }} as order_rows
    cross join turns
    where (turns.turn < 3 or order_rows.is_last)
        and {{ of_changed_keys('order_rows.purchase_order_id') }}

),

placed as (

    -- An empty slot would lie inside the receipt that passes it, and would assign the receipt to this row.
    select
        places.*,
        sum(room) over (
            partition by purchase_order_id, sku, warehouse_code
            order by turn, promised_date nulls last
            rows between unbounded preceding and current row
        ) as quantity_through
    from places
    where room > 0

),

receipts as (

    select
        transaction_id,
        purchase_order_id,
        sku,
        warehouse_code,
        received_at,
        received_date,
        quantity_through - kept_quantity as quantity_before,
        quantity_through
    from {{ ref('int_purchase_receipts') }}
    where kept_quantity > 0
        and {{ of_changed_keys('purchase_order_id') }}

),

parts as (

    select
        receipts.transaction_id,
        receipts.purchase_order_id,
        receipts.sku,
        receipts.warehouse_code,
        placed.promised_date,
        placed.net_quantity,
        receipts.received_at,
        receipts.received_date,
        {{ quantity(
            'sum(least(receipts.quantity_through, placed.quantity_through)'
            ~ ' - greatest(receipts.quantity_before, placed.quantity_through - placed.room))'
        ) }} as quantity
    from receipts
    inner join placed
        on receipts.purchase_order_id = placed.purchase_order_id
        and receipts.sku = placed.sku
        and receipts.warehouse_code = placed.warehouse_code
        and receipts.quantity_through > placed.quantity_through - placed.room
        and receipts.quantity_before < placed.quantity_through
    group by
        receipts.transaction_id,
        receipts.purchase_order_id,
        receipts.sku,
        receipts.warehouse_code,
        placed.promised_date,
        placed.net_quantity,
        receipts.received_at,
        receipts.received_date

)

select
    parts.*,
    {{ quantity('sum(quantity) over (
        partition by purchase_order_id, sku, warehouse_code, promised_date
        order by received_at nulls last, transaction_id
        rows between unbounded preceding and current row
    )') }} as running_quantity
from parts
