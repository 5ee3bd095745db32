{#
  A seed, extended or overridden by the tenant's var more_<seed>: {'Sent to supplier': placed}. The key is in lower
  case, so that the comparison is case-insensitive.

      left join {{ seed_with(ref('order_types'), 'order_type', 'is_demand') }} as types
          on lower(orders.order_type) = types.order_type
#}
{% macro seed_with(seed, key, value) -%}
    {%- set own = var('more_' ~ seed.identifier | replace('__dbt__cte__', ''), {}) -%}
    (
        select lower({{ key }}) as {{ key }}, {{ value }}
        from {{ seed }} as seeded
        {%- if own %}
        where lower({{ key }}) not in (
            {%- for name in own %}'{{ name | lower | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor -%}
        )
        {%- for name, meaning in own.items() %}
        union all
        select '{{ name | lower | replace("'", "''") }}', {% if meaning is boolean %}{{ meaning | lower }}{% else %}'{{ meaning }}'{% endif %}
        {%- endfor %}
        {%- endif %}
    )
{%- endmacro %}
