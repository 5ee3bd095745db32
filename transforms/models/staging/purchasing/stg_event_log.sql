with source as (

    {{ raw('event_log', {
        'id': 'text', 'event_log_model': 'text', 'event_log_type': 'text', 'object_id': 'text',
        'status': 'text', 'market': 'text', 'store_id': 'text', 'timestamp': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as event_id,
        object_id,
        store_id,
        market as market_id,

        -- text
        event_log_model as object_type,
        event_log_type as event_type,
        status,

        -- timestamps
        {{ adapter.quote('timestamp') }} as happened_at
    from source

)

select * from renamed
