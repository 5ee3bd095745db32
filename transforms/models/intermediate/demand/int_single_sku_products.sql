-- One row per product with a single SKU. A component that names only the product means that SKU.
select
    product_id,
    min(sku) as sku
from {{ ref('dim_product') }}
where product_id is not null
group by product_id
having count(*) = 1
