with source as (

    {{ raw('payment_transactions', {
        'id': 'text', 'transaction_id': 'text', 'order_number': 'text', 'payment_store_id': 'text',
        'payment_market_id': 'text', 'shipment_id': 'text', 'status': 'text',
        'transaction_type': 'text', 'payment_method_name': 'text', 'currency_code': 'text',
        'sales_channel': 'text', 'amount': 'signed_amount', 'payment_provider_fee': 'signed_amount',
        'order_total': 'signed_amount', 'created': 'timestamp', 'transaction_date': 'timestamp',
        'paid_date': 'timestamp', 'order_created': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as payment_id,
        transaction_id,
        order_number,
        payment_store_id as store_id,
        payment_market_id as market_id,
        shipment_id,

        -- text
        status,
        transaction_type,
        payment_method_name,
        currency_code as currency,
        sales_channel,

        -- numerics
        {{ money('amount') }} as amount,
        {{ money('payment_provider_fee') }} as payment_provider_fee,
        {{ money('order_total') }} as order_total,

        -- timestamps
        created as created_at,
        transaction_date as transacted_at,
        paid_date as paid_at,
        order_created as ordered_at
    from source

)

select * from renamed
