{#
  One row per receipt and purchase order row that it fills: first in, first out. Both lie on one line,
  the row from `quantity_before` to `quantity_through`, the receipt likewise; a part is where they
  overlap. What comes beyond the order belongs to its last row.
#}
{{ config(materialized='table') }}

with order_rows as (

    select
        purchase_order_id,
        sku,
        warehouse_code,
        promised_date,
        net_quantity,
        quantity_before,
        case when is_last then {{ quantity('99999999999999') }} else quantity_through end as quantity_through
    from {{ ref('int_purchase_order_rows') }}

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

),

parts as (

    select
        receipts.transaction_id,
        receipts.purchase_order_id,
        receipts.sku,
        receipts.warehouse_code,
        order_rows.promised_date,
        order_rows.net_quantity,
        receipts.received_at,
        receipts.received_date,
        {{ quantity(
            'least(receipts.quantity_through, order_rows.quantity_through)'
            ~ ' - greatest(receipts.quantity_before, order_rows.quantity_before)'
        ) }} as quantity
    from receipts
    inner join order_rows
        on receipts.purchase_order_id = order_rows.purchase_order_id
        and receipts.sku = order_rows.sku
        and receipts.warehouse_code = order_rows.warehouse_code
        and receipts.quantity_through > order_rows.quantity_before
        and receipts.quantity_before < order_rows.quantity_through

)

select
    parts.*,
    sum(quantity) over (
        partition by purchase_order_id, sku, warehouse_code, promised_date
        order by received_at, transaction_id
        rows between unbounded preceding and current row
    ) as running_quantity
from parts
