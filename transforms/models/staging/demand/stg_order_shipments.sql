with source as (
    {{ raw('orders__order_form__shipments', {
        'shipment_id': 'text', 'warehouse_code': 'text', 'status': 'text',
    }) }}
),

renamed as (
    select
        -- ids
        _dlt_id as shipment_row_id,
        _dlt_root_id as order_row_id,
        shipment_id,
        warehouse_code,

        -- text
        status
    from source
)

select * from renamed
