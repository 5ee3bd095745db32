with source as (
    {{ raw('orders__order_form__line_items__components', {
        'sku_id': 'text', 'product_id': 'text', 'quantity': 'quantity',
    }) }}
),

renamed as (
    select
        -- ids
        _dlt_parent_id as line_row_id,
        _dlt_root_id as order_row_id,
        nullif(sku_id, '') as sku,
        nullif(product_id, '') as product_id,

        -- numerics
        quantity
    from source
)

select * from renamed
