{#
  Reconciles the marts with staging: per purchase order, SKU and warehouse, the quantity received according to the
  transactions (at least 0) equals that of the receipts and that of the order rows.
#}
with staged as (

    select
        transactions.purchase_order_id,
        coalesce(spellings.sku, transactions.sku) as sku,
        coalesce(virtual_locations.physical_warehouse_code, transactions.warehouse_code) as warehouse_code,
        sum(transactions.quantity) as quantity
    from {{ ref('stg_inventory_transactions') }} as transactions
    left join {{ ref('int_virtual_locations') }} as virtual_locations
        on transactions.warehouse_code = virtual_locations.warehouse_code
    left join {{ ref('int_sku_spellings') }} as spellings
        on transactions.sku = spellings.spelling
    where transactions.purchase_order_id is not null
        and transactions.quantity <> 0
        and coalesce({{ local_date('transactions.transacted_at') }}, {{ as_of() }}) <= {{ as_of() }}
    group by
        transactions.purchase_order_id,
        coalesce(spellings.sku, transactions.sku),
        coalesce(virtual_locations.physical_warehouse_code, transactions.warehouse_code)
    -- What was booked in a virtual location may be booked in its physical warehouse a second time.
    having max(case when transactions.is_virtual or virtual_locations.warehouse_code is not null then 1 else 0 end) = 0

),

receipts as (

    select purchase_order_id, sku, warehouse_code, sum(quantity) as quantity
    from {{ ref('fct_purchase_receipt') }}
    group by purchase_order_id, sku, warehouse_code

),

order_rows as (

    select purchase_order_id, sku, warehouse_code, sum(received_quantity) as quantity
    from {{ ref('fct_purchase_order_line') }}
    group by purchase_order_id, sku, warehouse_code

)

select
    order_rows.purchase_order_id,
    order_rows.sku,
    order_rows.warehouse_code,
    staged.quantity as staged_quantity,
    receipts.quantity as receipt_quantity,
    order_rows.quantity as row_quantity
from order_rows
left join staged
    on order_rows.purchase_order_id = staged.purchase_order_id
    and order_rows.sku = staged.sku
    and order_rows.warehouse_code = staged.warehouse_code
left join receipts
    on order_rows.purchase_order_id = receipts.purchase_order_id
    and order_rows.sku = receipts.sku
    and order_rows.warehouse_code = receipts.warehouse_code
where order_rows.quantity <> greatest(0, coalesce(staged.quantity, receipts.quantity, 0))
    or order_rows.quantity <> greatest(0, coalesce(receipts.quantity, 0))
