with source as (
    {{ raw('orders__order_form__line_items', dict(raw_order_line_columns(), extended_price_excl_tax='amount')) }}
),

renamed as (
    select
        _dlt_id as line_row_id,
        _dlt_root_id as order_row_id,
        {{ renamed_order_line_columns() }},
        {{ money('extended_price_excl_tax') }} as line_amount
    from source
)

select * from renamed
