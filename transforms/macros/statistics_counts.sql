{#
  Counts: how many units are enough with a given probability, and how likely more are, when demand comes in whole
  units. X is negative binomial with the given mean and variance; Poisson where the variance is not above the mean;
  0 where the mean is 0.

  mean, variance, quantity: names of columns of double precision; probability: a literal or column in (0, 1).

  Three ways, by how large the figures are:
  - up to 150 units: counted one by one, exact.
  - more, and the distribution not very skewed (mean² ≥ 2 · (variance − mean), or Poisson): the approximation of Peizer
    and Pratt 1968 to the binomial (Johnson, Kemp and Kotz, Univariate Discrete Distributions, 3.6.1), by which the
    negative binomial follows; off by less than 0.0006 in probability.
  - more, and very skewed: counted in 200 steps of several units, interpolated; off by about 1 %.
#}

{# The quantile of the demand over some days: the smallest whole x with P(X ≤ x) ≥ probability. #}
{% macro demand_quantile(probability, mean, variance) -%}
    {{ negative_binomial_quantile(probability, mean, variance) }}
{%- endmacro %}


{# P(X > quantity); 1 where the quantity is below 0. #}
{% macro demand_exceeds(quantity, mean, variance) -%}
    case
        when {{ quantity }} is null or {{ mean }} is null or {{ variance }} is null then null
        when {{ quantity }} < 0e0 then 1e0
        when {{ mean }} <= 0e0 then 0e0
        else least(1e0, greatest(0e0, 1e0 - ({{ statistics_count_cdf(quantity, mean, variance) }})))
    end
{%- endmacro %}


{#
  E[max(0, X − quantity)]: units short when so many are there. By P of a distribution with one success more:
  Σ_{k ≤ x} k·P(k) = mean · P(X' ≤ x − 1), X' with r + 1 in place of r (for Poisson X' = X).
#}
{% macro demand_shortage(quantity, mean, variance) -%}
    {%- set over = 'greatest(0e0, ' ~ variance ~ ' / nullif(' ~ mean ~ ', 0e0) - 1e0)' -%}
    {%- set next_mean = '(' ~ mean ~ ' + ' ~ over ~ ')' -%}
    {%- set next_variance = '(' ~ next_mean ~ ' * (1e0 + ' ~ over ~ '))' -%}
    {%- set whole = 'floor(' ~ quantity ~ ' + 1e-9)' -%}
    case
        when {{ quantity }} is null or {{ mean }} is null or {{ variance }} is null then null
        when {{ quantity }} <= 0e0 then greatest(0e0, {{ mean }} - {{ quantity }})
        when {{ mean }} <= 0e0 then 0e0
        else greatest(
            0e0,
            {{ mean }} * (1e0 - case
                when {{ whole }} < 1e0 then 0e0
                else {{ statistics_count_cdf('(' ~ whole ~ ' - 1e0)', next_mean, next_variance) }}
            end)
            - {{ quantity }} * (1e0 - ({{ statistics_count_cdf(whole, mean, variance) }}))
        )
    end
{%- endmacro %}


{% macro negative_binomial_quantile(probability, mean, variance) -%}
    case
        when {{ mean }} is null or {{ variance }} is null then null
        when {{ mean }} <= 0e0 then 0e0
        when {{ statistics_count_bound(probability, mean, variance) }} <= {{ statistics_most_counted() }}e0
            then {{ statistics_count_quantile(probability, mean, variance, '1e0', 2) }}
        when {{ statistics_is_skewed(mean, variance) }}
            then {{ statistics_count_quantile(
                probability, mean, variance,
                '((' ~ statistics_count_bound(probability, mean, variance) ~ ') / 200e0)', 2
            ) }}
        else {{ statistics_score_quantile(probability, mean, variance) }}
    end
{%- endmacro %}


{% macro statistics_most_counted() -%} 150 {%- endmacro %}


{# No quantile lies above it (Cantelli's inequality). #}
{% macro statistics_count_bound(probability, mean, variance) -%}
    {{ mean }} + sqrt(greatest({{ mean }}, {{ variance }}) * {{ probability }} / (1e0 - {{ probability }}))
{%- endmacro %}


{# Whether the approximation by the normal distribution does not hold: fewer than two successes. #}
{% macro statistics_is_skewed(mean, variance) -%}
    {{ mean }} * {{ mean }} < 2e0 * ({{ variance }} - {{ mean }})
{%- endmacro %}


{#
  With o = max(0, 1 − mean/variance) the probabilities follow each other as
  P(k) = P(k−1) · ((k−1)·o + mean·(1−o)) / k, from P(0) = (1−o)^(mean·(1−o)/o), or e^(−mean) for o = 0.
#}
{% macro statistics_none(mean, over) -%}
    exp(greatest(-700e0, case
        when {{ over }} < 1e-6 then -{{ mean }} * (1e0 - {{ over }} / 2e0)
        else {{ mean }} * (1e0 - {{ over }}) / {{ over }} * ln(1e0 - {{ over }})
    end))
{%- endmacro %}

{% macro statistics_overdispersion(mean, variance, scale) -%}
    greatest(0e0, 1e0 - {{ mean }} * {{ scale }} / nullif({{ variance }}, 0e0))
{%- endmacro %}


{# The quantile, counted in steps of `scale` units (1: exact; more: the last step is interpolated). #}
{% macro statistics_count_quantile(probability, mean, variance, scale, more) -%}
    {{ adapter.dispatch('statistics_count_quantile', 'omnium')(probability, mean, variance, scale, more) }}
{%- endmacro %}

{% macro duckdb__statistics_count_quantile(probability, mean, variance, scale, more) -%}
    {%- set over = statistics_overdispersion(mean, variance, scale) -%}
    {%- set steps %}list_reduce(
        range(1, 1 + {{ more }} + cast(ceil(({{ statistics_count_bound(probability, mean, variance) }}) / {{ scale }}) as bigint)),
        lambda state, k: case
            when state.cumulated >= {{ probability }} then state
            else {
                'count': k,
                'before': state.cumulated,
                'cumulated': state.cumulated + state.probability * ((k - 1) * state.over + state.slope) / k,
                'probability': state.probability * ((k - 1) * state.over + state.slope) / k,
                'slope': state.slope,
                'over': state.over
            }
        end,
        {
            'count': 0::bigint,
            'before': 0e0,
            'cumulated': {{ statistics_none(mean ~ ' / ' ~ scale, over) }},
            'probability': {{ statistics_none(mean ~ ' / ' ~ scale, over) }},
            'slope': {{ mean }} / {{ scale }} * (1e0 - {{ over }}),
            'over': {{ over }}
        }
    ){% endset -%}
    {%- if scale == '1e0' -%}
    cast({{ steps }}.count as double)
    {%- else -%}
    list_transform(
        [{{ steps }}],
        lambda last: ceil(greatest(
            0e0, {{ scale }} * (last.count - 0.5e0 + ({{ probability }} - last.before) / (last.cumulated - last.before)) - 0.5e0
        ))
    )[1]
    {%- endif -%}
{%- endmacro %}

{% macro default__statistics_count_quantile(probability, mean, variance, scale, more) -%}
    (
        select
            {%- if scale == '1e0' %}
            cast(counted.k as double precision)
            {%- else %}
            ceil(greatest(
                0e0, {{ scale }} * (counted.k - 0.5e0 + ({{ probability }} - counted.before) / (counted.cumulated - counted.before)) - 0.5e0
            ))
            {%- endif %}
        from {{ statistics_counted(mean, variance, scale, "cast(ceil((" ~ statistics_count_bound(probability, mean, variance) ~ ") / " ~ scale ~ ") as bigint) + " ~ more) }}
        where counted.cumulated >= {{ probability }}
        order by counted.k
        limit 1
    )
{%- endmacro %}

{# The distribution as a relation `counted`: k from 0 on, `before` = P(X < k), `cumulated` = P(X ≤ k), in steps of `scale`. #}
{% macro statistics_counted(mean, variance, scale, most) -%}
    (
        select
            summed.k,
            summed.cumulated - summed.probability as before,
            summed.cumulated
        from (
            select
                terms.k,
                exp(greatest(-700e0, terms.log_probability)) as probability,
                sum(exp(greatest(-700e0, terms.log_probability))) over (order by terms.k) as cumulated
            from (
                select
                    steps.k,
                    sum(case
                        when steps.k = 0 then ln(greatest(1e-300, {{ statistics_none('given.mean_in', 'given.over') }}))
                        else ln(((steps.k - 1) * given.over + given.mean_in * (1e0 - given.over)) / steps.k)
                    end) over (order by steps.k) as log_probability
                from (
                    select
                        cast({{ mean }} / {{ scale }} as double precision) as mean_in,
                        cast({{ statistics_overdispersion(mean, variance, scale) }} as double precision) as over
                ) as given
                cross join generate_series(0, {{ most }}) as steps (k)
            ) as terms
        ) as summed
    ) as counted
{%- endmacro %}


{# P(X ≤ x) for x ≥ 0 and a mean above 0. #}
{% macro statistics_count_cdf(quantity, mean, variance) -%}
    case
        -- so far out that nothing is left
        when {{ quantity }} > {{ mean }} + 40e0 * sqrt(greatest({{ mean }}, {{ variance }})) + 40e0 then 1e0
        when {{ quantity }} <= {{ statistics_most_counted() }}e0 and {{ mean }} <= 4e0 * {{ statistics_most_counted() }}e0
            then {{ statistics_counted_cdf('floor(' ~ quantity ~ ' + 1e-9)', mean, variance, '1e0') }}
        when {{ statistics_is_skewed(mean, variance) }}
            then {{ statistics_counted_cdf(
                '((floor(' ~ quantity ~ ' + 1e-9) + 0.5e0) / greatest(1e0, ' ~ quantity ~ ' / 200e0) - 0.5e0)', mean, variance,
                'greatest(1e0, ' ~ quantity ~ ' / 200e0)'
            ) }}
        else {{ statistics_with(
            statistics_score('floor(' ~ quantity ~ ' + 1e-9)', statistics_successes(mean, variance), mean),
            'score', normal_cdf('score')
        ) }}
    end
{%- endmacro %}

{# P(X ≤ x) counted in steps of `scale` units, between two steps interpolated. #}
{% macro statistics_counted_cdf(steps, mean, variance, scale) -%}
    {{ adapter.dispatch('statistics_counted_cdf', 'omnium')(steps, mean, variance, scale) }}
{%- endmacro %}

{% macro duckdb__statistics_counted_cdf(steps, mean, variance, scale) -%}
    {%- set over = statistics_overdispersion(mean, variance, scale) -%}
    list_transform(
        [list_reduce(
            range(1, 2 + cast(floor({{ steps }}) as bigint)),
            lambda state, k: {
                'before': state.cumulated,
                'cumulated': state.cumulated + state.probability * ((k - 1) * state.over + state.slope) / k,
                'probability': state.probability * ((k - 1) * state.over + state.slope) / k,
                'slope': state.slope,
                'over': state.over
            },
            {
                'before': 0e0,
                'cumulated': {{ statistics_none(mean ~ ' / ' ~ scale, over) }},
                'probability': {{ statistics_none(mean ~ ' / ' ~ scale, over) }},
                'slope': {{ mean }} / {{ scale }} * (1e0 - {{ over }}),
                'over': {{ over }}
            }
        )],
        lambda last: last.before + ({{ steps }} - floor({{ steps }})) * (last.cumulated - last.before)
    )[1]
{%- endmacro %}

{% macro default__statistics_counted_cdf(steps, mean, variance, scale) -%}
    (
        select coalesce(
            max(case when counted.k = floor({{ steps }}) + 1 then
                counted.before + ({{ steps }} - floor({{ steps }})) * (counted.cumulated - counted.before)
            end),
            0e0
        )
        from {{ statistics_counted(mean, variance, scale, "cast(floor(" ~ steps ~ ") as bigint) + 1") }}
    )
{%- endmacro %}


{# An expression in which `name` stands for a value that is computed once. #}
{% macro statistics_with(value, name, expression) -%}
    {{ adapter.dispatch('statistics_with', 'omnium')(value, name, expression) }}
{%- endmacro %}

{% macro duckdb__statistics_with(value, name, expression) -%}
    list_transform([{{ value }}], lambda {{ name }}: {{ expression }})[1]
{%- endmacro %}

{% macro default__statistics_with(value, name, expression) -%}
    (select {{ expression }} from (select {{ value }} as {{ name }} offset 0) as named)
{%- endmacro %}


{# r of the negative binomial: mean² / (variance − mean); very large for Poisson. #}
{% macro statistics_successes(mean, variance) -%}
    ({{ mean }} / greatest(1e-7, {{ variance }} / {{ mean }} - 1e0))
{%- endmacro %}


{# Φ⁻¹(P(X ≤ x)) by Peizer and Pratt, for r ≥ 2 successes. #}
{% macro statistics_score(x, r, mean) -%}
    {%- set n = '(' ~ x ~ ' + ' ~ r ~ ')' -%}
    {%- set share = '(' ~ mean ~ ' / (' ~ r ~ ' + ' ~ mean ~ '))' -%}
    {%- set rest = '(' ~ r ~ ' / (' ~ r ~ ' + ' ~ mean ~ '))' -%}
    (
        ({{ x }} + 2e0 / 3e0 - ({{ n }} + 1e0 / 3e0) * {{ share }}
            + 0.02e0 * ({{ rest }} / ({{ x }} + 1e0) - {{ share }} / {{ r }} + ({{ rest }} - 0.5e0) / ({{ n }} + 1e0)))
        * sqrt((
            1e0 + {{ rest }} * {{ statistics_score_bend('((' ~ x ~ ' + 0.5e0) / (' ~ n ~ ' * ' ~ share ~ '))') }}
            + {{ share }} * {{ statistics_score_bend('((' ~ r ~ ' - 0.5e0) / (' ~ n ~ ' * ' ~ rest ~ '))') }}
        ) / (({{ n }} + 1e0 / 6e0) * {{ share }} * {{ rest }}))
    )
{%- endmacro %}

{# (1 − x² + 2x·ln x) / (1 − x)², by its series near 1. #}
{% macro statistics_score_bend(x) -%}
    case
        when abs(1e0 - {{ x }}) < 1e-3 then (1e0 - {{ x }}) / 3e0 + (1e0 - {{ x }}) * (1e0 - {{ x }}) / 6e0
        else (1e0 - {{ x }} * {{ x }} + 2e0 * {{ x }} * ln({{ x }})) / ((1e0 - {{ x }}) * (1e0 - {{ x }}))
    end
{%- endmacro %}


{#
  The quantile by that score: five steps of the secant rule from the normal distribution's. (`offset 0` keeps PostgreSQL
  from putting each step's text into the next one's, five times over.)
#}
{% macro statistics_score_quantile(probability, mean, variance) -%}
    {{ adapter.dispatch('statistics_score_quantile', 'omnium')(probability, mean, variance) }}
{%- endmacro %}

{# The next guess of the secant rule; the last one where it has arrived: what is left then is rounding. #}
{% macro statistics_next_guess(before, last, wanted, r, mean) -%}
    case
        when abs({{ last }} - {{ before }}) < 1e-3 then {{ last }}
        else greatest(0e0, {{ last }}
            + ({{ wanted }} - {{ statistics_score(last, r, mean) }}) * ({{ last }} - {{ before }})
            / nullif({{ statistics_score(last, r, mean) }} - {{ statistics_score(before, r, mean) }}, 0e0))
    end
{%- endmacro %}

{% macro duckdb__statistics_score_quantile(probability, mean, variance) -%}
    ceil(list_reduce(
        range(1, 6),
        lambda guess, i: {
            'before': guess.last,
            'last': {{ statistics_next_guess('guess.before', 'guess.last', 'guess.wanted', 'guess.r', 'guess.mean') }},
            'wanted': guess.wanted,
            'r': guess.r,
            'mean': guess.mean
        },
        {
            'before': {{ mean }},
            'last': {{ mean }} + ({{ normal_quantile(probability) }}) * sqrt(greatest({{ mean }}, {{ variance }})) + 1e0,
            'wanted': {{ normal_quantile(probability) }},
            'r': {{ statistics_successes(mean, variance) }},
            'mean': {{ mean }}
        }
    ).last - 1e-9)
{%- endmacro %}

{% macro default__statistics_score_quantile(probability, mean, variance) -%}
    (
        select ceil(guess_6.guess - 1e-9)
        from (
            select
                cast({{ mean }} as double precision) as guess,
                cast({{ normal_quantile(probability) }} as double precision) as wanted,
                cast({{ statistics_successes(mean, variance) }} as double precision) as r,
                cast({{ mean }} as double precision) as given_mean
            offset 0
        ) as guess_0
        cross join lateral (
            select guess_0.guess + guess_0.wanted * sqrt(greatest({{ mean }}, {{ variance }})) + 1e0 as guess
            offset 0
        ) as guess_1
        {%- for step in range(2, 7) %}
        cross join lateral (
            select {{ statistics_next_guess(
                'guess_' ~ (step - 2) ~ '.guess', 'guess_' ~ (step - 1) ~ '.guess', 'guess_0.wanted', 'guess_0.r', 'guess_0.given_mean'
            ) }} as guess
            offset 0
        ) as guess_{{ step }}
        {%- endfor %}
    )
{%- endmacro %}
