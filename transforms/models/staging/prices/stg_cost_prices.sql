with source as (

    {{ raw('cost_prices', {
        'product_id': 'text', 'sku_id': 'text', 'store_id': 'text', 'market_id': 'text',
        'supplier': 'text', 'type': 'text', 'currency_code': 'text', 'unit': 'text',
        'cost': 'price', 'original_cost': 'price', 'valid_from': 'timestamp',
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
        supplier as supplier_id,

        -- text
        type as cost_price_type,
        currency_code as currency,
        unit,

        -- numerics
        {{ money('cost') }} as cost,
        {{ money('original_cost') }} as original_cost,

        -- timestamps
        valid_from as valid_from_at,
        valid_until as valid_until_at,
        modified as modified_at
    from source

)

select * from renamed
