{#
  Inventory transactions of a SKU and warehouse, one after the other. Of one instant: falling stock runs down, rising stock runs up,
  so that the first row of the instant says what was there before, and the last one holds what was left.
#}
{% macro order_of_transactions() -%}
    transacted_at, sign(quantity) * new_inventory, sign(reserved_quantity) * new_reserved_inventory, transaction_id
{%- endmacro %}
