{#
  All raw columns that staging reads as a number, a date or a choice. The staging models list them: the macro `raw`
  writes them into each model's meta. The meta entry below tells build_state.sql that this model reads all raw tables.
#}
{{ config(meta={'reads': 'all_raw_tables'}) }}
{%- set tables = {} -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- for name, columns in node.config.get('meta', {}).items() if name.startswith('raw ') -%}
            {%- do tables.setdefault(name[4:], {}).update(columns) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endif -%}
{%- set queries = [] -%}
{%- for table in tables | sort -%}
    {%- set query = impossible_values(table, tables[table]) | trim -%}
    {%- if query -%}{%- do queries.append(query) -%}{%- endif -%}
{%- endfor -%}
with found as (

    {% for query in queries -%}
    {{ query }}

    union all

    {% endfor -%}
    select
        cast(null as {{ raw_type('text') }}) as resource,
        cast(null as {{ raw_type('text') }}) as odd_key,
        cast(null as {{ raw_type('text') }}) as field,
        cast(null as {{ raw_type('text') }}) as check_name,
        cast(null as {{ raw_type('text') }}) as value
    where 1 = 0

),

numbered as (

    select
        found.*,
        row_number() over (partition by check_name, resource, field order by odd_key, value) as place
    from found

)

select
    check_name,
    resource,
    field,
    count(*) as {{ adapter.quote('rows') }},
    {{ joined_in_order('case when place <= 5 then odd_key end', ', ', 'place') }} as example_keys,
    -- Text in place of a number may be of any length.
    max(case when place = 1 then left(value, 100) end) as example_value
from numbered
group by check_name, resource, field
