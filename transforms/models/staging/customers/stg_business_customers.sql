with source as (

    {{ raw('business_customers', {
        'customer_id': 'text', 'market_id': 'text', 'market_group_id': 'text',
        'preferred_currency': 'text', 'preferred_language': 'text', 'address__postal_code': 'text',
        'address__city': 'text', 'address__country_code': 'text', 'credit_limit': 'amount',
        'credit_balance': 'signed_amount', 'payment_terms_net': 'days', 'is_inactive': 'boolean',
        'is_credit_denied': 'boolean', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        customer_id,
        market_id,
        market_group_id,

        -- text
        preferred_currency as currency,
        preferred_language as language,
        address__postal_code as postal_code,
        address__city as city,
        address__country_code as country_code,

        -- numerics
        {{ money('credit_limit') }} as credit_limit,
        {{ money('credit_balance') }} as credit_balance,
        payment_terms_net as payment_terms_days,

        -- booleans
        coalesce(is_inactive, false) as is_inactive,
        coalesce(is_credit_denied, false) as is_credit_denied,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
