{#
  One row per virtual stock location, with the warehouse that holds its goods, according to stock rows and inventory
  transactions. If that warehouse is a virtual location itself, it is the warehouse behind that one.
#}
{{ config(materialized='table') }}

with named as (

    select warehouse_code, physical_warehouse_code
    from {{ ref('stg_inventory') }}
    where is_virtual

    union

    select warehouse_code, physical_warehouse_code
    from {{ ref('stg_inventory_transactions') }}
    where is_virtual

),

locations as (

    select warehouse_code, min(physical_warehouse_code) as physical_warehouse_code
    from named
    where warehouse_code <> physical_warehouse_code
    group by warehouse_code

)

select
    locations.warehouse_code,
    coalesce(
        case when beyond.physical_warehouse_code <> locations.warehouse_code then beyond.physical_warehouse_code end,
        locations.physical_warehouse_code
    ) as physical_warehouse_code
from locations
left join locations as beyond
    on locations.physical_warehouse_code = beyond.warehouse_code
