{#
  JSON lists of strings, such as ids of stores.
#}

{# Whether a list is not empty. #}
{% macro json_list_has_values(list) -%}
    (coalesce(cast({{ list }} as {{ raw_type('text') }}), 'null') not in ('[]', 'null'))
{%- endmacro %}


{# Whether a list contains this string; false without a list. #}
{% macro json_list_holds(list, text) -%}
    {{ adapter.dispatch('json_list_holds', 'omnium')(list, text) }}
{%- endmacro %}

{% macro default__json_list_holds(list, text) -%}
    coalesce({{ list }} @> to_jsonb(cast({{ text }} as text)), false)
{%- endmacro %}

{% macro spark__json_list_holds(list, text) -%}
    coalesce(array_contains(from_json({{ list }}, 'array<string>'), {{ text }}), false)
{%- endmacro %}

{% macro duckdb__json_list_holds(list, text) -%}
    coalesce(json_contains({{ list }}, to_json({{ text }})), false)
{%- endmacro %}
