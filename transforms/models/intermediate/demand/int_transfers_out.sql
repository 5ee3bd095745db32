{{ config(materialized='table') }}

-- One row per SKU, sending warehouse and day on which internal transfers were ordered from it.

select
    sku,
    from_warehouse_code as warehouse_code,
    order_date as day,
    {{ quantity('sum(net_quantity)') }} as transfer_out_quantity
from {{ ref('int_transfer_lines') }}
where net_quantity > 0
    and order_date is not null
group by sku, from_warehouse_code, order_date
