with source as (

    {{ raw('products', raw_product_columns(), with_deleted=true) }}

),

renamed as (

    select
        _dlt_id as product_key,
        {{ renamed_product_columns() }}
    from source
    where _omnium_deleted_at is not null

)

select * from renamed
