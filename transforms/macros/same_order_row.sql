{# The grain of fct_purchase_order_line as a join condition, in which null promises are equal. #}
{% macro same_order_row(left, right) -%}
        {{ left }}.purchase_order_id = {{ right }}.purchase_order_id
        and {{ left }}.sku = {{ right }}.sku
        and {{ left }}.warehouse_code = {{ right }}.warehouse_code
        and {{ is_same(left ~ '.promised_date', right ~ '.promised_date') }}
{%- endmacro %}
