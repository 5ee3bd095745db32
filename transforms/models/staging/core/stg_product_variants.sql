with source as (

    {{ raw('products__variants', raw_product_columns()) }}

),

renamed as (

    select
        _dlt_id as variant_key,
        _dlt_root_id as product_key,
        {{ renamed_product_columns() }}
    from source

)

select * from renamed
