{#
  Reads raw tables, wherever they are and whichever columns they have so far.

  raw(table, columns)
      A query on a raw table that returns the named columns, each as its kind, and the keys of the row
      (`_dlt_id`; on child tables also `_dlt_parent_id`, `_dlt_root_id`, `_dlt_list_idx`).
      `columns` maps a column to text | json | boolean, or to a kind of figure in value_limits (quantity, price,
      amount, days, timestamp, …). A value of another kind becomes null.
      - A column or table that the tenant has not filled yet returns typed nulls (a table without rows), because the
        load creates a child table only with its first row.
      - A column of an unexpected type is read as far as its values are possible. Values that did not fit it are in
        `<column>__v_text` and are read from there.
      - Rows that `reconcile` found to be gone (`_omnium_deleted_at`) are left out together with their children.
        `raw(…, with_deleted=true)` keeps them and adds `_omnium_deleted_at` (to root tables).
      - With `var('lake_path')`, the same rows come from <lake_path>/<table>/*.parquet.
      - `of_keys` names the columns of a key. A model that is built by key (materialization_table_by_key.sql) then
        reads only the rows of changed keys. A filter on the staging view would be applied after all of its casts.

  Use it as the only `from` of a staging model:

      with source as (
          {{ raw('stores', {'id': 'text', 'is_warehouse': 'boolean'}) }}
      )
#}
{% macro raw(table, columns, with_deleted=false, of_keys=none) -%}
    {# impossible_value reads this entry. #}
    {%- do config(meta={'raw ' ~ table: columns}) -%}
    {# For the lineage; the location of the rows is determined below. #}
    {%- do source('omnium', table) -%}
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
        {{ raw_column(column, kind, found) }} as {{ column }},
        {% endfor -%}
        1 as _one
    {%- if not found %}
    where 1 = 0
    {%- else %}
    from {{ raw_of_keys(table, of_keys, found) if of_keys else raw_relation(table) }} as raw_rows
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


{#
  The rows of a raw table that have one of the keys for which a model is built. Its `variant` is a SKU, which may be
  spelled differently.
#}
{% macro raw_of_keys(table, key, found) -%}
    {%- set columns = [] -%}
    {%- for column in key -%}
        {%- set value = raw_column(column, 'text', found) | trim -%}
        {%- do columns.append('coalesce(spellings.sku, ' ~ value ~ ')' if column == 'variant' else value) -%}
    {%- endfor -%}
    (
        select raw_rows.*
        from {{ raw_relation(table) }} as raw_rows
        {%- if 'variant' in key %}
        left join {{ ref('int_sku_spellings') }} as spellings
            on spellings.spelling = {{ raw_column('variant', 'text', found) }}
        {%- endif %}
        where {{ of_changed_keys(*columns) }}
    )
{%- endmacro %}


{#
  A column of a raw table as its kind, including values that did not fit it; a typed null if the column does not exist.
#}
{% macro raw_column(column, kind, found) -%}
    {%- set values = [] -%}
    {%- for name in raw_sources(column, found) -%}
        {%- do values.append(raw_value('raw_rows.' ~ adapter.quote(name), kind, found[name]) | trim) -%}
    {%- endfor -%}
    {%- if not values -%}
        cast(null as {{ (value_limits(kind) or {'type': raw_type(kind)})['type'] }})
    {%- elif values | length == 1 -%}
        {{ values[0] }}
    {%- else -%}
        coalesce({{ values | join(', ') }})
    {%- endif -%}
{%- endmacro %}


{# The columns that hold the values of a field: its own, and those for values that did not fit it (`…__v_text`). #}
{% macro raw_sources(column, found) -%}
    {%- set names = [] -%}
    {%- if column in found -%}{%- do names.append(column) -%}{%- endif -%}
    {%- for name in found if name.startswith(column ~ '__v_') -%}{%- do names.append(name) -%}{%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{# The columns that a raw table has at present, with their types; empty if the table does not exist. #}
{% macro raw_columns(table) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set cache = graph.setdefault('_raw_columns', {}) -%}
    {%- if table in cache -%}{{ return(cache[table]) }}{%- endif -%}
    {%- if var('lake_path') -%}
        {%- set types = raw_lake_columns(table) -%}
    {%- else -%}
        {%- set documents = raw_documents(table) -%}
        {%- set relation = adapter.get_relation(target.database or none, var('raw_schema'), table) -%}
        {%- set types = {} -%}
        {%- if relation is not none -%}
            {%- for column in adapter.get_columns_in_relation(relation) -%}
                {%- do types.update({column.name | lower: 'json' if column.name in documents else column.dtype}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {%- do cache.update({table: types}) -%}
    {{ return(types) }}
{%- endmacro %}


{# Columns of a raw table that hold JSON documents, which their type does not show. #}
{% macro raw_documents(table) -%}
    {{ return(adapter.dispatch('raw_documents', 'omnium')(table)) }}
{%- endmacro %}

{% macro default__raw_documents(table) -%}
    {{ return([]) }}
{%- endmacro %}

{# dlt's own tables; the list below is for the lake. #}
{% macro databricks__raw_documents(table) -%}
    {{ return([]) }}
{%- endmacro %}

{# The program lists them beside the raw tables (`steps/spark.py`). #}
{% macro spark__raw_documents(table) -%}
    {%- set cache = graph.setdefault('_raw_documents', {}) -%}
    {%- if 'columns' not in cache -%}
        {%- do cache.update({'columns': run_query('select table_name, column_name from ' ~ var('raw_schema') ~ '._documents').rows}) -%}
    {%- endif -%}
    {%- set names = [] -%}
    {%- for table_name, column_name in cache['columns'] if table_name == table -%}{%- do names.append(column_name) -%}{%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{# The relation from which the rows of a raw table are read. #}
{% macro raw_relation(table) -%}
    {%- if var('lake_path') -%}
        {{ raw_lake_scan(table) }}
    {%- else -%}
        {{ api.Relation.create(database=target.database or none, schema=var('raw_schema'), identifier=table) }}
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
    {%- if files.rows[0][0] == 0 -%}{{ return({}) }}{%- endif -%}
    {%- set described = run_query("select lower(column_name), column_type from (describe select * from "
                                  ~ raw_lake_scan(table) ~ ")") -%}
    {%- set types = {} -%}
    {%- for row in described.rows -%}{%- do types.update({row[0]: row[1]}) -%}{%- endfor -%}
    {{ return(types) }}
{%- endmacro %}


{# The database's name of a type that is not a figure. #}
{% macro raw_type(kind) -%}
    {{ return(adapter.dispatch('raw_type', 'omnium')(kind)) }}
{%- endmacro %}

{% macro default__raw_type(kind) -%}
    {%- set types = {
        'text': 'varchar', 'boolean': 'boolean', 'json': 'json',
    } -%}
    {%- if kind not in types -%}
        {{ unknown_kind(kind) }}
    {%- endif -%}
    {{ return(types[kind]) }}
{%- endmacro %}

{% macro unknown_kind(kind) -%}
    {{ exceptions.raise_compiler_error("raw: unknown kind of value '" ~ kind
        ~ "': text, json, boolean, or a figure's kind, which value_limits in macros/limits.sql lists") }}
{%- endmacro %}

{# Spark has no type for JSON documents that all of its versions support. #}
{% macro spark__raw_type(kind) -%}
    {{ return('boolean' if kind == 'boolean' else 'string') }}
{%- endmacro %}

{% macro postgres__raw_type(kind) -%}
    {{ return('jsonb' if kind == 'json' else omnium.default__raw_type(kind)) }}
{%- endmacro %}
