with source as (
    {{ raw('returns__return_order_form__line_items', {
        'line_item_id': 'text', 'code': 'text', 'quantity': 'signed_quantity', 'return_quantity': 'signed_quantity',
        'is_virtual_product': 'boolean', 'is_package': 'boolean', 'is_bundle': 'boolean',
    }) }}
),

renamed as (
    select
        -- ids
        _dlt_id as line_row_id,
        _dlt_root_id as return_row_id,
        line_item_id,
        code as sku,

        -- numerics
        coalesce(nullif(return_quantity, 0), quantity) as returned_quantity,

        -- booleans
        coalesce(is_package, false) or coalesce(is_bundle, false) as is_package,
        coalesce(is_virtual_product, false) as is_virtual_product
    from source
)

select * from renamed
