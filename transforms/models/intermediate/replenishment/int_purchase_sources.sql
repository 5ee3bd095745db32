-- One row per SKU, with the supplier it is bought from: the primary one if the tenant returns it, else the first
-- additional supplier that the tenant returns, the variant's own before the product's.

with suppliers as (
    select supplier_id, omnium_store_id from {{ ref('stg_suppliers') }}
),

alternatives as (
    select
        products.sku,
        additional.supplier_id,
        additional.supplier_sku_id,
        row_number() over (
            partition by products.sku
            order by
                case when additional.owner_key = products.variant_key then 0 else 1 end,
                additional.list_index,
                additional.supplier_id
        ) as preference
    from {{ ref('dim_product') }} as products
    inner join {{ ref('stg_product_suppliers') }} as additional
        on additional.product_key = products.product_key
        and additional.owner_key in (products.product_key, products.variant_key)
    inner join suppliers
        on suppliers.supplier_id = additional.supplier_id
)

select
    products.sku,
    products.supplier_id as primary_supplier_id,
    case
        when suppliers.supplier_id is null and alternatives.supplier_id is not null then alternatives.supplier_id
        else products.supplier_id
    end as supplier_id,
    case
        when suppliers.supplier_id is null and alternatives.supplier_id is not null then alternatives.supplier_sku_id
        else products.supplier_sku_id
    end as supplier_sku_id,
    suppliers.supplier_id is not null or alternatives.supplier_id is not null as is_supplier_known,
    suppliers.supplier_id is null and alternatives.supplier_id is not null as is_stand_in,
    suppliers.omnium_store_id,
    alternatives.supplier_id as alternative_supplier_id,
    alternatives.supplier_sku_id as alternative_supplier_sku_id
from {{ ref('dim_product') }} as products
left join suppliers
    on suppliers.supplier_id = products.supplier_id
left join alternatives
    on alternatives.sku = products.sku
    and alternatives.preference = 1
