{#
  One row per inventory transaction that a purchase order caused at its receiving end, known at the
  as-of date. `kept_quantity` is what of a positive one remains when the negative ones that follow
  have taken back the latest units: with R the running sum of an order's SKU and warehouse, the units
  that remain of everything up to a transaction are the least R from there on.
#}
{{ config(materialized='table') }}

with transactions as (

    select
        transaction_id,
        purchase_order_id,
        sku,
        warehouse_code,
        is_virtual,
        quantity,
        goods_reception_id,
        transacted_at as received_at,
        {{ local_date('transacted_at') }} as received_date
    from {{ ref('stg_inventory_transactions') }}
    where purchase_order_id is not null
        and quantity <> 0

),

orders as (

    select * from {{ ref('int_purchase_orders') }}

),

ordered_rows as (

    select distinct purchase_order_id, sku, warehouse_code
    from {{ ref('int_purchase_order_line_promises') }}

),

receipts as (

    select
        transactions.*,
        orders.supplier_id,
        orders.supplying_warehouse_code,
        coalesce(orders.is_transfer, false) as is_transfer,
        orders.purchase_order_id is not null as is_order_known,
        orders.order_date,
        ordered_rows.purchase_order_id is not null as is_matched
    from transactions
    left join orders
        on transactions.purchase_order_id = orders.purchase_order_id
    left join ordered_rows
        on transactions.purchase_order_id = ordered_rows.purchase_order_id
        and transactions.sku = ordered_rows.sku
        and transactions.warehouse_code = ordered_rows.warehouse_code
    where (transactions.received_date <= {{ as_of() }} or transactions.received_date is null)
        -- The other end of an internal transfer: stock that leaves.
        and not (
            coalesce(orders.supplying_warehouse_code = transactions.warehouse_code, false)
            and ordered_rows.purchase_order_id is null
        )
        -- The same receipt, shown again in a virtual location of the physical warehouse.
        and not (transactions.is_virtual and ordered_rows.purchase_order_id is null)

),

running as (

    select
        receipts.*,
        sum(quantity) over (
            partition by purchase_order_id, sku, warehouse_code
            order by received_at, transaction_id
            rows between unbounded preceding and current row
        ) as running_quantity
    from receipts

),

remaining as (

    select
        running.*,
        greatest(0, min(running_quantity) over (
            partition by purchase_order_id, sku, warehouse_code
            order by received_at, transaction_id
            rows between current row and unbounded following
        )) as quantity_through
    from running

)

select
    transaction_id,
    purchase_order_id,
    supplier_id,
    supplying_warehouse_code,
    sku,
    warehouse_code,
    is_transfer,
    is_order_known,
    is_matched,
    order_date,
    received_at,
    received_date,
    quantity,
    goods_reception_id,
    {{ quantity('quantity_through') }} as quantity_through,
    {{ quantity('quantity_through - coalesce(lag(quantity_through) over (
        partition by purchase_order_id, sku, warehouse_code
        order by received_at, transaction_id
    ), 0)') }} as kept_quantity
from remaining
