with source as (

    {{ raw('projects', {
        'id': 'text', 'store_id': 'text', 'status': 'text', 'created': 'timestamp',
        'modified': 'timestamp', 'canceled': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as project_id,
        store_id,

        -- text
        status,

        -- timestamps
        created as created_at,
        modified as modified_at,
        canceled as canceled_at
    from source

)

select * from renamed
