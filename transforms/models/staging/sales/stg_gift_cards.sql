with source as (

    {{ raw('gift_cards', {
        'id': 'text', 'customer_id': 'text', 'market_id': 'text', 'type': 'text',
        'currency': 'text', 'balance': 'signed_amount', 'is_closed': 'boolean', 'created': 'timestamp',
        'modified': 'timestamp', 'closed': 'timestamp', 'valid_until': 'end',
    }) }}

),

renamed as (

    select
        -- ids
        id as gift_card_id,
        customer_id,
        market_id,

        -- text
        type as gift_card_type,
        currency,

        -- numerics
        {{ money('balance') }} as balance,

        -- booleans
        coalesce(is_closed, false) as is_closed,

        -- timestamps
        created as created_at,
        modified as modified_at,
        closed as closed_at,
        valid_until as valid_until_at
    from source

)

select * from renamed
