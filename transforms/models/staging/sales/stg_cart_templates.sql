with source as (

    {{ raw('cart_templates', {
        'id': 'text', 'cart__customer_id': 'text', 'cart__store_id': 'text', 'name': 'text',
        'cart__billing_currency': 'text', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as cart_template_id,
        cart__customer_id as customer_id,
        cart__store_id as store_id,

        -- text
        name as cart_template_name,
        cart__billing_currency as currency,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
