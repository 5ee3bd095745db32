{#
  What dbt's snapshots compare on DuckDB: only the rows whose checked columns differ from their newest state. dbt would
  join all rows twice and compute an id for each, although most have not changed. The states written are the same.
#}
{% macro duckdb__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- set checked = config.get('check_cols') -%}
    {%- set is_plain = config.get('strategy') == 'check' and checked is not string and strategy.unique_key is string
        and strategy.hard_deletes == 'ignore' and not config.get('dbt_valid_to_current') -%}
    {%- set kept = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list if is_plain else [] -%}
    {%- if checked | reject('in', kept) | list -%}
        {{ default__snapshot_staging_table(strategy, source_sql, target_relation) }}
    {%- else -%}
        {%- set changed -%}
        select source_rows.*
        from (
            {{ source_sql }}
        ) as source_rows
        anti join (select * from {{ target_relation }} where dbt_valid_to is null) as newest
            on newest.{{ strategy.unique_key }} = source_rows.{{ strategy.unique_key }}
            {%- for column in checked %}
            and newest.{{ column }} is not distinct from source_rows.{{ column }}
            {%- endfor %}
        {%- endset -%}
        {{ default__snapshot_staging_table(strategy, changed, target_relation) }}
    {%- endif -%}
{%- endmacro %}
