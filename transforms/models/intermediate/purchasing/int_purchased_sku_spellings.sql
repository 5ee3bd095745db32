{#
  One row per SKU on purchase orders, or on receipts for them, that no product and no stock row has, though exactly one
  of theirs differs from it in capitals only: somebody typed it that way.
#}
{{ config(materialized='table') }}

with known_skus as (

    select sku from {{ ref('dim_product') }}

    union

    select sku from {{ ref('stg_inventory') }} where sku is not null

),

purchased as (

    select sku from {{ ref('stg_purchase_order_lines') }} where sku is not null

    union

    select sku
    from {{ ref('stg_inventory_transactions') }}
    where purchase_order_id is not null and sku is not null

),

unknown as (

    select purchased.sku
    from purchased
    left join known_skus
        on purchased.sku = known_skus.sku
    where known_skus.sku is null

)

select
    unknown.sku as spelling,
    min(known_skus.sku) as sku
from unknown
inner join known_skus
    on lower(unknown.sku) = lower(known_skus.sku)
group by unknown.sku
having count(*) = 1
