with source as (

    {{ raw('customer_club_members', {
        'customer_id': 'text', 'store_id': 'text', 'market_id': 'text', 'tier__tier_id': 'text',
        'tier__name': 'text', 'summary__current_balance': 'decimal',
        'summary__total_issued_points': 'decimal', 'summary__used_points': 'decimal',
        'consents__email_marketing': 'boolean', 'consents__sms_marketing': 'boolean',
        'member_since': 'timestamp', 'membership_end_date': 'end',
    }) }}

),

renamed as (

    select
        -- ids
        customer_id,
        store_id,
        market_id,
        tier__tier_id as tier_id,

        -- text
        tier__name as tier_name,

        -- numerics
        summary__current_balance as points_balance,
        summary__total_issued_points as points_issued,
        summary__used_points as points_used,

        -- booleans
        coalesce(consents__email_marketing, false) as is_email_marketing_allowed,
        coalesce(consents__sms_marketing, false) as is_sms_marketing_allowed,

        -- timestamps
        member_since as member_since_at,
        membership_end_date as membership_ends_at
    from source

)

select * from renamed
