with source as (

    {{ raw('purchase_orders', {
        'id': 'text', 'purchase_order_number': 'text', 'reference_number': 'text', 'supplier_id': 'text',
        'supplier_name': 'text', 'store_id': 'text', 'supplier_warehouse_code': 'text',
        'delivery_id': 'text', 'market_id': 'text', 'status': 'text', 'origin': 'text',
        'billing_currency': 'text', 'total_excl_tax': 'signed_amount',
        'created': 'timestamp', 'modified': 'timestamp', 'requested_delivery_date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        _dlt_id as purchase_order_key,
        id as purchase_order_id,
        purchase_order_number,
        reference_number,
        nullif(supplier_id, '') as supplier_id,
        nullif(store_id, '') as store_id,
        nullif(supplier_warehouse_code, '') as supplier_warehouse_code,
        nullif(delivery_id, '') as delivery_id,
        market_id,

        -- text
        supplier_name,
        status,
        origin,
        nullif(billing_currency, '') as currency,

        -- numerics
        {{ money('total_excl_tax') }} as total_excl_tax,

        -- timestamps
        created as created_at,
        modified as modified_at,
        requested_delivery_date as requested_delivery_at
    from source

)

select * from renamed
