with source as (

    {{ raw('project_logs', {
        'id': 'text', 'project_id': 'text', 'new_workflow_step_name': 'text',
        'previous_workflow_step_name': 'text', 'hidden': 'boolean', 'date': 'timestamp',
        'due_date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as project_log_id,
        project_id,

        -- text
        new_workflow_step_name,
        previous_workflow_step_name,

        -- booleans
        coalesce(hidden, false) as is_hidden,

        -- timestamps
        {{ adapter.quote('date') }} as logged_at,
        due_date as due_at
    from source

)

select * from renamed
