{# One row per check of rows left out by `--since` and of fields with values that could not be read as they were. #}
{%- set receipts, values = raw_columns('_omnium_windows'), raw_columns('_omnium_odd_values') -%}
{%- set left_out -%}
    {%- if 'left_out_before' in receipts %}
    select
        resource || ' before ' || cast(cast({{ utc('max(left_out_before)') }} as date) as {{ raw_type('text') }}) as odd_key
    from (
        select
            resource,
            left_out_before,
            rank() over (partition by resource order by _dlt_load_id desc) as place
        from {{ raw_relation('_omnium_windows') }}
        where _dlt_load_id is not null
    ) as receipts
    where place = 1
    group by resource
    having count(*) = count(left_out_before)
    {%- else %}
    select cast(null as {{ raw_type('text') }}) as odd_key where 1 = 0
    {%- endif %}
{%- endset -%}
{%- set kinds = [
    (
        'field_with_replaced_characters',
        'replaced_text',
        'A text contains characters that no text can hold (half of a surrogate pair, a zero character, bytes of another encoding); they were replaced by U+FFFD.',
    ),
    (
        'field_with_no_number',
        'no_number',
        'A value is NaN, infinite or too large for any number; it counts as missing.',
    ),
    (
        'field_twice_in_an_object',
        'doubled_name',
        'An object contains a field twice; the last one counts.',
    ),
    (
        'field_nested_too_deeply',
        'too_deep',
        'A value is nested too deeply to be read; it is kept as JSON text.',
    ),
    (
        'field_of_another_type',
        'misfit',
        'A value does not have the type of its column; it is kept in the column of that name followed by __v_ and its type.',
    ),
    (
        'field_with_rounded_number',
        'rounded',
        'A number has more than 9 decimals; it was rounded to 9, and the exact number is kept in the column of that name followed by __v_text.',
    ),
    (
        'field_with_moment_beyond_9999',
        'clamped',
        'A time is after 9999-12-31T00:00:00Z; it was replaced by that moment.',
    ),
    (
        'element_that_is_no_row',
        'no_row',
        'An element among the rows of an answer is not an object; it was left out, and is counted until the resource is read completely again.',
    ),
    (
        'row_without_a_key',
        'no_key',
        'A row has no key; it is identified by its content, so each change adds another row.',
    ),
    (
        'row_with_the_key_of_another',
        'doubled_key',
        'Two rows of one answer have the same key; the newer one is kept, or the later one if their times do not differ.',
    ),
] -%}
{{ quality_check(
    'resource_left_out_by_since',
    'Rows before this day were left out by load --since; load --full-refresh reads them.',
    left_out,
) }}
{%- for name, kind, meaning in kinds %}
union all
{%- set found -%}
    {%- if 'kind' in values %}
    select
        table_name || case when column_name = '*' then '' else '.' || column_name end
        || coalesce(': ' || {{ joined_in_order('case when place <= 3 then example_keys end', ', ', 'place') }}, '') as odd_key
    from (
        select
            table_name,
            column_name,
            example_keys,
            row_number() over (partition by table_name, column_name order by example_keys nulls last) as place
        from (
            select distinct table_name, column_name, nullif(example_keys, '') as example_keys
            from {{ raw_relation('_omnium_odd_values') }}
            where kind = '{{ kind }}'
        ) as told
    ) as numbered
    group by table_name, column_name
    {%- else %}
    select cast(null as {{ raw_type('text') }}) as odd_key where 1 = 0
    {%- endif %}
{%- endset %}
{{ quality_check(name, meaning ~ ' Counted by field, until the row is read again without it.', found) }}
{%- endfor %}
