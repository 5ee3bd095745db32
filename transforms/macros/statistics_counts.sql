{#
  Quantiles of counts: the number of units that suffices with a given probability if demand comes in few whole units,
  for which the normal distribution would be wrong.
#}

{#
  The smallest whole x with P(X ≤ x) ≥ probability, where X is negative binomial with this mean and variance; Poisson if
  the variance is not above the mean; 0 if the mean is 0.

  mean, variance: names of double precision columns; probability: a literal or column in (0, 1). Exact as long as x is
  at most 1,000. Above that, units are counted s at a time, with s = (mean + √(variance·p/(1−p))) / 1,000 (Cantelli's
  bound on x); the error is about s units. If the variance is too small for that (below s·mean), the normal distribution
  is used.
#}
{% macro negative_binomial_quantile(probability, mean, variance) -%}
    {{ adapter.dispatch('negative_binomial_quantile', 'omnium')(probability, mean, variance) }}
{%- endmacro %}

{#
  With o = max(0, 1 − mean/variance), the probabilities follow the recursion P(k) = P(k−1) · ((k−1)·o + mean·(1−o)) / k,
  from P(0) = (1−o)^(mean·(1−o)/o), or e^(−mean) for o = 0. Logarithms are kept, because P(0) alone may be below the
  smallest floating-point number.
#}
{% macro statistics_count_scale(probability, mean, variance) -%}
    greatest(1e0, ({{ statistics_count_bound(probability, mean, variance) }}) / 1000e0)
{%- endmacro %}

{% macro statistics_count_bound(probability, mean, variance) -%}
    {{ mean }} + sqrt(greatest({{ mean }}, {{ variance }}) * {{ probability }} / (1e0 - {{ probability }}))
{%- endmacro %}

{% macro statistics_log_none(mean, overdispersion) -%}
    case
        when {{ overdispersion }} < 1e-6 then -{{ mean }} * (1e0 - {{ overdispersion }} / 2e0)
        else {{ mean }} * (1e0 - {{ overdispersion }}) / {{ overdispersion }} * ln(1e0 - {{ overdispersion }})
    end
{%- endmacro %}

{#
  The probability still missing, as a multiple of P(k). From probability / P(0) on, it follows the recursion (missing −
  1) · P(k−1) / P(k). k units suffice if it is at most 1, and from there on it is −k − 1. A single number is carried,
  because a loop over records takes three times as long. DuckDB 1.4 needs the initial value as an element of the list.
#}
{% macro duckdb__negative_binomial_quantile(probability, mean, variance) -%}
    {%- set scale = statistics_count_scale(probability, mean, variance) -%}
    {%- set mean_in = '(' ~ mean ~ ' / ' ~ scale ~ ')' -%}
    {%- set over = 'greatest(0e0, 1e0 - ' ~ mean ~ ' * ' ~ scale ~ ' / nullif(' ~ variance ~ ', 0e0))' -%}
    case
        when {{ mean }} is null or {{ variance }} is null then null
        when {{ mean }} <= 0e0 then 0e0
        when {{ variance }} < {{ mean }} * {{ scale }} and {{ scale }} > 1e0
            then ceil({{ mean }} + ({{ normal_quantile(probability) }}) * sqrt({{ variance }}))
        else ceil(list_transform(
            [{
                'scale': {{ scale }},
                'over': {{ over }},
                'base': {{ mean_in }} * (1e0 - {{ over }}),
                'missing': {{ probability }} / exp({{ statistics_log_none(mean_in, over) }}),
                'most': 3 + cast(ceil(({{ statistics_count_bound(probability, mean, variance) }}) / {{ scale }}) as bigint)
            }],
            lambda given: given.scale * (-1e0 - list_reduce(
                list_concat([given.missing], cast(range(1, given.most) as double[])),
                lambda missing, k: case
                    when missing < 0e0 then missing
                    when missing <= 1e0 then -k
                    else (missing - 1e0) * k / (given.base + (k - 1e0) * given.over)
                end
            ))
        )[1])
    end
{%- endmacro %}

{% macro spark__negative_binomial_quantile(probability, mean, variance) -%}
    {%- set scale = statistics_count_scale(probability, mean, variance) -%}
    {%- set mean_in = '(' ~ mean ~ ' / ' ~ scale ~ ')' -%}
    {%- set over = 'greatest(0e0, 1e0 - ' ~ mean ~ ' * ' ~ scale ~ ' / nullif(' ~ variance ~ ', 0e0))' -%}
    case
        when {{ mean }} is null or {{ variance }} is null then null
        when {{ mean }} <= 0e0 then 0e0
        when {{ variance }} < {{ mean }} * {{ scale }} and {{ scale }} > 1e0
            then {{ real('ceil(' ~ mean ~ ' + (' ~ normal_quantile(probability) ~ ') * sqrt(' ~ variance ~ '))') }}
        else aggregate(
            sequence(1L, 2L + cast(ceil(({{ statistics_count_bound(probability, mean, variance) }}) / {{ scale }}) as bigint)),
            named_struct(
                'count', 0L,
                'cumulated', exp({{ statistics_log_none(mean_in, over) }}),
                'log_probability', {{ statistics_log_none(mean_in, over) }},
                'mean', {{ mean_in }},
                'over', {{ over }}
            ),
            (state, step) -> case
                when state.cumulated >= {{ probability }} then state
                else named_struct(
                    'count', step,
                    'cumulated', state.cumulated + exp(
                        state.log_probability + ln(((step - 1) * state.over + state.mean * (1e0 - state.over)) / step)
                    ),
                    'log_probability', state.log_probability
                        + ln(((step - 1) * state.over + state.mean * (1e0 - state.over)) / step),
                    'mean', state.mean,
                    'over', state.over
                )
            end,
            state -> {{ real('ceil(' ~ scale ~ ' * state.count)') }}
        )
    end
{%- endmacro %}

{% macro default__negative_binomial_quantile(probability, mean, variance) -%}
    {%- set scale = statistics_count_scale(probability, mean, variance) -%}
    case
        when {{ mean }} is null or {{ variance }} is null then null
        when {{ mean }} <= 0e0 then 0e0
        when {{ variance }} < {{ mean }} * {{ scale }} and {{ scale }} > 1e0
            then ceil({{ mean }} + ({{ normal_quantile(probability) }}) * sqrt({{ variance }}))
        else (
            select ceil({{ scale }} * min(cumulated.k))
            from (
                select
                    terms.k,
                    sum(exp(terms.log_probability)) over (order by terms.k) as probability
                from (
                    select
                        steps.k,
                        sum(case
                            when steps.k = 0 then {{ statistics_log_none('given.mean_in', 'given.over') }}
                            else ln(((steps.k - 1) * given.over + given.mean_in * (1e0 - given.over)) / steps.k)
                        end) over (order by steps.k) as log_probability
                    from (
                        select
                            cast({{ mean }} / {{ scale }} as {{ real_type() }}) as mean_in,
                            cast(greatest(0e0, 1e0 - {{ mean }} * {{ scale }} / nullif({{ variance }}, 0))
                                as {{ real_type() }}) as over
                    ) as given
                    cross join generate_series(
                        0, 2 + cast(ceil(({{ statistics_count_bound(probability, mean, variance) }}) / {{ scale }}) as bigint)
                    ) as steps (k)
                ) as terms
            ) as cumulated
            where cumulated.probability >= {{ probability }}
        )
    end
{%- endmacro %}
