{#
  Suppliers with the planning parameters in force at the as-of date. A supplier that was deleted or could never be read
  is kept because purchase orders name it.
#}
with suppliers as (

    select * from {{ ref('stg_suppliers') }}

),

in_force as (

    select *
    from {{ ref('int_supplier_versions') }}
    where first_day <= {{ as_of() }}
        and (next_version_day > {{ as_of() }} or next_version_day is null)

),

purchased_from as (

    select
        supplier_id,
        max(supplier_name) as supplier_name
    from {{ ref('int_purchase_orders') }}
    where supplier_id is not null
    group by supplier_id

),

ids as (

    select supplier_id from suppliers

    union

    select supplier_id from in_force

    union

    select supplier_id from purchased_from

)

select
    ids.supplier_id,
    coalesce(suppliers.supplier_name, in_force.supplier_name, purchased_from.supplier_name, ids.supplier_id)
        as supplier_name,
    coalesce(suppliers.omnium_store_id, in_force.omnium_store_id) as omnium_store_id,
    coalesce(suppliers.omnium_store_id, in_force.omnium_store_id) is not null as is_internal,
    coalesce(in_force.currency, suppliers.currency) as currency,
    in_force.lead_time_days,
    in_force.safety_margin_days,
    in_force.order_interval_days,
    in_force.minimum_order_amount,
    in_force.maximum_order_amount,
    in_force.shipment_cost,
    suppliers.payment_terms_days,
    suppliers.incoterms,
    suppliers.supplier_id is null as is_deleted
from ids
left join suppliers
    on ids.supplier_id = suppliers.supplier_id
left join in_force
    on ids.supplier_id = in_force.supplier_id
left join purchased_from
    on ids.supplier_id = purchased_from.supplier_id
