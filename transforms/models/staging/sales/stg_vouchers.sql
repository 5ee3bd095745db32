with source as (

    {{ raw('vouchers', {
        'id': 'text', 'customer_id': 'text', 'status': 'text', 'currency': 'text',
        'amount': 'signed_amount', 'created': 'timestamp', 'modified': 'timestamp',
        'expiry_date': 'end',
    }) }}

),

renamed as (

    select
        -- ids
        id as voucher_id,
        customer_id,

        -- text
        status,
        currency,

        -- numerics
        {{ money('amount') }} as amount,

        -- timestamps
        created as created_at,
        modified as modified_at,
        expiry_date as expires_at
    from source

)

select * from renamed
