with source as (

    {{ raw('price_list_items', {
        'id': 'text', 'price_list_id': 'text', 'product_id': 'text', 'sku_id': 'text',
        'name': 'text', 'unit_price': 'price', 'discounted_price': 'price', 'cost': 'price',
        'discount_percent': 'decimal', 'planned_sales_volume': 'quantity', 'is_active': 'boolean', 'created': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as price_list_item_id,
        price_list_id,
        product_id,
        sku_id as sku,

        -- text
        name as price_list_item_name,

        -- numerics
        {{ money('unit_price') }} as unit_price,
        {{ money('discounted_price') }} as discounted_price,
        {{ money('cost') }} as cost,
        discount_percent,
        {{ quantity('planned_sales_volume') }} as planned_sales_quantity,

        -- booleans
        coalesce(is_active, false) as is_active,

        -- timestamps
        created as created_at
    from source

)

select * from renamed
