{#
  One row per SKU on purchase orders, on receipts for them, on customer orders or returns, or in packages, that no product and
  no stock row has, though exactly one of theirs differs from it in capitals and outer blanks only: somebody typed it that way.
#}
{{ config(materialized='table') }}

with known_skus as (

    select sku from {{ ref('dim_product') }}

    union

    select sku from {{ ref('stg_inventory') }} where sku is not null

),

written as (

    select sku from {{ ref('stg_purchase_order_lines') }} where sku is not null

    union

    select sku
    from {{ ref('stg_inventory_transactions') }}
    where purchase_order_id is not null and sku is not null

    union

    select sku from {{ ref('stg_order_lines') }} where sku is not null

    union

    select sku from {{ ref('stg_order_shipment_lines') }} where sku is not null

    union

    select sku from {{ ref('stg_return_lines') }} where sku is not null

    union

    select component_sku from {{ ref('stg_product_components') }} where component_sku is not null

    union

    select sku from {{ ref('stg_order_line_components') }} where sku is not null

    union

    select sku from {{ ref('stg_return_line_components') }} where sku is not null

),

unknown as (

    select written.sku
    from written
    left join known_skus
        on written.sku = known_skus.sku
    where known_skus.sku is null

)

select
    unknown.sku as spelling,
    min(known_skus.sku) as sku
from unknown
inner join known_skus
    on lower(trim(unknown.sku)) = lower(trim(known_skus.sku))
group by unknown.sku
having count(*) = 1
