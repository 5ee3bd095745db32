with source as (

    {{ raw('order_line_analytics', {
        'id': 'text', 'order__order_id': 'text', 'order__order_number': 'text',
        'order_line__line_item_id': 'text', 'customer__customer_id': 'text',
        'analytics_order_line_type': 'text', 'order__order_type': 'text', 'order__status': 'text',
        'market': 'text', 'currency': 'text', 'order_line__extended_price_excl_tax': 'signed_amount',
        'order_line__cost_total': 'signed_amount', 'order_line__profit': 'signed_amount',
        'order_line__delivered_quantity': 'signed_quantity', 'order_line__canceled_quantity': 'signed_quantity',
        'order__created': 'timestamp', 'order__completed': 'timestamp',
        'order_line__delivered_date': 'timestamp', 'order_line__canceled_date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as analytics_line_id,
        order__order_id as order_id,
        order__order_number as order_number,
        order_line__line_item_id as line_item_id,
        customer__customer_id as customer_id,

        -- text
        analytics_order_line_type as line_type,
        order__order_type as order_type,
        order__status as order_status,
        market as market_id,
        currency,

        -- numerics
        {{ money('order_line__extended_price_excl_tax') }} as extended_price_excl_tax,
        {{ money('order_line__cost_total') }} as cost_total,
        {{ money('order_line__profit') }} as profit,
        {{ quantity('order_line__delivered_quantity') }} as delivered_quantity,
        {{ quantity('order_line__canceled_quantity') }} as canceled_quantity,

        -- timestamps
        order__created as ordered_at,
        order__completed as completed_at,
        order_line__delivered_date as delivered_at,
        order_line__canceled_date as canceled_at
    from source

)

select * from renamed
