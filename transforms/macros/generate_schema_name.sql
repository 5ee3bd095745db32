{#
  Schemas have the product's names (staging, intermediate, marts) on every target. In a project that uses this one as a
  package, these names follow that of its target's schema (dev_anna_marts), so that developers and tenants can share a
  database. `var('schema_prefix')` overrides this.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set prefix = var('schema_prefix', '' if project_name == 'omnium' else target.schema ~ '_') -%}
    {{- ((prefix ~ custom_schema_name) if custom_schema_name else target.schema) | trim -}}
{%- endmacro %}
