{# Stores and warehouses of the tenant, and all other codes under which stock or purchases are booked. #}
with stores as (

    select * from {{ ref('stg_stores') }}

),

inventory as (

    select
        warehouse_code,
        min(case when is_virtual then 1 else 0 end) = 1 as is_virtual
    from {{ ref('stg_inventory') }}
    group by warehouse_code

),

codes as (

    select warehouse_code from stores

    union

    select warehouse_code from inventory

    union

    select warehouse_code from {{ ref('stg_inventory_transactions') }}

    union

    select warehouse_code from {{ ref('int_purchase_order_line_promises') }}

)

select
    codes.warehouse_code,
    coalesce(stores.warehouse_name, codes.warehouse_code) as warehouse_name,
    stores.city,
    stores.country_code,
    nullif(trim(coalesce(stores.delivery_street, '') || ' ' || coalesce(stores.delivery_street_number, '')), '') as delivery_street,
    stores.delivery_postal_code,
    stores.delivery_city,
    stores.delivery_country_code,
    virtual_locations.physical_warehouse_code,
    coalesce(stores.is_warehouse, false) as is_warehouse,
    coalesce(stores.is_web_warehouse, false) as is_web_warehouse,
    coalesce(stores.is_primary_warehouse, false) as is_primary_warehouse,
    coalesce(stores.is_virtual, false)
        or coalesce(inventory.is_virtual, false)
        or virtual_locations.warehouse_code is not null as is_virtual,
    coalesce(stores.is_inactive, false) as is_inactive,
    stores.warehouse_code is not null as is_known
from codes
left join stores
    on codes.warehouse_code = stores.warehouse_code
left join inventory
    on codes.warehouse_code = inventory.warehouse_code
left join {{ ref('int_virtual_locations') }} as virtual_locations
    on codes.warehouse_code = virtual_locations.warehouse_code
where codes.warehouse_code is not null
