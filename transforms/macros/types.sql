{# The types of the marts, each in one place. #}

{# Stock units. #}
{% macro quantity(expression) -%} {{ exact(expression, 'decimal(18, 4)') }} {%- endmacro %}

{# Amounts of money; a currency column always stands beside them. #}
{% macro money(expression) -%} {{ exact(expression, 'decimal(18, 2)') }} {%- endmacro %}

{# An estimated amount. By way of a decimal: of a double that ends on half a cent engines make either cent. #}
{% macro estimated_money(expression) -%}
    {{ money(exact(real(expression), 'decimal(28, 8)')) }}
{%- endmacro %}

{# An exact number of this type; null where it has more digits, which staging's limits keep from happening. #}
{% macro exact(expression, type) -%}
    {{ adapter.dispatch('exact', 'omnium')(expression, type) }}
{%- endmacro %}

{#
  Few engines can try a cast of numbers, so the bounds become null again. Where `greatest` and `least` pass over nulls
  they come out at a bound, too; where they do not, they are null at once.
#}
{% macro default__exact(expression, type) -%}
    cast(
        nullif(least(nullif(greatest({{ expression }}, -10000000000000), -10000000000000), 10000000000000), 10000000000000)
        as {{ type }}
    )
{%- endmacro %}

{% macro duckdb__exact(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}

{# What a quantity costs, exact: DuckDB multiplies two decimals of 18 digits within 18 digits, and stops where that is too few. #}
{% macro worth(units, price) -%} (cast({{ units }} as decimal(38, 4)) * {{ price }}) {%- endmacro %}

{# Counts and sums of whole numbers, which DuckDB would give 128 bits. #}
{% macro whole(expression) -%} cast({{ expression }} as bigint) {%- endmacro %}

{# Figures that are estimated: means, deviations, shares, probabilities. #}
{% macro real(expression) -%} cast({{ expression }} as {{ real_type() }}) {%- endmacro %}

{% macro real_type() -%}
    {{ adapter.dispatch('real_type', 'omnium')() }}
{%- endmacro %}

{% macro default__real_type() -%} double precision {%- endmacro %}

{% macro spark__real_type() -%} double {%- endmacro %}


{# The median of a group: the mean of the two middle values where their number is even. #}
{% macro median(expression) -%}
    {{ adapter.dispatch('median', 'omnium')(expression) }}
{%- endmacro %}

{% macro default__median(expression) -%}
    percentile_cont(0.5) within group (order by {{ expression }})
{%- endmacro %}

{# A `within group` of Spark takes the place of no other aggregate in a window. #}
{% macro spark__median(expression) -%}
    median({{ expression }})
{%- endmacro %}

{% macro duckdb__median(expression) -%}
    median({{ expression }})
{%- endmacro %}


{# Equality for which null equals null. #}
{% macro is_same(left, right) -%}
    {{ adapter.dispatch('is_same', 'omnium')(left, right) }}
{%- endmacro %}

{% macro default__is_same(left, right) -%}
    {{ left }} is not distinct from {{ right }}
{%- endmacro %}

{% macro spark__is_same(left, right) -%}
    (({{ left }}) <=> ({{ right }}))
{%- endmacro %}

{# PostgreSQL joins on `is not distinct from` row by row; on equal texts it can hash. #}
{% macro postgres__is_same(left, right) -%}
    coalesce(cast({{ left }} as text), '') = coalesce(cast({{ right }} as text), '')
{%- endmacro %}


{# An estimated figure, rounded half away from zero, so that engines that add up in another order agree. #}
{% macro rounded(expression, digits=6) -%}
    {{ adapter.dispatch('rounded', 'omnium')(expression, digits) }}
{%- endmacro %}

{% macro default__rounded(expression, digits) -%}
    round({{ real(expression) }}, {{ digits }})
{%- endmacro %}

{% macro postgres__rounded(expression, digits) -%}
    cast(round(cast({{ expression }} as numeric), {{ digits }}) as double precision)
{%- endmacro %}


{#
  Ends a CTE without a condition that several others read. Spark puts its query in place of each of their names otherwise, those in
  the next ones, and works all of them out; of what may differ from time to time it takes one. Its plan has room for each of them
  even so: what many read, and is made of much, is a model of its own.
#}
{% macro worked_out_once() -%}
    {{ adapter.dispatch('worked_out_once', 'omnium')() }}
{%- endmacro %}

{% macro default__worked_out_once() -%}{%- endmacro %}

{% macro spark__worked_out_once() -%}
    where rand() >= 0e0
{%- endmacro %}


{#
  The rows of `relation` with, for each name in `sums`, what that aggregate is of all rows with the same `keys` (none of them null).
  Joined, as sorting for windows takes three times as long; but Spark, which writes a query out each time that it is read, has windows.
#}
{% macro with_sums(relation, keys, sums) -%}
    {{ adapter.dispatch('with_sums', 'omnium')(relation, keys, sums) }}
{%- endmacro %}

{% macro default__with_sums(relation, keys, sums) -%}
    select
        {{ relation }}.*
        {%- for name in sums %},
        summed.{{ name }}
        {%- endfor %}
    from {{ relation }}
    inner join (
        select
            {{ keys | join(', ') }}
            {%- for name, aggregate in sums.items() %},
            {{ aggregate }} as {{ name }}
            {%- endfor %}
        from {{ relation }}
        group by {{ keys | join(', ') }}
    ) as summed
    {%- for key in keys %}
        {{ 'on' if loop.first else 'and' }} summed.{{ key }} = {{ relation }}.{{ key }}
    {%- endfor %}
{%- endmacro %}

{% macro spark__with_sums(relation, keys, sums) -%}
    select
        *
        {%- for name, aggregate in sums.items() %},
        {{ aggregate }} over (partition by {{ keys | join(', ') }}) as {{ name }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}
