{#
  Inventory transactions, renamed and cast. With `of_keys` (see `raw`), only those of changed keys, for models built by
  key.
#}
{% macro stg_inventory_transactions_rows(of_keys=none) -%}
with source as (

    {{ raw('inventory_transactions', {
        'id': 'text', 'variant': 'text', 'warehouse_code': 'text', 'physical_warehouse_code': 'text',
        'transaction_type': 'text', 'reason': 'text', 'is_virtual': 'boolean',
        'purchase_order_id': 'text', 'goods_reception_id': 'text', 'order_id': 'text',
        'return_order_id': 'text', 'related_transaction_id': 'text',
        'inventory_change': 'signed_quantity', 'reserved_inventory_change': 'signed_quantity',
        'new_inventory': 'signed_quantity', 'new_reserved_inventory': 'signed_quantity',
        'inventory_change_value': 'signed_amount', 'transaction_date': 'timestamp',
    }, of_keys=of_keys) }}

),

renamed as (

    select
        -- ids
        id as transaction_id,
        nullif(variant, '') as sku,
        nullif(warehouse_code, '') as warehouse_code,
        nullif(physical_warehouse_code, '') as physical_warehouse_code,
        nullif(purchase_order_id, '') as purchase_order_id,
        nullif(goods_reception_id, '') as goods_reception_id,
        nullif(order_id, '') as order_id,
        nullif(return_order_id, '') as return_order_id,
        related_transaction_id,

        -- text
        transaction_type,
        reason,

        -- numerics
        {{ quantity('inventory_change') }} as quantity,
        {{ quantity('reserved_inventory_change') }} as reserved_quantity,
        {{ quantity('new_inventory') }} as new_inventory,
        {{ quantity('new_reserved_inventory') }} as new_reserved_inventory,
        {{ money('inventory_change_value') }} as change_value,

        -- booleans
        coalesce(is_virtual, false) as is_virtual,

        -- timestamps
        transaction_date as transacted_at
    from source

)

select * from renamed
{%- endmacro %}
