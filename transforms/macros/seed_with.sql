{#
  A seed, extended or overruled by a var of the tenant: {'Sent': 'placed'}. The key is in lower case,
  so that spelling does not matter.

      left join {{ seed_with('purchase_order_statuses', 'status', 'stage') }} as stages
          on lower(orders.status) = stages.status
#}
{% macro seed_with(seed, key, value) -%}
    {%- set own = var('more_' ~ seed, {}) -%}
    {%- set seeds = {
        'purchase_order_statuses': ref('purchase_order_statuses'),
        'inventory_transaction_types': ref('inventory_transaction_types'),
        'order_types': ref('order_types'),
    } -%}
    (
        select lower({{ key }}) as {{ key }}, {{ value }}
        from {{ seeds[seed] }}
        {%- if own %}
        where lower({{ key }}) not in (
            {%- for name in own %}'{{ name | lower }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
        {%- for name, meaning in own.items() %}
        union all
        select '{{ name | lower }}', {% if meaning is boolean %}{{ meaning | lower }}{% else %}'{{ meaning }}'{% endif %}
        {%- endfor %}
        {%- endif %}
    )
{%- endmacro %}
