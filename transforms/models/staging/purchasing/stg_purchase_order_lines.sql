with source as (

    {{ raw('purchase_orders__purchase_order_form__line_items', {
        'line_item_id': 'text', 'code': 'text', 'warehouse_code': 'text', 'delivery_id': 'text',
        'display_name': 'text', 'supplier_sku_id': 'text', 'currency': 'text',
        'package_line_item_id': 'text', 'is_package': 'boolean',
        'quantity': 'quantity', 'delivered_quantity': 'quantity', 'canceled_quantity': 'quantity',
        'supplier_packaging_quantity': 'quantity',
        'placed_price_excl_tax': 'price', 'discounted_price_excl_tax': 'price',
        'estimated_time_of_arrival': 'timestamp', 'delivered_date': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        _dlt_root_id as purchase_order_key,
        nullif(line_item_id, '') as line_item_id,
        nullif(code, '') as sku,
        nullif(warehouse_code, '') as warehouse_code,
        nullif(delivery_id, '') as delivery_id,
        supplier_sku_id,
        package_line_item_id,

        -- text
        display_name,
        nullif(currency, '') as currency,

        -- numerics
        _dlt_list_idx as line_index,
        {{ quantity('quantity') }} as ordered_quantity,
        {{ quantity('delivered_quantity') }} as delivered_quantity,
        {{ quantity('canceled_quantity') }} as canceled_quantity,
        {{ quantity('supplier_packaging_quantity') }} as pack_quantity,
        {{ money('placed_price_excl_tax') }} as placed_price,
        {{ money('discounted_price_excl_tax') }} as discounted_price,

        -- booleans
        coalesce(is_package, false) as is_package,

        -- timestamps
        estimated_time_of_arrival as estimated_arrival_at,
        delivered_date as delivered_at
    from source

)

select * from renamed
