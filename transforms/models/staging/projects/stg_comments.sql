with source as (

    {{ raw('comments', {
        'id': 'text', 'object_id': 'text', 'parent_id': 'text', 'line_item_id': 'text',
        'customer_id': 'text', 'user_id': 'text', 'object_type': 'text', 'type': 'text',
        'created': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as comment_id,
        object_id,
        parent_id,
        line_item_id,
        customer_id,
        user_id,

        -- text
        object_type,
        type as comment_type,

        -- timestamps
        created as created_at
    from source

)

select * from renamed
