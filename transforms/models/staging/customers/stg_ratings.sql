with source as (

    {{ raw('ratings', {
        'id': 'text', 'sku_id': 'text', 'object_id': 'text', 'store_id': 'text',
        'market_id': 'text', 'rater_id': 'text', 'type': 'text', 'value': 'bigint',
        'attention_required': 'boolean', 'date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as rating_id,
        sku_id as sku,
        object_id,
        store_id,
        market_id,
        rater_id,

        -- text
        type as rating_type,

        -- numerics
        value as rating,

        -- booleans
        coalesce(attention_required, false) as is_attention_required,

        -- timestamps
        {{ adapter.quote('date') }} as rated_at
    from source

)

select * from renamed
