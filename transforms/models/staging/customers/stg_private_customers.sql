with source as (

    {{ raw('private_customers', {
        'customer_id': 'text', 'market_id': 'text', 'market_group_id': 'text',
        'preferred_currency': 'text', 'preferred_language': 'text', 'gender': 'text',
        'address__postal_code': 'text', 'address__city': 'text', 'address__country_code': 'text',
        'bonus_points': 'bigint', 'is_customer_club_member': 'boolean', 'is_inactive': 'boolean',
        'created': 'timestamp', 'modified': 'timestamp',
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
        gender,
        address__postal_code as postal_code,
        address__city as city,
        address__country_code as country_code,

        -- numerics
        bonus_points,

        -- booleans
        coalesce(is_customer_club_member, false) as is_customer_club_member,
        coalesce(is_inactive, false) as is_inactive,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
