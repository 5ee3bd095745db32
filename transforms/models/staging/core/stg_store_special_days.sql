-- Days that differ from a store's weekly opening hours.
with source as (

    {{ raw('stores__additional_opening_hours', {
        'date': 'timestamp', 'closed': 'boolean', 'opening_hours__is_open': 'boolean',
    }) }}

),

renamed as (

    select
        -- ids: the row of the store
        _dlt_root_id as store_key,

        -- booleans
        case
            when closed or not opening_hours__is_open then true
            when not closed or opening_hours__is_open then false
        end as is_closed,

        -- timestamps
        date as named_at
    from source

)

select * from renamed
where is_closed is not null
