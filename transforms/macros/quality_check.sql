{#
  A row of the data-quality mart: the number of keys that `query` returns (its only column is `odd_key`), five of them,
  and what the finding means for the figures.
#}
{% macro quality_check(name, meaning, query) -%}
    select
        '{{ name }}' as check_name,
        count(*) as {{ adapter.quote('rows') }},
        {{ joined_in_order('case when place <= 5 then odd_key end', ', ', 'place') }} as example_keys,
        '{{ meaning | replace("'", "''") }}' as meaning
    from (
        select
            cast(odd_key as {{ raw_type('text') }}) as odd_key,
            row_number() over (order by odd_key) as place
        from (
            {{ query }}
        ) as odd
    ) as numbered
{%- endmacro %}


{# The rows of several checks, (name, meaning, query). A meaning may be wrapped over several lines in its file. #}
{% macro quality_checks(checks) -%}
{%- for name, meaning, query in checks %}
{{ quality_check(name, meaning | replace('\n        ', ''), query) }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
{%- endmacro %}
