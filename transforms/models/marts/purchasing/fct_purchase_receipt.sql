{{ config(materialized='table_by_key') }}

select
    transaction_id,
    purchase_order_id,
    supplier_id,
    sku,
    warehouse_code,
    received_at,
    received_date,
    quantity,
    goods_reception_id,
    {{ days_between('order_date', 'received_date') }} as days_since_order,
    is_transfer,
    is_matched
from {{ ref('int_purchase_receipts') }}
where {{ of_changed_keys('purchase_order_id') }}
