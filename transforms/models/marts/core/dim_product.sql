{#
  Omnium stores a product once per language (`123_no`, `123_sv`), and a SKU as a product of its own or as a variant of
  one; this table has each SKU once. Fields that a variant leaves empty are its product's. Deleted products keep their
  names because past orders contain them.
#}
{%- set inherited = [
    'supplier_id', 'supplier_sku_id', 'supplier_name', 'supplier_lead_time_days', 'pack_quantity',
    'is_package_break_allowed', 'min_quantity', 'max_quantity', 'status', 'brand', 'main_category_id',
    'main_category_name', 'unit', 'assortment_codes', 'is_active', 'is_virtual', 'is_package', 'is_bundle',
    'is_kit', 'is_backorder', 'is_excluded_from_analytics', 'discontinued_at', 'modified_at',
] -%}
with products as (

    select *, false as is_gone from {{ ref('stg_products') }}

    union all

    select *, true as is_gone from {{ ref('stg_deleted_products') }}

),

variants as (

    select * from {{ ref('stg_product_variants') }}

    union all

    select * from {{ ref('stg_deleted_product_variants') }}

),

products_with_variants as (

    select distinct product_key from variants

),

skus as (

    select
        coalesce(variants.sku_id, variants.product_id, variants.id) as sku,
        products.id as product_row_id,
        coalesce(products.product_id, products.id) as product_id,
        products.language,
        variants.product_key,
        variants.variant_key,
        products.is_gone or products.is_deleted or variants.is_deleted as is_deleted,
        coalesce(variants.product_name, products.product_name) as product_name,
        -- The product's barcode belongs to another article, so a variant does not inherit it.
        variants.gtin,
        case when variants.cost > 0 then variants.cost else products.cost end as cost,
        case when variants.cost > 0 then variants.cost_currency else products.cost_currency end as cost_currency,
        {% for column in inherited -%}
        coalesce(variants.{{ column }}, products.{{ column }}) as {{ column }},
        {% endfor -%}
        1 as preference
    from variants
    inner join products
        on variants.product_key = products.product_key

    union all

    select
        coalesce(products.sku_id, products.product_id, products.id) as sku,
        products.id as product_row_id,
        coalesce(products.product_id, products.id) as product_id,
        products.language,
        products.product_key,
        cast(null as {{ raw_type('text') }}) as variant_key,
        products.is_gone or products.is_deleted as is_deleted,
        products.product_name,
        products.gtin,
        products.cost,
        products.cost_currency,
        {% for column in inherited -%}
        products.{{ column }},
        {% endfor -%}
        2 as preference
    from products
    left join products_with_variants
        on products.product_key = products_with_variants.product_key
    -- A product with variants only groups them, unless it says that it is a SKU itself.
    where products_with_variants.product_key is null or (products.is_sku and products.sku_id is not null)

),

ranked as (

    select
        skus.*,
        row_number() over (
            partition by sku
            order by
                case when is_deleted then 1 else 0 end,
                -- A product that is deactivated in one language only is not deactivated.
                case when coalesce(is_active, true) then 0 else 1 end,
                preference,
                case when supplier_id is null then 1 else 0 end,
                modified_at desc nulls last,
                product_row_id
        ) as choice,
        count(*) over (partition by sku) as product_rows
    from skus
    where sku is not null

)

select
    sku,
    product_id,
    product_name,
    language,
    brand,
    main_category_id,
    main_category_name,
    status,
    unit,
    supplier_id,
    supplier_name,
    supplier_sku_id,
    gtin,
    supplier_lead_time_days,
    pack_quantity,
    coalesce(is_package_break_allowed, false) as is_package_break_allowed,
    min_quantity,
    max_quantity,
    cost,
    cost_currency,
    {{ named_day('discontinued_at') }} as discontinued_date,
    coalesce({{ named_day('discontinued_at') }} <= {{ as_of() }}, false) as is_discontinued,
    coalesce(is_deleted, false) as is_deleted,
    coalesce(is_active, true) as is_active,
    coalesce(is_virtual, false) as is_virtual,
    coalesce(is_package, false) as is_package,
    coalesce(is_bundle, false) as is_bundle,
    coalesce(is_kit, false) as is_kit,
    coalesce(is_backorder, false) as is_backorder,
    coalesce(is_excluded_from_analytics, false) as is_excluded_from_analytics,
    cast(assortment_codes as {{ raw_type('text') }}) as assortment_codes,
    product_key,
    variant_key,
    product_rows
from ranked
where choice = 1
