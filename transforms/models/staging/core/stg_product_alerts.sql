with source as (

    {{ raw('product_alerts', {
        'id': 'text', 'sku_id': 'text', 'store_id': 'text', 'is_active': 'boolean',
        'created': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as product_alert_id,
        sku_id as sku,
        store_id,

        -- booleans
        coalesce(is_active, false) as is_active,

        -- timestamps
        created as created_at
    from source

)

select * from renamed
