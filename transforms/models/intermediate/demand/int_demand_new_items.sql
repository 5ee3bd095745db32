-- One row per SKU and warehouse that is on offer but has no events yet (no order, no transaction). An article that has
-- been in the inventory for long without stock, an open order or a minimum is not on offer. Its stock has lain there
-- untouched since the inventory row was created.

with items as (
    select
        items.sku,
        items.warehouse_code,
        max(coalesce(inventory.created_date, {{ as_of() }})) > {{ add_days(as_of(), -1 * var('average_daily_usage_days')) }} as is_new,
        max(items.min_quantity) > 0
            or coalesce(max(inventory.on_hand), 0) > 0
            or coalesce(max(incoming.on_order), 0) > 0 as is_stocked,
        min(case when inventory.on_hand > 0 then inventory.created_date end) as untouched_since
    from {{ ref('int_stocked_items') }} as items
    left join {{ ref('stg_inventory') }} as inventory
        on inventory.sku = items.sku
        and inventory.warehouse_code = items.warehouse_code
        and not inventory.is_virtual
    left join {{ ref('int_incoming_stock') }} as incoming
        on incoming.sku = items.sku
        and incoming.warehouse_code = items.warehouse_code
    where not exists (
        select 1
        from {{ ref('fct_stock_and_demand_change') }} as changes
        where changes.sku = items.sku
            and changes.warehouse_code = items.warehouse_code
    )
    group by items.sku, items.warehouse_code
)

select
    sku,
    warehouse_code,
    is_new,
    untouched_since
from items
where is_new or is_stocked
