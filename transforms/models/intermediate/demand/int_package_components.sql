-- One row per package SKU and component SKU that is not a package itself. Packages within packages are resolved five
-- levels deep; a package that contains itself is not followed further. is_package says whether its product calls it a
-- package; a product with components that is not one is opened only if an order line calls it one.

{% set max_depth = 5 %}
{# Separates the SKUs of a path: a character that occurs in no SKU. #}
{% set separator = 'chr(31)' %}

with recursive direct_components as (
    select
        sku,
        is_package,
        component_sku,
        sum(quantity) as quantity
    from (
        select
            products.sku,
            {{ is_package_product('products') }} as is_package,
            {{ component_sku('components.component_sku') }} as component_sku,
            components.quantity
        from {{ ref('dim_product') }} as products
        inner join {{ ref('stg_product_components') }} as components
            on coalesce(components.variant_key, components.product_key)
                = coalesce(products.variant_key, products.product_key)
        {{ component_sku_joins('components.component_sku', 'components.component_product_id') | indent(4) }}
    ) as components
    where component_sku is not null
        and component_sku <> sku
        and quantity > 0
    group by sku, is_package, component_sku
),

exploded as (
    select
        sku,
        is_package,
        component_sku,
        {{ real('quantity') }} as quantity,
        1 as depth,
        cast({{ separator }} || sku || {{ separator }} || component_sku || {{ separator }} as {{ raw_type('text') }}) as path
    from direct_components

    union all

    select
        exploded.sku,
        exploded.is_package,
        direct_components.component_sku,
        exploded.quantity * {{ real('direct_components.quantity') }},
        exploded.depth + 1,
        cast(exploded.path || direct_components.component_sku || {{ separator }} as {{ raw_type('text') }})
    from exploded
    inner join direct_components
        on direct_components.sku = exploded.component_sku
        and direct_components.is_package
    where exploded.depth < {{ max_depth }}
        and position({{ separator }} || direct_components.component_sku || {{ separator }} in exploded.path) = 0
),

opened as (
    select distinct substr(path, 1, length(path) - length(component_sku) - 1) as path
    from exploded
    where depth > 1
)

select
    exploded.sku,
    exploded.is_package,
    exploded.component_sku,
    {{ quantity('sum(exploded.quantity)') }} as quantity
from exploded
left join opened
    on opened.path = exploded.path
where opened.path is null
group by exploded.sku, exploded.is_package, exploded.component_sku
