{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and place whose customers it serves: itself, and the places that it had
-- supplied before the replay began (unless these are replayed themselves). Their stock is replayed as one.

select
    item_id,
    sku,
    warehouse_code as place_code
from {{ ref('int_backtest_items') }}

union

select
    items.item_id,
    items.sku,
    transfers.to_warehouse_code as place_code
from {{ ref('int_backtest_items') }} as items
inner join {{ ref('int_transfer_lines') }} as transfers
    on transfers.sku = items.sku
    and transfers.from_warehouse_code = items.warehouse_code
    and transfers.order_date < items.first_day
where not exists (
    select 1
    from {{ ref('int_backtest_items') }} as others
    where others.sku = transfers.sku
        and others.warehouse_code = transfers.to_warehouse_code
)
