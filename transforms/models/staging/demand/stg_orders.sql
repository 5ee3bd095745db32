with source as (
    {{ raw('orders', {
        'id': 'text', 'order_number': 'text', 'order_type': 'text', 'status': 'text', 'store_id': 'text',
        'market_id': 'text', 'billing_currency': 'text', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}
),

renamed as (
    select
        -- ids
        _dlt_id as order_row_id,
        id as order_id,
        store_id,
        market_id,

        -- text
        order_number,
        order_type,
        status,
        billing_currency as currency,

        -- timestamps
        created as created_at,
        {{ local_date('created') }} as created_date,
        modified as modified_at
    from source
)

select * from renamed
