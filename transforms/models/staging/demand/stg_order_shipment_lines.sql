with source as (
    {{ raw('orders__order_form__shipments__line_items', raw_order_line_columns()) }}
),

renamed as (
    select
        _dlt_id as line_row_id,
        _dlt_parent_id as shipment_row_id,
        _dlt_root_id as order_row_id,
        {{ renamed_order_line_columns() }}
    from source
)

select * from renamed
