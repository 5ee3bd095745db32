{#
  One row per SKU that no product and no stock row has, but that differs from exactly one of theirs only in capitals and
  in leading or trailing blanks, because somebody typed it that way. The SKUs come from purchase orders, stock
  transactions, customer orders, returns and packages.
#}
{%- set written = [
    ('stg_purchase_order_lines', 'sku'), ('stg_order_lines', 'sku'), ('stg_order_shipment_lines', 'sku'), ('stg_return_lines', 'sku'),
    ('stg_product_components', 'component_sku'), ('stg_order_line_components', 'sku'), ('stg_return_line_components', 'sku'),
] %}
{{ config(materialized='table') }}

with known_skus as (

    select sku from {{ ref('dim_product') }}

    union

    select sku from {{ ref('stg_inventory') }} where sku is not null

),

written as (

    {% for model, column in written -%}
    select {{ column }} as sku from {{ ref(model) }} where {{ column }} is not null

    union

    {% endfor -%}
    select sku
    from {{ ref('stg_inventory_transactions') }}
    where sku is not null

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
