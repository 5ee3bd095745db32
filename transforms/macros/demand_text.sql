{# A number as the report writes it: thousands separated, at most `digits` decimals, no trailing zeros; 1,234.5 #}
{% macro demand_number(value, digits=1) -%}
    {{ adapter.dispatch('demand_number', 'omnium')(value, digits) }}
{%- endmacro %}

{% macro default__demand_number(value, digits) -%}
    trim(trailing '.' from to_char({{ demand_number_rounded(value, digits) }}, 'FM9,999,999,999,999,990.{{ '9' * digits }}'))
{%- endmacro %}

{% macro spark__demand_number(value, digits) -%}
    trim(trailing '.' from trim(trailing '0' from format_number({{ demand_number_rounded(value, digits) }}, {{ digits }})))
{%- endmacro %}

{# Trimming and formatting are the slow parts, so they are done only where they change something. #}
{% macro duckdb__demand_number(value, digits) -%}
    {%- set rounded = demand_number_rounded(value, digits) -%}
    {%- set whole = 'cast(trunc(' ~ rounded ~ ') as bigint)' -%}
    case
        when {{ rounded }} = {{ whole }} and abs({{ rounded }}) < 1000 then cast({{ whole }} as varchar)
        when {{ rounded }} = {{ whole }} then format('{:,}', {{ whole }})
        when abs({{ rounded }}) < 1000
            then {{ "rtrim(cast(" ~ rounded ~ " as varchar), '0')" if digits > 1 else 'cast(' ~ rounded ~ ' as varchar)' }}
        else format('{:,}', {{ whole }}) || rtrim(right(cast({{ rounded }} as varchar), {{ digits + 1 }}), '0')
    end
{%- endmacro %}

{% macro demand_number_rounded(value, digits) -%}
    cast(case when abs({{ value }}) < 1e15 then {{ value }} else sign({{ value }}) * 1e15 end as decimal(18, {{ digits }}))
{%- endmacro %}


{# An amount of money as the report writes it: thousands separated, two decimals; 1,234.50 #}
{% macro demand_amount(value) -%}
    {{ adapter.dispatch('demand_amount', 'omnium')(demand_number_rounded(value, 2)) }}
{%- endmacro %}

{% macro default__demand_amount(value) -%} to_char({{ value }}, 'FM9,999,999,999,999,990.00') {%- endmacro %}

{% macro spark__demand_amount(value) -%} format_number({{ value }}, 2) {%- endmacro %}

{% macro duckdb__demand_amount(value) -%}
    case
        when abs({{ value }}) < 1000 then cast({{ value }} as varchar)
        else format('{:,}', cast(trunc({{ value }}) as bigint)) || right(cast({{ value }} as varchar), 3)
    end
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
