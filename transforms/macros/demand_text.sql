{# A number as a person writes it: at most `digits` decimals, none that are 0. #}
{% macro demand_number(value, digits=1) -%}
    rtrim(rtrim(cast(cast({{ value }} as decimal(18, {{ digits }})) as varchar(40)), '0'), '.')
{%- endmacro %}


{# An estimated figure to 6 decimals: what lies beyond is the order in which a sum was taken. #}
{% macro demand_figure(value) -%}
    cast(round(cast({{ value }} as decimal(32, 9)), 6) as double precision)
{%- endmacro %}
