with source as (
    {{ raw('returns', {
        'order_id': 'text', 'return_store_id': 'text', 'return_order_form__return_id': 'text',
        'return_order_form__store_id': 'text', 'return_order_form__status': 'text',
        'return_order_form__created': 'timestamp', 'return_order_form__modified': 'timestamp',
    }) }}
),

renamed as (
    select
        -- ids
        _dlt_id as return_row_id,
        order_id,
        return_order_form__return_id as return_id,
        coalesce(return_order_form__store_id, return_store_id) as store_id,

        -- text
        return_order_form__status as status,

        -- timestamps
        return_order_form__created as created_at,
        {{ local_date('return_order_form__created') }} as created_date,
        return_order_form__modified as modified_at
    from source
)

select * from renamed
