{#
  Fails with a row for each rule of the model that some of its rows break, naming the rule and the number of rows.

  The rules of a column are under its `config: meta`: `required` (not null), `unique` (nulls excepted), `at_least`,
  `at_most`, `one_of` (null passes all three). `grain` lists the columns that together identify a row; null counts as a
  value. `holds` lists expressions by name; an expression that is null, because a part of it is unknown, passes.

  A single test and a single pass over the rows covers all of them. As a test each, they took as long as the models
  themselves.
#}
{% test rules(model, grain=none, holds={}) %}
{%- set checks, keys = [], [] -%}
{%- if execute -%}
    {%- if grain -%}
        {%- do keys.append((grain, '')) -%}
    {%- endif -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ('model', 'seed') and node.name == model.identifier -%}
        {%- for column in node.columns.values() -%}
            {%- set rules, name = column.config.meta, column.name -%}
            {%- if rules.get('required') -%}
                {%- do checks.append((name ~ ' is null', name ~ ' is null')) -%}
            {%- endif -%}
            {%- if rules.get('unique') -%}
                {%- do keys.append(([name], 'where ' ~ name ~ ' is not null')) -%}
            {%- endif -%}
            {%- if rules.get('at_least') is not none -%}
                {%- do checks.append((name ~ ' < ' ~ rules['at_least'], name ~ ' < ' ~ rules['at_least'])) -%}
            {%- endif -%}
            {%- if rules.get('at_most') is not none -%}
                {%- do checks.append((name ~ ' > ' ~ rules['at_most'], name ~ ' > ' ~ rules['at_most'])) -%}
            {%- endif -%}
            {%- if rules.get('one_of') -%}
                {%- set values = [] -%}
                {%- for value in rules['one_of'] -%}
                    {%- do values.append("'" ~ value ~ "'" if value is string else value) -%}
                {%- endfor -%}
                {%- set condition = name ~ ' not in (' ~ values | join(', ') ~ ')' -%}
                {%- do checks.append((name ~ ' is none of its values', condition)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for name, expression in holds.items() -%}
        {%- do checks.append((name ~ ' does not hold', 'not (' ~ expression ~ ')')) -%}
    {%- endfor -%}
    {%- if not checks and not keys -%}
        {{ exceptions.raise_compiler_error(model.identifier ~ ' is tested for rules and has none') }}
    {%- endif -%}
{%- endif %}
with checked as (
    select
        count(*) as row_count,
        {%- for _, condition in checks %}
        count(case when {{ condition }} then 1 end) as rule_{{ loop.index }},
        {%- endfor %}
        0 as no_rule
    from {{ model }}
),

broken as (
    select 'none' as rule, no_rule as row_count from checked
    {%- for rule, _ in checks %}
    union all
    select '{{ rule }}' as rule, rule_{{ loop.index }} as row_count from checked
    {%- endfor %}
    {%- for columns, condition in keys %}
    union all
    select
        '{{ columns | join(', ') }} stands in several rows' as rule,
        (
            select count(*) from (
                select count(*) as times from {{ model }} {{ condition }}
                group by {{ columns | join(', ') }} having count(*) > 1
            ) as repeated
        ) as row_count
    {%- endfor %}
)

select rule, row_count
from broken
where row_count > 0
{% endtest %}
