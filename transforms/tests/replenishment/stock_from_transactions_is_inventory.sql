{{ config(severity='warn') }}

-- The stock computed from transactions equals the inventory row, if there is a transaction and no row changed after the
-- as-of date. It differs for a tenant whose transactions were not all read (load --since).
select
    inventory.sku,
    inventory.warehouse_code,
    inventory.on_hand,
    changes.closing_quantity
from {{ ref('stg_inventory') }} as inventory
inner join {{ ref('fct_stock_and_demand_change') }} as changes
    on changes.sku = inventory.sku
    and changes.warehouse_code = inventory.warehouse_code
where changes.has_stock_record
    and {{ add_days('changes.day', 'changes.run_days') }} > {{ as_of() }}
    and {{ as_of_is_current() }}
    and not inventory.is_virtual
    and inventory.on_hand <> changes.closing_quantity
