with source as (

    {{ raw('time_entries', {
        'id': 'text', 'project_id': 'text', 'activity_id': 'text', 'user_id': 'text',
        'activity_name': 'text', 'status': 'text', 'time_code': 'text', 'hours': 'decimal',
        'date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as time_entry_id,
        project_id,
        activity_id,
        user_id,

        -- text
        activity_name,
        status,
        time_code,

        -- numerics
        hours,

        -- timestamps
        {{ adapter.quote('date') }} as worked_at
    from source

)

select * from renamed
