{# A number as people write it, with at most `digits` decimals and without trailing zeros. #}
{% macro demand_number(value, digits=1) -%}
    {{ adapter.dispatch('demand_number', 'omnium')(value, digits) }}
{%- endmacro %}

{% macro default__demand_number(value, digits) -%}
    trim(trailing '.' from trim(trailing '0' from cast({{ demand_number_rounded(value, digits) }} as varchar(40))))
{%- endmacro %}

{# The same result in less than half of the time; trimming is the slow part. #}
{% macro duckdb__demand_number(value, digits) -%}
    {%- set rounded = demand_number_rounded(value, digits) -%}
    case
        when {{ rounded }} = cast({{ rounded }} as bigint) then cast(cast({{ rounded }} as bigint) as varchar)
        else {{ "rtrim(cast(" ~ rounded ~ " as varchar), '0')" if digits > 1 else 'cast(' ~ rounded ~ ' as varchar)' }}
    end
{%- endmacro %}

{% macro demand_number_rounded(value, digits) -%}
    cast(case when abs({{ value }}) < 1e15 then {{ value }} else sign({{ value }}) * 1e15 end as decimal(18, {{ digits }}))
{%- endmacro %}


{# An estimated figure rounded to 6 decimals, half away from zero; further digits depend on the order of summation. #}
{% macro demand_figure(value) -%}
    {{ adapter.dispatch('demand_figure', 'omnium')(value) }}
{%- endmacro %}

{% macro default__demand_figure(value) -%}
    cast(round(cast({{ value }} as decimal(32, 9)), 6) as {{ real_type() }})
{%- endmacro %}

{#
  The same result to the last digit, in less than half of the time: with nine decimals, half a millionth is 0.500, never
  less.
#}
{% macro duckdb__demand_figure(value) -%}
    (sign({{ real(value) }}) * floor(abs(round({{ real(value) }}, 9)) * 1e6 + 0.5001e0) / 1e6)
{%- endmacro %}


{# The non-null texts of a group, joined; `order_by` must be unique. #}
{% macro joined_in_order(text, separator, order_by) -%}
    {{ adapter.dispatch('joined_in_order', 'omnium')(text, separator, order_by) }}
{%- endmacro %}

{% macro default__joined_in_order(text, separator, order_by) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{% macro spark__joined_in_order(text, separator, order_by) -%}
    nullif(array_join(transform(
        array_sort(collect_list(
            case when {{ text }} is not null then named_struct('place', {{ order_by }}, 'text', {{ text }}) end
        )),
        one_text -> one_text.text
    ), '{{ separator }}'), '')
{%- endmacro %}
