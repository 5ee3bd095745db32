{#
  Quantiles and tails of demand for many rows. DuckDB counts in columns, with one subselect per unit for all rows and
  quantiles at once, which takes a twentieth of the time of a loop in each row. On other engines each row is computed on
  its own.
#}

{#
  The rows of `given` with a column for each entry {name: probability} of `quantiles`: demand_quantile of the columns
  mean and variance.
#}
{% macro demand_with_quantiles(given, mean, variance, quantiles) -%}
    {{ adapter.dispatch('demand_with_quantiles', 'omnium')(given, mean, variance, quantiles) }}
{%- endmacro %}

{% macro default__demand_with_quantiles(given, mean, variance, quantiles) -%}
select
    *
    {%- for name, probability in quantiles.items() %},
    {{ demand_quantile(probability, mean, variance) }} as {{ name }}
    {%- endfor %}
-- Otherwise PostgreSQL computes mean and variance again for each reference.
from (select * from {{ given }} {{ statistics_barrier() }}) as given_rows
{%- endmacro %}

{#
  With several quantiles, rows that need few units are counted apart from those that need more. Rows that need many are
  gathered and sorted by their number, because a loop takes as long for a single row of a vector as for the longest one.
  With a single quantile the rows stay together, because they are wide and gathering them would cost what it saves.
#}
{% macro duckdb__demand_with_quantiles(given, mean, variance, quantiles) -%}
{%- if var('demand_distribution', 'negative binomial') == 'normal' -%}
{{ default__demand_with_quantiles(given, mean, variance, quantiles) }}
{%- elif quantiles | length == 1 -%}
{{ statistics_counted_or_asked('(' ~ statistics_counted_quantiles(given, mean, variance, quantiles, 64) ~ ')', mean, variance, quantiles) }}
{%- else -%}
{%- set bounds = [] -%}
{%- for probability in quantiles.values() -%}
    {%- do bounds.append(statistics_count_bound(probability, mean, variance)) -%}
{%- endfor -%}
with bounded as materialized (
    select *, coalesce(greatest({{ bounds | join(', ') }}), 0e0) as counted_needed
    from {{ given }}
),

needing_few as (
    select * from bounded where counted_needed <= 16e0
),

needing_more as (
    select * from bounded where counted_needed > 16e0 and counted_needed <= 64e0
),

needing_many as materialized (
    select * from bounded where counted_needed > 64e0 order by counted_needed
)

select * exclude (counted_needed)
from (
    {{ statistics_counted_quantiles('needing_few', mean, variance, quantiles, 16) }}
    union all
    {{ statistics_counted_quantiles('needing_more', mean, variance, quantiles, 64) }}
    union all
    {{ statistics_counted_or_asked(
        '(select *, cast(null as double) as ' ~ quantiles.keys() | join(', cast(null as double) as ') ~ ' from needing_many)',
        mean, variance, quantiles,
    ) }}
)
{%- endif -%}
{%- endmacro %}


{#
  The rows of `counted`, with each quantile that counting did not find computed. The saddlepoint approximation is
  computed step by step in columns, because each step uses t, w and the spread several times. Counts beyond 64 units use
  a loop in their row. The columns saddle_… are temporary.
#}
{% macro statistics_counted_or_asked(counted, mean, variance, quantiles) -%}
select
    * exclude (saddle_size{% for name in quantiles %}, saddle_z_{{ name }}, saddle_y_{{ name }}{% endfor %})
    replace (
        {%- for name, probability in quantiles.items() %}
        case
            when {{ name }} is not null then {{ name }}
            when saddle_y_{{ name }} is not null then ceil(saddle_y_{{ name }} - 0.5e0)
            when {{ mean }} <= 0e0 and {{ variance }} is not null then 0e0
            when {{ statistics_is_quantile_counted(probability, mean, variance) }}
                then {{ negative_binomial_quantile(probability, mean, variance) }}
        end as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
from (
    {%- for _ in range(4) %}
    select
        * exclude (
            {%- for name in quantiles %}
            saddle_tilt_{{ name }}, saddle_spread_{{ name }}, saddle_root_{{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        replace (
            {%- for name in quantiles %}
            {%- set y = 'saddle_y_' ~ name %}
            {%- set deviations = statistics_saddle_deviations_of(
                y, mean, 'saddle_size', 'saddle_tilt_' ~ name, 'saddle_spread_' ~ name, 'saddle_root_' ~ name
            ) %}
            case when {{ y }} is not null then {{ statistics_saddle_step_of(y, 'saddle_z_' ~ name, deviations, 'saddle_spread_' ~ name) }} end
                as {{ y }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
    from (
        select
            *
            {%- for name in quantiles %}
            {%- set y = 'saddle_y_' ~ name %},
            {{ statistics_saddle_tilt(y, mean, 'saddle_size') }} as saddle_tilt_{{ name }},
            {{ statistics_saddle_spread(y, 'saddle_size') }} as saddle_spread_{{ name }},
            case when {{ y }} is not null then {{ statistics_saddle_root(y, mean, 'saddle_size') }} end as saddle_root_{{ name }}
            {%- endfor %}
        from (
    {%- endfor %}
    select
        *
        {%- for name in quantiles %},
        case
            when saddle_z_{{ name }} is not null
                then {{ statistics_saddle_start(mean, 'greatest(' ~ mean ~ ', ' ~ variance ~ ')', 'saddle_z_' ~ name) }}
        end as saddle_y_{{ name }}
        {%- endfor %}
    from (
        select
            *,
            case when {{ mean }} > 0e0 then {{ statistics_size(mean, variance) }} end as saddle_size
            {%- for name, probability in quantiles.items() %},
            case
                when {{ name }} is null and {{ mean }} > 0e0 and not {{ statistics_is_quantile_counted(probability, mean, variance) }}
                    then {{ normal_quantile(probability) }}
            end as saddle_z_{{ name }}
            {%- endfor %}
        from {{ counted }}
    )
    {%- for _ in range(4) %}
        )
    )
    {%- endfor %}
)
{%- endmacro %}


{#
  The rows of `given` with their quantiles if that many counts suffice (within statistics_count_bound they always do),
  else null. The temporary columns counted_… hold, for each quantile, the counts that did not suffice.
#}
{% macro statistics_counted_quantiles(given, mean, variance, quantiles, counts) -%}
select
    * exclude (counted_over, counted_base, counted_term, counted_total{% for name in quantiles %}, counted_{{ name }}{% endfor %})
    {%- for name, probability in quantiles.items() %},
    case
        when {{ mean }} <= 0e0 and {{ variance }} is not null then 0e0
        when counted_total >= {{ probability }} and {{ statistics_count_bound(probability, mean, variance) }}
            <= case when {{ variance }} - {{ mean }} > {{ mean }} * {{ mean }} then 1000e0 else {{ statistics_most_counts() }} end
            then cast(counted_{{ name }} as double)
    end as {{ name }}
    {%- endfor %}
from (
    {%- for count in range(counts, 0, -1) %}
    {%- set term = 'counted_term * (counted_base + ' ~ (count - 1) ~ 'e0 * counted_over) / ' ~ count ~ 'e0' %}
    select * replace (
        {{ term }} as counted_term,
        counted_total + {{ term }} as counted_total
        {%- for name, probability in quantiles.items() %},
        counted_{{ name }} + cast(counted_total + {{ term }} < {{ probability }} as integer) as counted_{{ name }}
        {%- endfor %}
    ) from (
    {%- endfor %}
    select
        *,
        counted_term as counted_total
        {%- for name, probability in quantiles.items() %},
        cast(counted_term < {{ probability }} as integer) as counted_{{ name }}
        {%- endfor %}
    from ({{ statistics_counting(given, mean, variance) }})
    {%- for _ in range(counts) %}){% endfor %}
)
{%- endmacro %}


{# The start values of counting: o, b and P(0) of statistics_counted_tail. #}
{% macro statistics_counting(given, mean, variance) -%}
    select *, case when {{ mean }} > 0e0 then exp({{ statistics_log_none(mean, 'counted_over') }}) else 0e0 end as counted_term
    from (
        select *, {{ mean }} * (1e0 - counted_over) as counted_base
        from (select *, {{ statistics_overdispersion(mean, variance) }} as counted_over from {{ given }})
    )
{%- endmacro %}


{#
  The rows of `given` with two more columns, demand_tail of the columns quantity, mean and variance: `exceeds`, P(D >
  quantity), and `shortage`, E[max(0, D − quantity)]. Other columns may be added.
#}
{% macro demand_with_tail(given, quantity, mean, variance, exceeds, shortage) -%}
    {{ adapter.dispatch('demand_with_tail', 'omnium')(given, quantity, mean, variance, exceeds, shortage) }}
{%- endmacro %}

{% macro default__demand_with_tail(given, quantity, mean, variance, exceeds, shortage) -%}
select
    *,
    {{ statistics_of_pair('tail', 1) }} as {{ exceeds }},
    {{ statistics_of_pair('tail', 2) }} as {{ shortage }}
from (
    select *, {{ demand_tail(quantity, mean, variance) }} as tail
    from (select * from {{ given }} {{ statistics_barrier() }}) as given_rows
    {{ statistics_barrier() }}
) as with_tail
{%- endmacro %}

{#
  P(D ≤ n) = P(0)·(1 + b/1·(1 + (b + o)/2·(1 + …))) from the innermost bracket outwards (tail_sum), and P(n) beside it
  (tail_product), as in statistics_counted_tail.
#}
{% macro duckdb__demand_with_tail(given, quantity, mean, variance, exceeds, shortage) -%}
{%- if var('demand_distribution', 'negative binomial') == 'normal' -%}
{{ default__demand_with_tail(given, quantity, mean, variance, exceeds, shortage) }}
{%- else -%}
select
    * exclude (
        counted_over, counted_base, counted_term, tail_kind, tail_units, tail_size, tail_sum, tail_product, tail_deviations,
        tail_exceeds
    ),
    case tail_kind
        when 'waiting' then 1e0
        when 'enough' then 0e0
        else tail_exceeds
    end as {{ exceeds }},
    case
        when tail_kind = 'waiting' then greatest(0e0, {{ mean }}) - {{ quantity }}
        when tail_kind = 'enough' then 0e0
        when tail_kind = 'counted' then greatest(
            0e0,
            ({{ mean }} - {{ quantity }}) * tail_exceeds
            + counted_term * tail_product * ({{ mean }} + tail_units * counted_over / (1e0 - counted_over))
        )
        when tail_kind in ('large', 'even')
            then {{ statistics_saddle_shortage(quantity, 'tail_units', mean, 'tail_size', 'tail_exceeds') }}
    end as {{ shortage }}
from (
    select
        *,
        case tail_kind
            when 'counted' then greatest(0e0, 1e0 - counted_term * tail_sum)
            when 'even' then {{ normal_cdf('(-tail_deviations)') }}
            when 'large' then {{ statistics_fraction_exceeds('tail_units', mean, 'tail_size') }}
        end as tail_exceeds
    from (
        select
            *,
            case when tail_kind = 'even' then {{ statistics_saddle_deviations('(tail_units + 0.5e0)', mean, 'tail_size') }} end
                as tail_deviations
        from (
            {%- for count in range(1, 64) %}
            {%- set ratio = '(counted_base + ' ~ (count - 1) ~ 'e0 * counted_over) / ' ~ count ~ 'e0' %}
            select * replace (
                1e0 + case when tail_units >= {{ count }}e0 then {{ ratio }} * tail_sum else 0e0 end as tail_sum,
                case when tail_units >= {{ count }}e0 then {{ ratio }} * tail_product else tail_product end as tail_product
            ) from (
            {%- endfor %}
            select
                *,
                1e0 as tail_sum,
                1e0 as tail_product,
                case
                    when {{ mean }} is null or {{ variance }} is null or {{ quantity }} is null then null
                    when {{ quantity }} < 0e0 then 'waiting'
                    when {{ mean }} <= 0e0 then 'enough'
                    -- So far out that both are 0.
                    when {{ statistics_is_far_out(quantity, mean, variance) }} then 'enough'
                    when {{ statistics_is_counted(quantity, mean, variance) }} then 'counted'
                    when {{ statistics_size(mean, variance) }} < {{ statistics_most_size() }} then 'large'
                    else 'even'
                end as tail_kind,
                floor({{ quantity }} + 1e-9) as tail_units,
                case when {{ mean }} > 0e0 then {{ statistics_size(mean, variance) }} end as tail_size
            from ({{ statistics_counting(given, mean, variance) }})
            {%- for _ in range(63) %}){% endfor %}
        )
    )
)
{%- endif -%}
{%- endmacro %}
