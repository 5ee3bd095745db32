-- One row per product of a single SKU: a component that names the product alone means that SKU.
select
    product_id,
    min(sku) as sku
from {{ ref('dim_product') }}
where product_id is not null
group by product_id
having count(*) = 1
