-- One row per SKU and warehouse that is new: it stands in the inventory since less than the days of the plain usage, and
-- nothing ever happened to it, no order and no transaction.

select
    items.sku,
    items.warehouse_code
from {{ ref('int_stocked_items') }} as items
left join {{ ref('stg_inventory') }} as inventory
    on inventory.sku = items.sku
    and inventory.warehouse_code = items.warehouse_code
    and not inventory.is_virtual
where not exists (
        select 1
        from {{ ref('fct_stock_and_demand_change') }} as changes
        where changes.sku = items.sku
            and changes.warehouse_code = items.warehouse_code
    )
group by items.sku, items.warehouse_code
-- what has been there for long and never was ordered does not sell
having max(coalesce(inventory.created_date, {{ as_of() }})) > {{ add_days(as_of(), -1 * var('average_daily_usage_days')) }}
