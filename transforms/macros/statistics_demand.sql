{#
  Demand over some days with known mean and variance. It is negative binomial (Poisson if the variance is not above the
  mean), so that reorder point, risk and shortage come from the same distribution.

  mean, variance, quantity: names of double precision columns. Small counts are summed one by one. For larger ones, the
  probability is the incomplete beta function if r = mean² / (variance − mean) is below 50 (its continued fraction, DLMF
  8.17.22, fourteen terms: accurate to 1e-6), and otherwise the saddlepoint approximation (Barndorff-Nielsen 1986 with
  Daniels' correction for whole numbers, 1987: error below 4e-4). Quantiles use that approximation whenever r is 1 or
  more; their error is a thousandth if r is large, about a hundredth near r = 1, and at most 4 % (22,464 of them
  compared with scipy). Two Newton steps with the fraction would make them exact but take four times as long.
  tests/transforms/test_demand_distribution.py compares all of it with scipy. With var('demand_distribution') =
  'normal', for goods that are measured rather than counted, the normal distribution replaces both.
#}

{# The smallest whole x with P(D ≤ x) ≥ probability (a literal or column in (0, 1)); 0 if the mean is 0. #}
{% macro demand_quantile(probability, mean, variance) -%}
    {%- if var('demand_distribution', 'negative binomial') == 'normal' -%}
    {{ mean }} + ({{ normal_quantile(probability) }}) * sqrt({{ variance }})
    {%- else -%}
    case
        when {{ mean }} is null or {{ variance }} is null then null
        when {{ mean }} <= 0e0 then 0e0
        when {{ statistics_is_quantile_counted(probability, mean, variance) }} then {{ negative_binomial_quantile(probability, mean, variance) }}
        else {{ statistics_saddle_quantile(probability, mean, variance) }}
    end
    {%- endif -%}
{%- endmacro %}


{#
  A pair: P(D > quantity), the probability of a shortage with so many units (1 below 0), and E[max(0, D − quantity)],
  the mean number of units short. For many rows use demand_with_tail.
#}
{% macro demand_tail(quantity, mean, variance) -%}
    {%- set pair = statistics_pair -%}
    {%- set size = statistics_size(mean, variance) -%}
    {%- set count = 'floor(' ~ quantity ~ ' + 1e-9)' -%}
    case
        when {{ mean }} is null or {{ variance }} is null or {{ quantity }} is null then null
        {%- if var('demand_distribution', 'negative binomial') == 'normal' %}
        when {{ variance }} > 0e0 then {{ statistics_normal_tail(quantity, mean, variance) }}
        when {{ quantity }} >= {{ mean }} then {{ pair('0e0', '0e0') }}
        else {{ pair('1e0', mean ~ ' - ' ~ quantity) }}
        {%- else %}
        when {{ quantity }} < 0e0 then {{ pair('1e0', 'greatest(0e0, ' ~ mean ~ ') - ' ~ quantity) }}
        when {{ mean }} <= 0e0 then {{ pair('0e0', '0e0') }}
        -- So far out that both are 0.
        when {{ statistics_is_far_out(quantity, mean, variance) }} then {{ pair('0e0', '0e0') }}
        when {{ quantity }} < 16e0 then {{ statistics_counted_tail(quantity, mean, variance, 16) }}
        when {{ statistics_is_counted(quantity, mean, variance) }} then {{ statistics_counted_tail(quantity, mean, variance, 64) }}
        else {{ statistics_saddle_tail(quantity, count, mean, variance, size) }}
        {%- endif %}
    end
{%- endmacro %}


{% macro statistics_is_far_out(quantity, mean, variance) -%}
    {{ quantity }} > {{ mean }} + 40e0 * (sqrt({{ variance }}) + {{ variance }} / {{ mean }}) + 40e0
{%- endmacro %}

{# Whether a tail is summed count by count. #}
{% macro statistics_is_counted(quantity, mean, variance) -%}
    {{ quantity }} < 16e0 or {{ quantity }} < {{ statistics_most_counts() }} and {{ variance }} - {{ mean }} > {{ mean }} * {{ mean }}
{%- endmacro %}


{# Whether a quantile is found by counting. #}
{% macro statistics_is_quantile_counted(probability, mean, variance) -%}
    ({{ statistics_count_bound(probability, mean, variance) }} <= {{ statistics_most_counts() }}
        or {{ variance }} - {{ mean }} > {{ mean }} * {{ mean }})
{%- endmacro %}


{# The number of units up to which every count is summed. #}
{% macro statistics_most_counts() -%} 64e0 {%- endmacro %}


{#
  r of the negative binomial; if the variance is not above the mean, a practically infinite value, which gives a
  Poisson.
#}
{% macro statistics_size(mean, variance) -%}
    ({{ mean }} * {{ mean }} / greatest({{ variance }} - {{ mean }}, {{ mean }} * {{ mean }} * 1e-7))
{%- endmacro %}


{% macro statistics_pair(first, second) -%}
    {{ adapter.dispatch('statistics_pair', 'omnium')(first, second) }}
{%- endmacro %}

{% macro duckdb__statistics_pair(first, second) -%}
    [{{ first }}, {{ second }}]
{%- endmacro %}

{% macro spark__statistics_pair(first, second) -%}
    array({{ real(first) }}, {{ real(second) }})
{%- endmacro %}

{# The first or the second of a pair; place is 1 or 2. #}
{% macro statistics_of_pair(pair, place) -%}
    {{ return(adapter.dispatch('statistics_of_pair', 'omnium')(pair, place)) }}
{%- endmacro %}

{% macro default__statistics_of_pair(pair, place) -%}
    {{ return(pair ~ '[' ~ place ~ ']') }}
{%- endmacro %}

{% macro spark__statistics_of_pair(pair, place) -%}
    {{ return('element_at(' ~ pair ~ ', ' ~ place ~ ')') }}
{%- endmacro %}

{% macro default__statistics_pair(first, second) -%}
    array[cast({{ first }} as {{ real_type() }}), cast({{ second }} as {{ real_type() }})]
{%- endmacro %}


{# The r up to which the continued fraction is used; beyond it, fourteen terms are not enough. #}
{% macro statistics_most_size() -%} 50e0 {%- endmacro %}


{#
  P(D > n) of a negative binomial with size r and mean m, for real n ≥ 0: the incomplete beta function I_q(n + 1, r), q
  = m / (m + r); below the mean 1 − I_p(r, n + 1), p = r / (m + r), because the fraction converges only on that side.
#}
{% macro statistics_fraction_exceeds(n, mean, size) -%}
    {%- set above = '(' ~ n ~ ' + 1e0)' -%}
    {%- set sold = '(' ~ mean ~ ' / (' ~ mean ~ ' + ' ~ size ~ '))' -%}
    {%- set unsold = '(' ~ size ~ ' / (' ~ mean ~ ' + ' ~ size ~ '))' -%}
    {%- set front -%}
        exp(greatest(-700e0,
            {{ statistics_log_gamma('(' ~ above ~ ' + ' ~ size ~ ')') }} - ({{ statistics_log_gamma(above) }})
            - ({{ statistics_log_gamma(size) }}) + {{ above }} * ln({{ sold }}) + {{ size }} * ln({{ unsold }})
        ))
    {%- endset -%}
    case
        when {{ sold }} > ({{ above }} + 1e0) / ({{ above }} + {{ size }} + 2e0)
            then 1e0 - {{ front }} / ({{ size }} * {{ statistics_beta_fraction(size, above, unsold) }})
        else {{ front }} / ({{ above }} * {{ statistics_beta_fraction(above, size, sold) }})
    end
{%- endmacro %}

{# The continued fraction of I_x(a, b), 1 + d1 / (1 + d2 / (1 + …)), from the innermost term outwards. #}
{% macro statistics_beta_fraction(a, b, x) -%}
    {%- for k in range(1, 15) -%}
    (1e0 - ({{ a }} + {{ k - 1 }}e0) * ({{ a }} + {{ b }} + {{ k - 1 }}e0) * {{ x }}
        / (({{ a }} + {{ 2 * k - 2 }}e0) * ({{ a }} + {{ 2 * k - 1 }}e0))
        / (1e0 + {{ k }}e0 * ({{ b }} - {{ k }}e0) * {{ x }} / (({{ a }} + {{ 2 * k - 1 }}e0) * ({{ a }} + {{ 2 * k }}e0))
        / {% endfor -%} 1e0 {%- for k in range(1, 15) -%} )) {%- endfor -%}
{%- endmacro %}

{#
  P(n) of a negative binomial with size r and mean m, for real n; at least e^−700, because PostgreSQL rejects smaller
  values.
#}
{% macro statistics_count_probability(n, mean, size) -%}
    exp(greatest(-700e0,
        {{ statistics_log_gamma('(' ~ n ~ ' + ' ~ size ~ ')') }} - ({{ statistics_log_gamma(size) }})
        - ({{ statistics_log_gamma('(' ~ n ~ ' + 1e0)') }})
        + {{ size }} * ln({{ size }} / ({{ mean }} + {{ size }})) + {{ n }} * ln({{ mean }} / ({{ mean }} + {{ size }}))
    ))
{%- endmacro %}


{#
  The number of standard deviations by which y exceeds the mean (r*), where Φ(r*) = P(D ≤ y − ½). With size r and mean
  m: t = ln(y(m + r) / (m(y + r))), w = ±√(2(y·ln(y/m) − (y + r)·ln((y + r)/(m + r)))), u = 2·sinh(t/2)·√(y(y + r)/r),
  r* = w + ln(u/w)/w; near the mean its limit.
#}
{% macro statistics_saddle_deviations(y, mean, size) -%}
    {{ statistics_saddle_deviations_of(
        y, mean, size, statistics_saddle_tilt(y, mean, size), statistics_saddle_spread(y, size), statistics_saddle_root(y, mean, size)
    ) }}
{%- endmacro %}

{# The same from t, √(y(y + r)/r) and w if they are already columns. #}
{% macro statistics_saddle_deviations_of(y, mean, size, tilt, spread, root) -%}
    case
        when abs({{ tilt }} * {{ spread }}) < 0.05e0
            then ({{ y }} - {{ mean }}) / {{ spread }} + (1e0 + 2e0 * {{ mean }} / {{ size }}) / {{ spread }} / 6e0
        else {{ root }} + ln((exp({{ tilt }} / 2e0) - exp(-{{ tilt }} / 2e0)) * {{ spread }} / {{ root }}) / {{ root }}
    end
{%- endmacro %}

{# t. #}
{% macro statistics_saddle_tilt(y, mean, size) -%}
    ln({{ y }} * ({{ mean }} + {{ size }}) / ({{ mean }} * ({{ y }} + {{ size }})))
{%- endmacro %}

{% macro statistics_saddle_spread(y, size) -%}
    sqrt({{ y }} * ({{ y }} + {{ size }}) / {{ size }})
{%- endmacro %}

{# w, the signed root of the deviance. #}
{% macro statistics_saddle_root(y, mean, size) -%}
    (sign({{ y }} - {{ mean }}) * sqrt(greatest(1e-30, 2e0 * (
        {{ y }} * ln({{ y }} / {{ mean }})
        - ({{ y }} + {{ size }}) * ln(({{ y }} + {{ size }}) / ({{ mean }} + {{ size }}))
    ))))
{%- endmacro %}

{# A Newton step towards the y that is z deviations above the mean: y + (z − r*) / (dw/dy), where dw/dy = t / w. #}
{% macro statistics_saddle_step(y, mean, size, z) -%}
    {{ statistics_saddle_step_of(y, z, statistics_saddle_deviations(y, mean, size), statistics_saddle_spread(y, size)) }}
{%- endmacro %}

{% macro statistics_saddle_step_of(y, z, deviations, spread) -%}
    greatest(0.25e0, {{ y }} + ({{ z }} - ({{ deviations }})) * {{ spread }})
{%- endmacro %}

{# The start value: the quantile with a first-order correction for skewness (Cornish and Fisher). #}
{% macro statistics_saddle_start(mean, variance, z) -%}
    greatest(0.5e0, {{ mean }} + {{ z }} * sqrt({{ variance }}) + ({{ z }} * {{ z }} - 1e0) * (2e0 * {{ variance }} / {{ mean }} - 1e0) / 6e0)
{%- endmacro %}

{% macro statistics_saddle_quantile(probability, mean, variance) -%}
    {{ adapter.dispatch('statistics_saddle_quantile', 'omnium')(probability, mean, variance) }}
{%- endmacro %}

{% macro duckdb__statistics_saddle_quantile(probability, mean, variance) -%}
    {%- set given = 'given.mean', 'given.size', 'given.z' -%}
    list_transform(
        {%- for _ in range(4) %}
        list_transform(
        {%- endfor %}
        [{
            'y': {{ statistics_saddle_start(mean, 'greatest(' ~ mean ~ ', ' ~ variance ~ ')', '(' ~ normal_quantile(probability) ~ ')') }},
            'mean': {{ mean }},
            'size': {{ statistics_size(mean, variance) }},
            'z': {{ normal_quantile(probability) }}
        }]
        {%- for _ in range(4) %},
        lambda given: {
            'y': {{ statistics_saddle_step('given.y', 'given.mean', 'given.size', 'given.z') }},
            'mean': given.mean, 'size': given.size, 'z': given.z
        })
        {%- endfor %},
        lambda given: ceil(given.y - 0.5e0)
    )[1]
{%- endmacro %}

{% macro spark__statistics_saddle_quantile(probability, mean, variance) -%}
    element_at(transform(
        {%- for _ in range(4) %}
        transform(
        {%- endfor %}
        array(named_struct(
            'y', {{ statistics_saddle_start(mean, 'greatest(' ~ mean ~ ', ' ~ variance ~ ')', '(' ~ normal_quantile(probability) ~ ')') }},
            'mean', {{ mean }},
            'size', {{ statistics_size(mean, variance) }},
            'z', {{ normal_quantile(probability) }}
        ))
        {%- for _ in range(4) %},
        given -> named_struct(
            'y', {{ statistics_saddle_step('given.y', 'given.mean', 'given.size', 'given.z') }},
            'mean', given.mean, 'size', given.size, 'z', given.z
        ))
        {%- endfor %},
        given -> {{ real('ceil(given.y - 0.5e0)') }}
    ), 1)
{%- endmacro %}


{#
  Ends a subselect whose columns are to be computed once. Otherwise PostgreSQL substitutes their formulas for their
  names, nested in each other, until its planner runs out of memory.
#}
{% macro statistics_barrier() -%}
    {{ adapter.dispatch('statistics_barrier', 'omnium')() }}
{%- endmacro %}

{% macro default__statistics_barrier() -%}{%- endmacro %}

{% macro postgres__statistics_barrier() -%}
    offset 0
{%- endmacro %}


{% macro default__statistics_saddle_quantile(probability, mean, variance) -%}
    (
        select ceil(fourth.y - 0.5e0)
        from (
            select
                cast({{ mean }} as {{ real_type() }}) as mean,
                cast(greatest({{ mean }}, {{ variance }}) as {{ real_type() }}) as variance,
                cast({{ statistics_size(mean, variance) }} as {{ real_type() }}) as size,
                cast({{ normal_quantile(probability) }} as {{ real_type() }}) as z
            {{ statistics_barrier() }}
        ) as given
        cross join lateral (select {{ statistics_saddle_start('given.mean', 'given.variance', 'given.z') }} as y {{ statistics_barrier() }}) as started
        cross join lateral (select {{ statistics_saddle_step('started.y', 'given.mean', 'given.size', 'given.z') }} as y {{ statistics_barrier() }}) as first
        cross join lateral (select {{ statistics_saddle_step('first.y', 'given.mean', 'given.size', 'given.z') }} as y {{ statistics_barrier() }}) as second
        cross join lateral (select {{ statistics_saddle_step('second.y', 'given.mean', 'given.size', 'given.z') }} as y {{ statistics_barrier() }}) as third
        cross join lateral (select {{ statistics_saddle_step('third.y', 'given.mean', 'given.size', 'given.z') }} as y {{ statistics_barrier() }}) as fourth
    )
{%- endmacro %}


{#
  The tail above a large count n. With P(n) by Stirling's series, the shortage above n is (m − n)·P(D > n) + P(n)·m·(1 +
  n/r); between whole numbers it falls by P(D > n) per unit.
#}
{% macro statistics_saddle_tail(quantity, count, mean, variance, size) -%}
    {{ adapter.dispatch('statistics_saddle_tail', 'omnium')(quantity, count, mean, variance, size) }}
{%- endmacro %}

{# Bound to names step by step, because each formula uses the one before a dozen times. #}
{% macro spark__statistics_saddle_tail(quantity, count, mean, variance, size) -%}
    {%- set kept = "'quantity', given.quantity, 'n', given.n, 'mean', given.mean, 'size', given.size" -%}
    element_at(transform(
        transform(
            transform(
                array(named_struct('quantity', {{ quantity }}, 'n', {{ count }}, 'mean', {{ mean }}, 'size', {{ size }})),
                given -> named_struct(
                    {{ kept }},
                    'deviations', {{ statistics_saddle_deviations('(given.n + 0.5e0)', 'given.mean', 'given.size') }}
                )
            ),
            given -> named_struct(
                {{ kept }},
                'exceeds', case
                    when given.size < {{ statistics_most_size() }}
                        then {{ statistics_fraction_exceeds('given.n', 'given.mean', 'given.size') }}
                    else {{ normal_cdf('(-given.deviations)') }}
                end
            )
        ),
        given -> {{ statistics_pair('given.exceeds', statistics_saddle_shortage('given.quantity', 'given.n', 'given.mean', 'given.size', 'given.exceeds')) }}
    ), 1)
{%- endmacro %}

{% macro default__statistics_saddle_tail(quantity, count, mean, variance, size) -%}
    (
        select {{ statistics_pair('given.exceeds', statistics_saddle_shortage('given.quantity', 'given.n', 'given.mean', 'given.size', 'given.exceeds')) }}
        from (
            select
                given.*,
                case
                    when given.size < {{ statistics_most_size() }}
                        then {{ statistics_fraction_exceeds('given.n', 'given.mean', 'given.size') }}
                    else {{ normal_cdf('(-given.deviations)') }}
                end as exceeds
            from (
                select
                    given.*,
                    {{ statistics_saddle_deviations('(given.n + 0.5e0)', 'given.mean', 'given.size') }} as deviations
                from (
                    select
                        cast({{ quantity }} as {{ real_type() }}) as quantity,
                        cast({{ count }} as {{ real_type() }}) as n,
                        cast({{ mean }} as {{ real_type() }}) as mean,
                        cast({{ size }} as {{ real_type() }}) as size
                    {{ statistics_barrier() }}
                ) as given
                {{ statistics_barrier() }}
            ) as given
            {{ statistics_barrier() }}
        ) as given
    )
{%- endmacro %}

{% macro statistics_saddle_shortage(quantity, n, mean, size, exceeds) -%}
    greatest(
        0e0,
        ({{ mean }} - {{ quantity }}) * {{ exceeds }}
        + {{ mean }} * (1e0 + {{ n }} / {{ size }}) * {{ statistics_count_probability(n, mean, size) }}
    )
{%- endmacro %}

{# ln Γ(x) for x > 0 to 8 digits: Stirling's series of x + 4. #}
{% macro statistics_log_gamma(x) -%}
    (({{ x }} + 3.5e0) * ln({{ x }} + 4e0) - {{ x }} - 3.0810614667953273e0 + 1e0 / (12e0 * ({{ x }} + 4e0))
        - 1e0 / (360e0 * ({{ x }} + 4e0) * ({{ x }} + 4e0) * ({{ x }} + 4e0))
        - ln({{ x }} * ({{ x }} + 1e0) * ({{ x }} + 2e0) * ({{ x }} + 3e0)))
{%- endmacro %}


{% macro statistics_normal_tail(quantity, mean, variance) -%}
    {%- set k = '((' ~ quantity ~ ' - ' ~ mean ~ ') / sqrt(' ~ variance ~ '))' -%}
    {{ statistics_pair('1e0 - (' ~ normal_cdf(k) ~ ')', 'sqrt(' ~ variance ~ ') * (' ~ normal_loss(k) ~ ')') }}
{%- endmacro %}


{#
  The tail above a small count n. With o = max(0, 1 − m/variance) and b = m·(1 − o), the probabilities follow the
  recursion P(k) = P(k−1) · (b + (k−1)·o) / k, so that P(D ≤ n) = P(0)·(1 + b/1·(1 + (b + o)/2·(1 + …))). The formula is
  written out, which is faster than any loop.
#}
{% macro statistics_counted_tail(quantity, mean, variance, most) -%}
    {{ adapter.dispatch('statistics_counted_tail', 'omnium')(quantity, mean, variance, most) }}
{%- endmacro %}

{#
  A loop, from the innermost bracket outwards: written out, it is a plan of megabytes that Spark optimizes for minutes.
#}
{% macro spark__statistics_counted_tail(quantity, mean, variance, most) -%}
    {%- set over = statistics_overdispersion(mean, variance) -%}
    element_at(transform(
        transform(
            array(named_struct(
                'quantity', {{ quantity }}, 'n', floor({{ quantity }} + 1e-9), 'mean', {{ mean }}, 'over', {{ over }},
                'base', {{ mean }} * (1e0 - {{ over }}), 'none', exp({{ statistics_log_none(mean, over) }})
            )),
            given -> aggregate(
                case
                    when given.n >= 1 then sequence(cast(given.n as bigint), 1L, -1L)
                    else cast(array() as array<bigint>)
                end,
                named_struct(
                    'quantity', given.quantity, 'n', given.n, 'mean', given.mean, 'over', given.over,
                    'exceeds', 1e0,
                    'probability', given.none
                ),
                (state, k) -> named_struct(
                    'quantity', state.quantity, 'n', state.n, 'mean', state.mean, 'over', state.over,
                    'exceeds', 1e0 + (given.base + (k - 1) * given.over) / k * state.exceeds,
                    'probability', (given.base + (k - 1) * given.over) / k * state.probability
                ),
                state -> named_struct(
                    'quantity', state.quantity, 'n', state.n, 'mean', state.mean, 'over', state.over,
                    'exceeds', greatest(0e0, 1e0 - given.none * state.exceeds),
                    'probability', state.probability
                )
            )
        ),
        given -> {{ statistics_pair('given.exceeds', statistics_counted_shortage('given')) }}
    ), 1)
{%- endmacro %}

{% macro default__statistics_counted_tail(quantity, mean, variance, most) -%}
    (
        select array[given.exceeds, {{ statistics_counted_shortage('given') }}]
        from (
            select given.*, {{ statistics_counted_exceeds('given', most) }} as exceeds, {{ statistics_counted_probability('given', most) }} as probability
            from (
                select
                    given.*,
                    given.mean * (1e0 - given.over) as base,
                    -- PostgreSQL rejects what is too small for a float.
                    exp(greatest(-700e0, {{ statistics_log_none('given.mean', 'given.over') }})) as none
                from (
                    select
                        cast({{ quantity }} as {{ real_type() }}) as quantity,
                        cast(floor({{ quantity }} + 1e-9) as {{ real_type() }}) as n,
                        cast({{ mean }} as {{ real_type() }}) as mean,
                        cast({{ statistics_overdispersion(mean, variance) }} as {{ real_type() }}) as over
                    {{ statistics_barrier() }}
                ) as given
                {{ statistics_barrier() }}
            ) as given
            {{ statistics_barrier() }}
        ) as given
    )
{%- endmacro %}

{% macro statistics_overdispersion(mean, variance) -%}
    greatest(0e0, 1e0 - {{ mean }} / nullif({{ variance }}, 0e0))
{%- endmacro %}

{% macro statistics_counted_exceeds(given, most) -%}
    greatest(0e0, 1e0 - {{ given }}.none * (1e0
    {%- for k in range(1, most) %}
        + case when {{ given }}.n < {{ k }} then 0e0 else ({{ given }}.base + {{ k - 1 }} * {{ given }}.over) / {{ k }}e0 * (1e0
    {%- endfor %}
    {%- for k in range(1, most) %}) end{% endfor %}))
{%- endmacro %}

{% macro statistics_counted_probability(given, most) -%}
    {{ given }}.none
    {%- for k in range(1, most) %}
        * case when {{ given }}.n < {{ k }} then 1e0 else ({{ given }}.base + {{ k - 1 }} * {{ given }}.over) / {{ k }}e0 end
    {%- endfor %}
{%- endmacro %}

{# (m − n)·P(D > n) + P(n)·(m + n·o/(1 − o)) at whole n; P(D > n) less for each further unit. #}
{% macro statistics_counted_shortage(given) -%}
    greatest(
        0e0,
        ({{ given }}.mean - {{ given }}.quantity) * {{ given }}.exceeds
        + {{ given }}.probability * ({{ given }}.mean + {{ given }}.n * {{ given }}.over / (1e0 - {{ given }}.over))
    )
{%- endmacro %}
