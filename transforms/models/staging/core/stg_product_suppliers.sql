-- Additional suppliers of products and of their variants, which are the second list level of the same resource.
with product_suppliers as (

    {{ raw('products__additional_suppliers', {
        'supplier_id': 'text', 'supplier_name': 'text', 'supplier_sku_id': 'text',
    }) }}

),

variant_suppliers as (

    {{ raw('products__variants__additional_suppliers', {
        'supplier_id': 'text', 'supplier_name': 'text', 'supplier_sku_id': 'text',
    }) }}

),

source as (

    select * from product_suppliers

    union all

    select * from variant_suppliers

),

renamed as (

    select
        -- ids: the row of the product or variant that has the supplier
        _dlt_parent_id as owner_key,
        _dlt_root_id as product_key,
        nullif(supplier_id, '') as supplier_id,
        nullif(supplier_sku_id, '') as supplier_sku_id,

        -- text
        supplier_name,

        -- numerics
        _dlt_list_idx as list_index
    from source

)

select * from renamed
