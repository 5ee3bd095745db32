with source as (

    {{ raw('carts', {
        'id': 'text', 'customer_id': 'text', 'store_id': 'text', 'market_id': 'text',
        'billing_currency': 'text', 'total': 'signed_amount', 'created': 'timestamp',
        'modified': 'timestamp', 'completed': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as cart_id,
        customer_id,
        store_id,
        market_id,

        -- text
        billing_currency as currency,

        -- numerics
        {{ money('total') }} as total,

        -- timestamps
        created as created_at,
        modified as modified_at,
        completed as completed_at
    from source

)

select * from renamed
