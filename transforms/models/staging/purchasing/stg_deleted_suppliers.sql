with source as (

    {{ raw('suppliers', raw_supplier_columns(), with_deleted=true) }}

),

renamed as (

    select
        {{ renamed_supplier_columns() }}
    from source
    where _omnium_deleted_at is not null

)

select * from renamed
