{#
  The values of a raw table that staging replaces by null because they are impossible. There is a row for each, with the
  key of its row, the field, what is wrong (the check in data_quality) and the value. Year 1 is `no_date`, because
  programs write it if there is no date. Empty strings, and end dates of what never ends, are not impossible. Renders
  nothing if the types of all columns guarantee possible values.
#}
{% macro impossible_values(table, columns) -%}
    {%- set found = raw_columns(table) -%}
    {%- set root = table.split('__')[0] -%}
    {%- set suspects = [] -%}
    {%- for column, kind in columns.items() if value_limits(kind) is not none -%}
        {%- for name in raw_sources(column, found) -%}
            {%- if not (kind == 'boolean' and raw_family(found[name]) == 'boolean') and column not in suspects -%}
                {%- do suspects.append(column) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if suspects %}
    select
        '{{ table }}' as resource,
        {{ impossible_key(table, found) }} as odd_key,
        case place
            {%- for column in suspects %} when {{ loop.index }} then '{{ column }}'{% endfor %} end as field,
        case place
            {%- for column in suspects %} when {{ loop.index }} then check_{{ loop.index }}{% endfor %} end as check_name,
        case place
            {%- for column in suspects %} when {{ loop.index }} then text_{{ loop.index }}{% endfor %} end as value
    from (
        select
            raw_rows.*,
            {%- for column in suspects %}
            {{ impossible_text(column, found) }} as text_{{ loop.index }},
            {{ impossible_check(column, columns[column], found) }} as check_{{ loop.index }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ raw_relation(table) }} as raw_rows
        {%- if root == table and '_omnium_deleted_at' in found %}
        where raw_rows._omnium_deleted_at is null
        {%- endif %}
    ) as checked
    {%- if root != table and 'id' in raw_columns(root) %}
    left join (
        select _dlt_id as root_key, cast(id as {{ raw_type('text') }}) as root_id
        from {{ raw_relation(root) }} as raw_rows
    ) as roots
        on checked._dlt_root_id = roots.root_key
    {%- endif %}
    cross join (
        {%- for column in suspects %}
        select {{ loop.index }} as place{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as places
    where coalesce({% for column in suspects %}check_{{ loop.index }}, {% endfor %}null) is not null
        and case place
            {%- for column in suspects %} when {{ loop.index }} then check_{{ loop.index }}{% endfor %} end is not null
    {%- endif -%}
{%- endmacro %}


{# The value of a column, or of the columns that keep what did not fit it. #}
{% macro impossible_text(column, found) -%}
    {%- set texts = [] -%}
    {%- for name in raw_sources(column, found) -%}
        {%- do texts.append("nullif(" ~ raw_text('raw_rows.' ~ adapter.quote(name), raw_family(found[name])) ~ ", '')") -%}
    {%- endfor -%}
    {{ return(texts[0] if texts | length == 1 else 'coalesce(' ~ texts | join(', ') ~ ')') }}
{%- endmacro %}


{% macro impossible_check(column, kind, found) -%}
    {%- set instants = [] -%}
    {%- for name in raw_sources(column, found) if kind in ('timestamp', 'end') -%}
        {%- do instants.append(raw_instant('raw_rows.' ~ adapter.quote(name), raw_family(found[name]))) -%}
    {%- endfor -%}
    case
                -- Nearly all rows end here.
                when {{ raw_column(column, kind, found) }} is not null then null
                when {{ impossible_text(column, found) }} is null then null
                {%- for instant in instants %}
                when {{ instant }} < {{ instant_literal('0002-01-02 00:00:00') }} then 'no_date'
                {%- if kind == 'end' %}
                when {{ instant }} >= {{ instant_literal(value_limits(kind)['to'] ~ ' 00:00:00') }} then null
                {%- endif %}
                {%- endfor %}
                else '{{ value_limits(kind)['check'] }}'
            end
{%- endmacro %}


{#
  The name by which people know the row: its id, or another identifying field. For a row in a list, that of its document
  comes first.
#}
{% macro impossible_key(table, found) -%}
    {%- set names = [] -%}
    {%- for alternatives in [
        ['id', 'line_item_id', 'customer_id', 'sku', 'sku_id', 'code', 'component_id', 'assortment_code_id', 'order_id',
         'product_id'],
        ['version_id', 'warehouse_code', 'market_id'],
    ] -%}
        {%- for name in alternatives if name in found -%}
            {%- if loop.first -%}{%- do names.append(raw_text('checked.' ~ name, raw_family(found[name]))) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set root = table.split('__')[0] -%}
    {%- if root != table and 'id' in raw_columns(root) -%}{%- do names.insert(0, 'roots.root_id') -%}{%- endif -%}
    {%- if not names -%}{%- do names.append('checked._dlt_id') -%}{%- endif -%}
    concat_ws(' / ', {{ names | join(', ') }})
{%- endmacro %}
