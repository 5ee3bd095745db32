with source as (

    {{ raw('prices', {
        'product_id': 'text', 'sku_id': 'text', 'store_id': 'text', 'market_id': 'text',
        'market_group_id': 'text', 'price_list_id': 'text', 'promotion_id': 'text',
        'customer_id': 'text', 'currency_code': 'text', 'price_type': 'text', 'unit': 'text',
        'customer_group': 'text', 'unit_price': 'price', 'original_unit_price': 'price',
        'cost': 'price', 'min_quantity': 'quantity', 'discount_percent': 'decimal',
        'tax_rate': 'decimal', 'is_tax_excluded': 'boolean',
        'is_customer_club_specific_price': 'boolean', 'valid_from': 'timestamp',
        'valid_until': 'end', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        product_id,
        sku_id as sku,
        store_id,
        market_id,
        market_group_id,
        price_list_id,
        promotion_id,
        customer_id,

        -- text
        currency_code as currency,
        price_type,
        unit,
        customer_group,

        -- numerics
        {{ money('unit_price') }} as unit_price,
        {{ money('original_unit_price') }} as original_unit_price,
        {{ money('cost') }} as cost,
        {{ quantity('min_quantity') }} as min_quantity,
        discount_percent,
        tax_rate,

        -- booleans
        coalesce(is_tax_excluded, false) as is_tax_excluded,
        coalesce(is_customer_club_specific_price, false) as is_customer_club_specific_price,

        -- timestamps
        valid_from as valid_from_at,
        valid_until as valid_until_at,
        modified as modified_at
    from source

)

select * from renamed
