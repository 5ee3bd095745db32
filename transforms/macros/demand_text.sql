{# A number as a person writes it: at most `digits` decimals, none that are 0. #}
{% macro demand_number(value, digits=1) -%}
    rtrim(rtrim(cast(cast({{ value }} as decimal(18, {{ digits }})) as varchar(40)), '0'), '.')
{%- endmacro %}
