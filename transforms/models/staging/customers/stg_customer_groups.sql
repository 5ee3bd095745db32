with source as (

    {{ raw('customer_groups', {
        'id': 'text', 'name': 'text', 'display_name': 'text', 'created': 'timestamp',
        'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as customer_group_id,

        -- text
        name as customer_group_name,
        display_name,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
