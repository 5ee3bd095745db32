with source as (

    {{ raw('products__variants', raw_product_columns(), with_deleted=true) }}

),

deleted_products as (

    {{ raw('products', {}, with_deleted=true) }}

),

renamed as (

    select
        _dlt_id as variant_key,
        _dlt_root_id as product_key,
        {{ renamed_product_columns() }}
    from source
    where _dlt_root_id in (
        select deleted_products._dlt_id
        from deleted_products
        where deleted_products._omnium_deleted_at is not null
    )

)

select * from renamed
