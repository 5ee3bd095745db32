{#
  A seed, extended or overruled by the var more_<seed> of the tenant: {'Sent to supplier': placed}.
  The key comes in lower case, so that spelling does not matter.

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
