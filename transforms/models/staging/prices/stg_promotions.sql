with source as (

    {{ raw('promotions', {
        'id': 'text', 'name': 'text', 'priority': 'bigint', 'deactivated': 'boolean',
        'customer_club_members_only': 'boolean', 'active_from': 'timestamp',
        'active_to': 'end', 'created_date': 'timestamp', 'stores': 'json', 'store_groups': 'json',
        'excluded_stores': 'json', 'excluded_store_groups': 'json',
    }) }}

),

renamed as (

    select
        -- ids
        id as promotion_id,
        _dlt_id as promotion_key,

        -- text
        name as promotion_name,

        -- lists of ids
        stores,
        store_groups,
        excluded_stores,
        excluded_store_groups,

        -- numerics
        priority,

        -- booleans
        coalesce(deactivated, false) as is_deactivated,
        coalesce(customer_club_members_only, false) as is_club_only,

        -- timestamps
        active_from as active_from_at,
        active_to as active_to_at,
        created_date as created_at
    from source

)

select * from renamed
