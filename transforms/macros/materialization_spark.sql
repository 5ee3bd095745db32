{#
  Operations that Spark does not support on Parquet tables, which have no update and no delete. The table is written
  anew, and the new one replaces the old.
#}

{# Replaces the rows of the table by those of a query, which may read the table. #}
{% macro spark_rewrite(relation, query) -%}
    {%- set rewritten = relation.incorporate(path={'identifier': relation.identifier ~ '__rewritten'}, type='table') -%}
    {%- do adapter.drop_relation(rewritten) -%}
    {%- do run_query('create table ' ~ rewritten ~ ' using parquet as ' ~ query) -%}
    {%- do run_query('drop table ' ~ relation) -%}
    {%- do run_query('alter table ' ~ rewritten ~ ' rename to ' ~ relation) -%}
{%- endmacro %}


{# dbt's snapshot. The one of dbt-spark needs Delta, Iceberg or Hudi, because it merges. #}
{% materialization snapshot, adapter='spark' %}
    {%- set existing, target_relation = get_or_create_relation(
        database=none, schema=model.schema, identifier=model.alias, type='table'
    ) -%}
    {%- set strategy = strategy_dispatch(config.get('strategy'))(
        model, 'snapshotted_data', 'source_data', model['config'], existing
    ) -%}
    {{ run_hooks(pre_hooks) }}
    {% if not existing %}
        {% call statement('main') -%}
            create table {{ target_relation }} using parquet as {{ build_snapshot_table(strategy, model.compiled_code) }}
        {%- endcall %}
    {% else %}
        {%- set changes = target_relation.incorporate(path={'identifier': target_relation.identifier ~ '__changes'}, type='table') -%}
        {% do adapter.drop_relation(changes) %}
        {% do run_query('create table ' ~ changes ~ ' using parquet as ' ~ snapshot_staging_table(strategy, sql, target_relation)) %}
        {%- set columns = [] -%}
        {%- for column in adapter.get_columns_in_relation(target_relation) -%}{%- do columns.append(column.name) -%}{%- endfor -%}
        {%- set merged -%}
            select
                {%- for column in columns %}
                {% if column == 'dbt_valid_to' -%}
                coalesce(kept.dbt_valid_to, ended.dbt_valid_to) as dbt_valid_to
                {%- else -%}
                kept.{{ adapter.quote(column) }}
                {%- endif %}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ target_relation }} as kept
            left join {{ changes }} as ended
                on ended.dbt_scd_id = kept.dbt_scd_id
                and ended.dbt_change_type in ('update', 'delete')
            union all
            select
                {%- for column in columns %} new.{{ adapter.quote(column) }}{{ ',' if not loop.last }}{% endfor %}
            from {{ changes }} as new
            left anti join {{ target_relation }} as known
                on known.dbt_scd_id = new.dbt_scd_id
            where new.dbt_change_type = 'insert'
        {%- endset -%}
        {% do spark_rewrite(target_relation, merged) %}
        {% do run_query('drop table ' ~ changes) %}
        {% call noop_statement('main', 'OK', 'OK') -%} -- rewritten {%- endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
