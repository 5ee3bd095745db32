with source as (

    {{ raw('price_lists', {
        'id': 'text', 'market_id': 'text', 'market_group_id': 'text', 'supplier_id': 'text',
        'promotion_id': 'text', 'name': 'text', 'price_list_type': 'text', 'currency_code': 'text',
        'cost_currency_code': 'text', 'cost_currency_exchange_rate': 'decimal',
        'tax_rate': 'decimal', 'is_active': 'boolean', 'is_excluding_tax': 'boolean',
        'created': 'timestamp', 'modified': 'timestamp', 'valid_from': 'timestamp',
        'valid_to': 'end',
    }) }}

),

renamed as (

    select
        -- ids
        id as price_list_id,
        market_id,
        market_group_id,
        supplier_id,
        promotion_id,

        -- text
        name as price_list_name,
        price_list_type,
        currency_code as currency,
        cost_currency_code as cost_currency,

        -- numerics
        cost_currency_exchange_rate,
        tax_rate,

        -- booleans
        coalesce(is_active, false) as is_active,
        coalesce(is_excluding_tax, false) as is_excluding_tax,

        -- timestamps
        created as created_at,
        modified as modified_at,
        valid_from as valid_from_at,
        valid_to as valid_to_at
    from source

)

select * from renamed
