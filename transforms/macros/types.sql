{# The types of the marts, each defined once. #}

{# Stock units. #}
{% macro quantity(expression) -%} {{ exact(expression, 'decimal(18, 4)') }} {%- endmacro %}

{# Amounts of money; a currency column always accompanies them. #}
{% macro money(expression) -%} {{ exact(expression, 'decimal(18, 2)') }} {%- endmacro %}

{# An estimated amount. The cast goes through a decimal, because engines round a double at half a cent differently. #}
{% macro estimated_money(expression) -%}
    {{ money(exact(real(expression), 'decimal(28, 8)')) }}
{%- endmacro %}

{# An exact number of this type; null if it has more digits, which staging's limits prevent. #}
{% macro exact(expression, type) -%}
    {{ adapter.dispatch('exact', 'omnium')(expression, type) }}
{%- endmacro %}

{#
  Few engines can try a cast of numbers, so a value limited to the bounds becomes null again. If `greatest` and `least`
  ignore nulls, a null also ends at a bound; otherwise it stays null.
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

{#
  The exact cost of a quantity. DuckDB multiplies two decimals of 18 digits within 18 digits and fails if that is too
  few.
#}
{% macro worth(units, price) -%} (cast({{ units }} as decimal(38, 4)) * {{ price }}) {%- endmacro %}

{# Counts and sums of whole numbers, for which DuckDB would use 128 bits. #}
{% macro whole(expression) -%} cast({{ expression }} as bigint) {%- endmacro %}

{# Estimated figures, such as means, deviations, shares and probabilities. #}
{% macro real(expression) -%} cast({{ expression }} as {{ real_type() }}) {%- endmacro %}

{% macro real_type() -%}
    {{ adapter.dispatch('real_type', 'omnium')() }}
{%- endmacro %}

{% macro default__real_type() -%} double precision {%- endmacro %}

{% macro spark__real_type() -%} double {%- endmacro %}


{# The median of a group; the mean of the two middle values if their number is even. #}
{% macro median(expression) -%}
    {{ adapter.dispatch('median', 'omnium')(expression) }}
{%- endmacro %}

{% macro default__median(expression) -%}
    percentile_cont(0.5) within group (order by {{ expression }})
{%- endmacro %}

{# Spark's `within group` cannot replace another aggregate in a window. #}
{% macro spark__median(expression) -%}
    median({{ expression }})
{%- endmacro %}

{% macro duckdb__median(expression) -%}
    median({{ expression }})
{%- endmacro %}


{# Equality in which null equals null. #}
{% macro is_same(left, right) -%}
    {{ adapter.dispatch('is_same', 'omnium')(left, right) }}
{%- endmacro %}

{% macro default__is_same(left, right) -%}
    {{ left }} is not distinct from {{ right }}
{%- endmacro %}

{% macro spark__is_same(left, right) -%}
    (({{ left }}) <=> ({{ right }}))
{%- endmacro %}

{# PostgreSQL joins on `is not distinct from` row by row, but can hash a join on equal texts. #}
{% macro postgres__is_same(left, right) -%}
    coalesce(cast({{ left }} as text), '') = coalesce(cast({{ right }} as text), '')
{%- endmacro %}


{# An estimated figure, rounded half away from zero, so that engines that sum in a different order agree. #}
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
  Ends a CTE without a condition that several others read. Otherwise Spark inlines its query for each reference, and
  those of the following CTEs in turn, and computes all of them. It keeps a single copy of a query that is not
  deterministic. Its plan still contains every copy, so a complex query with many readers should be a model of its own.
#}
{% macro worked_out_once() -%}
    {{ adapter.dispatch('worked_out_once', 'omnium')() }}
{%- endmacro %}

{% macro default__worked_out_once() -%}{%- endmacro %}

{% macro spark__worked_out_once() -%}
    where rand() >= 0e0
{%- endmacro %}


{#
  The rows of `relation` with, for each name in `sums`, that aggregate over all rows with the same `keys` (never null).
  A join is used because sorting for windows takes three times as long. Spark, which evaluates a query each time that it
  is read, uses windows.
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
