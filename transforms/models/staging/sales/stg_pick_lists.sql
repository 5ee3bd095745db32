with source as (

    {{ raw('pick_lists', {
        'id': 'text', 'warehouse_code': 'text', 'name': 'text', 'status': 'text',
        'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as pick_list_id,
        warehouse_code,

        -- text
        name as pick_list_name,
        status,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
