{#
  Materializes a model that expands each row of another model into as many rows as its `run_days`. It is a table, for
  exports and fast queries, or a view if the table would have more rows than var('most_drawn_out_rows'). Config:
  `drawn_from`, the name of the other model.
#}
{% materialization table_unless_huge, default %}
    {%- set rows = run_query("select coalesce(sum(run_days), 0) from " ~ ref(config.require('drawn_from'))).rows[0][0] | int -%}
    {%- set kind = 'table' if rows <= var('most_drawn_out_rows', 10000000) else 'view' -%}
    {%- set own = 'materialization_' ~ kind ~ '_' ~ adapter.type() -%}
    {%- set build = context[own] if own in context else context['materialization_' ~ kind ~ '_default'] -%}
    {{ return(build()) }}
{% endmaterialization %}
