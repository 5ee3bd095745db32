with source as (

    {{ raw('products', raw_product_columns()) }}

),

renamed as (

    select
        _dlt_id as product_key,
        {{ renamed_product_columns() }}
    from source

)

select * from renamed
