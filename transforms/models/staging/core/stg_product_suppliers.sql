with source as (

    {{ raw('products__additional_suppliers', {
        'supplier_id': 'text', 'supplier_name': 'text', 'supplier_sku_id': 'text',
    }) }}

),

renamed as (

    select
        -- ids
        _dlt_root_id as product_key,
        nullif(supplier_id, '') as supplier_id,
        supplier_sku_id,

        -- text
        supplier_name,

        -- numerics
        _dlt_list_idx as list_index
    from source

)

select * from renamed
