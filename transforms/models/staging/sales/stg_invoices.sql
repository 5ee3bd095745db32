with source as (

    {{ raw('invoices', {
        'id': 'text', 'customer_id': 'text', 'order_id': 'text', 'currency': 'text',
        'customer_type': 'text', 'amount': 'signed_amount', 'amount_excluding_tax': 'signed_amount',
        'amount_outstanding': 'signed_amount', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as invoice_id,
        customer_id,
        order_id,

        -- text
        currency,
        customer_type,

        -- numerics
        {{ money('amount') }} as amount,
        {{ money('amount_excluding_tax') }} as amount_excluding_tax,
        {{ money('amount_outstanding') }} as amount_outstanding,

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
