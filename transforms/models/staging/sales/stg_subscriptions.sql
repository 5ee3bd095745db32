with source as (

    {{ raw('subscriptions', {
        'id': 'text', 'customer_id': 'text', 'status': 'text', 'created': 'timestamp',
        'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as subscription_id,
        customer_id,

        -- text
        status,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
