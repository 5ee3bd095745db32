with source as (
    {{ raw('inventory', {
        'sku': 'text', 'warehouse_code': 'text', 'physical_warehouse_code': 'text', 'cost_currency': 'text',
        'inventory': 'signed_quantity', 'reserved_inventory': 'signed_quantity', 'min_quantity': 'quantity',
        'max_quantity': 'quantity', 'reorder_min_quantity': 'quantity', 'cost': 'price',
        'is_virtual': 'boolean', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}
),

renamed as (
    select
        -- ids
        sku,
        warehouse_code,
        physical_warehouse_code,

        -- text
        nullif(cost_currency, '') as cost_currency,

        -- numerics
        {{ quantity('inventory') }} as on_hand,
        {{ quantity('reserved_inventory') }} as reserved,
        {{ quantity('min_quantity') }} as min_quantity,
        {{ quantity('max_quantity') }} as max_quantity,
        {{ quantity('reorder_min_quantity') }} as reorder_min_quantity,
        cost,

        -- booleans
        coalesce(is_virtual, false) as is_virtual,

        -- timestamps
        {{ local_date('created') }} as created_date,
        {{ local_date('modified') }} as modified_date
    from source
)

select * from renamed
