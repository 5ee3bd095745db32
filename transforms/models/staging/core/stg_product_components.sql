{#
  Components of products and of their variants, which are the second list level of the same resource. Those of products
  that the tenant no longer returns are kept, because sales of a package count as its components.
#}
with product_components as (

    {{ raw('products__components', {
        'component_id': 'text', 'product_id': 'text', 'sku_id': 'text', 'quantity': 'quantity',
        'is_required': 'boolean',
    }, with_deleted=true) }}

),

variant_components as (

    {{ raw('products__variants__components', {
        'component_id': 'text', 'product_id': 'text', 'sku_id': 'text', 'quantity': 'quantity',
        'is_required': 'boolean',
    }, with_deleted=true) }}

),

renamed as (

    select
        -- ids
        _dlt_root_id as product_key,
        cast(null as {{ raw_type('text') }}) as variant_key,
        component_id,
        nullif(sku_id, '') as component_sku,
        product_id as component_product_id,

        -- numerics
        {{ quantity('quantity') }} as quantity,

        -- booleans
        coalesce(is_required, false) as is_required
    from product_components

    union all

    select
        _dlt_root_id as product_key,
        _dlt_parent_id as variant_key,
        component_id,
        nullif(sku_id, '') as component_sku,
        product_id as component_product_id,
        {{ quantity('quantity') }} as quantity,
        coalesce(is_required, false) as is_required
    from variant_components

)

select * from renamed
