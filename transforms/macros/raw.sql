{#
  Reading raw tables, wherever they lie and whatever they already have.

  raw(table, columns)
      A query on one raw table: the named columns, each cast to its type, and the row's keys
      (`_dlt_id`; on child tables also `_dlt_parent_id`, `_dlt_root_id`, `_dlt_list_idx`).
      `columns` maps a column to text | decimal | bigint | boolean | timestamp | json.
      - A column, or the whole table, that the tenant has not filled yet comes as typed nulls
        (a table without rows): extraction creates child tables only with their first row.
      - Rows that `reconcile` found gone (`_omnium_deleted_at`) are left out, and their children
        with them. `raw(…, with_deleted=true)` keeps them and adds `_omnium_deleted_at`.
      - With `var('lake_path')` the same rows come from <lake_path>/<table>/*.parquet.

  Use it as the only `from` of a staging model:

      with source as (
          {{ raw('stores', {'id': 'text', 'is_warehouse': 'boolean'}) }}
      )
#}
{% macro raw(table, columns, with_deleted=false) -%}
    {%- set root = table.split('__')[0] -%}
    {%- set is_child = root != table -%}
    {%- set found = raw_columns(table) -%}
    {%- set root_found = raw_columns(root) if is_child else found -%}
    {%- set wanted = {'_dlt_id': 'text'} -%}
    {%- if is_child -%}
        {%- do wanted.update({'_dlt_parent_id': 'text', '_dlt_root_id': 'text', '_dlt_list_idx': 'bigint'}) -%}
    {%- elif with_deleted -%}
        {%- do wanted.update({'_omnium_deleted_at': 'timestamp'}) -%}
    {%- endif -%}
    {%- do wanted.update(columns) -%}
    select
        {% for column, kind in wanted.items() -%}
        {% if column in found %}cast(raw_rows.{{ adapter.quote(column) }} as {{ raw_type(kind) }})
        {%- else %}cast(null as {{ raw_type(kind) }}){% endif %} as {{ column }},
        {% endfor -%}
        1 as _one
    {%- if not found %}
    where 1 = 0
    {%- else %}
    from {{ raw_relation(table) }} as raw_rows
    {%- if not with_deleted and '_omnium_deleted_at' in root_found %}
    {%- if is_child %}
    where not exists (
        select 1
        from {{ raw_relation(root) }} as root_rows
        where root_rows._omnium_deleted_at is not null
            and root_rows._dlt_id = raw_rows._dlt_root_id
    )
    {%- else %}
    where raw_rows._omnium_deleted_at is null
    {%- endif %}
    {%- endif %}
    {%- endif %}
{%- endmacro %}


{# The names of the columns that a raw table has today; an empty list where there is no such table. #}
{% macro raw_columns(table) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set cache = graph.setdefault('_raw_columns', {}) -%}
    {%- if table in cache -%}{{ return(cache[table]) }}{%- endif -%}
    {%- if var('lake_path') -%}
        {%- set names = raw_lake_columns(table) -%}
    {%- else -%}
        {%- set relation = adapter.get_relation(target.database, var('raw_schema'), table) -%}
        {%- set names = [] -%}
        {%- if relation is not none -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}
                {%- do names.append(column.name | lower) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- do cache.update({table: names}) -%}
    {{ return(names) }}
{%- endmacro %}


{# Where the rows of a raw table are read from. #}
{% macro raw_relation(table) -%}
    {%- if var('lake_path') -%}
        {{ raw_lake_scan(table) }}
    {%- else -%}
        {{ api.Relation.create(database=target.database, schema=var('raw_schema'), identifier=table) }}
    {%- endif -%}
{%- endmacro %}


{% macro raw_lake_scan(table) -%}
    {{ return(adapter.dispatch('raw_lake_scan', 'omnium')(table)) }}
{%- endmacro %}

{% macro default__raw_lake_scan(table) -%}
    {{ exceptions.raise_compiler_error("var lake_path: only the duckdb target reads a Parquet lake.") }}
{%- endmacro %}

{% macro duckdb__raw_lake_scan(table) -%}
    {{ return("read_parquet('" ~ var('lake_path') ~ "/" ~ table ~ "/*.parquet', union_by_name = true)") }}
{%- endmacro %}


{% macro raw_lake_columns(table) -%}
    {%- set files = run_query("select count(*) from glob('" ~ var('lake_path') ~ "/" ~ table ~ "/*.parquet')") -%}
    {%- if files.rows[0][0] == 0 -%}{{ return([]) }}{%- endif -%}
    {%- set described = run_query("select lower(column_name) from (describe select * from "
                                  ~ raw_lake_scan(table) ~ ")") -%}
    {{ return(described.columns[0].values() | list) }}
{%- endmacro %}


{# The database's name of a raw type. Amounts and quantities stay exact. #}
{% macro raw_type(kind) -%}
    {{ return(adapter.dispatch('raw_type', 'omnium')(kind)) }}
{%- endmacro %}

{% macro default__raw_type(kind) -%}
    {%- set types = {
        'text': 'varchar', 'decimal': 'decimal(38, 9)', 'bigint': 'bigint', 'boolean': 'boolean',
        'timestamp': 'timestamp with time zone', 'json': 'json',
    } -%}
    {%- if kind not in types -%}
        {{ exceptions.raise_compiler_error("raw: unknown type '" ~ kind ~ "'; one of " ~ types.keys() | join(', ')) }}
    {%- endif -%}
    {{ return(types[kind]) }}
{%- endmacro %}

{% macro postgres__raw_type(kind) -%}
    {{ return('jsonb' if kind == 'json' else omnium.default__raw_type(kind)) }}
{%- endmacro %}
