with source as (

    {{ raw('suppliers', raw_supplier_columns()) }}

),

renamed as (

    select
        {{ renamed_supplier_columns() }}
    from source

)

select * from renamed
