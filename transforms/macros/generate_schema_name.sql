{# Schemas are called what the product calls them (staging, intermediate, marts), on every target. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{- (custom_schema_name or target.schema) | trim -}}
{%- endmacro %}
