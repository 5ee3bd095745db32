{#
  The lines of an order and those of its shipments have the same columns; the former also have an amount.
#}
{% macro raw_order_line_columns() -%}
    {{ return({
        'line_item_id': 'text', 'code': 'text', 'package_line_item_id': 'text', 'package_sku_id': 'text',
        'quantity': 'signed_quantity', 'canceled_quantity': 'signed_quantity', 'delivered_quantity': 'signed_quantity',
        'is_package': 'boolean', 'is_bundle': 'boolean', 'is_package_broke_down': 'boolean',
        'is_virtual_product': 'boolean', 'is_awaiting_purchase_order': 'boolean', 'is_backorder': 'boolean',
        'canceled_date': 'timestamp',
    }) }}
{%- endmacro %}


{% macro renamed_order_line_columns() -%}
        -- ids
        line_item_id,
        code as sku,
        package_line_item_id,
        package_sku_id,

        -- numerics
        _dlt_list_idx as line_index,
        quantity,
        canceled_quantity,
        delivered_quantity,

        -- booleans
        coalesce(is_package, false) or coalesce(is_bundle, false) as is_package,
        coalesce(is_package_broke_down, false) as is_package_broken_down,
        coalesce(is_virtual_product, false) as is_virtual_product,
        coalesce(is_awaiting_purchase_order, false) as is_awaiting_purchase_order,
        coalesce(is_backorder, false) as is_backorder,

        -- timestamps
        {{ local_date('canceled_date') }} as canceled_date
{%- endmacro %}
