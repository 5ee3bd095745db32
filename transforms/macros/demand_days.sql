{#
  Expands events and the number of days without another event into one row per day.
#}

{# In a select list: one row per whole number from 0 to `length` − 1. #}
{% macro demand_day_offsets(length) -%}
    {{ adapter.dispatch('demand_day_offsets', 'omnium')(length) }}
{%- endmacro %}

{% macro default__demand_day_offsets(length) -%}
    generate_series(0, cast({{ length }} as integer) - 1)
{%- endmacro %}

{# Spark's sequence counts down if its end is before its beginning. #}
{% macro spark__demand_day_offsets(length) -%}
    explode(case
        when {{ length }} > 0 then sequence(0L, cast({{ length }} as bigint) - 1)
        else cast(array() as array<bigint>)
    end)
{%- endmacro %}

{% macro duckdb__demand_day_offsets(length) -%}
    unnest(range(cast({{ length }} as bigint)))
{%- endmacro %}


{#
  The instant one second before a day begins in var('time_zone'). If clocks change at midnight, the first instant of a
  day may not exist or occur twice. The last second of the day before exists once, or, if it occurs twice, the day
  begins after the second time.
#}
{% macro demand_second_before_day(day) -%}
    {{ adapter.dispatch('demand_second_before_day', 'omnium')(day) }}
{%- endmacro %}

{# If clocks show a time twice, the second one is taken. #}
{% macro default__demand_second_before_day(day) -%}
    ((cast({{ day }} as timestamp) - interval '1 second') at time zone '{{ var("time_zone") }}')
{%- endmacro %}

{# If clocks show a time twice, the first one is taken; if they never show it, the one an hour later. #}
{% macro spark__demand_second_before_day(day) -%}
    (to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("time_zone") }}') - interval '1 second')
{%- endmacro %}


{# Seconds from one instant to another. #}
{% macro demand_seconds(since, until) -%}
    {{ adapter.dispatch('demand_seconds', 'omnium')(since, until) }}
{%- endmacro %}

{% macro default__demand_seconds(since, until) -%}
    extract(epoch from ({{ until }} - {{ since }}))
{%- endmacro %}

{% macro spark__demand_seconds(since, until) -%}
    ((unix_micros({{ until }}) - unix_micros({{ since }})) / 1e6)
{%- endmacro %}


{#
  The share (0…1) of a day that has passed at an instant, by elapsed time; a day on which clocks are set back has 25
  hours.
#}
{% macro demand_day_fraction(instant, day) -%}
    cast(
        ({{ demand_seconds(demand_second_before_day(day), instant) }} - 1)
        / {{ demand_seconds(demand_second_before_day(day), demand_second_before_day(add_days(day, 1))) }}
        as {{ real_type() }}
    )
{%- endmacro %}


{# Customer orders with these statuses are void, so that nobody waits for the goods. #}
{% macro demand_is_canceled_status(status) -%}
    coalesce(lower({{ status }}) in ('ordercanceled', 'canceled', 'cancelled', 'deleted'), false)
{%- endmacro %}


{# Customer orders with these statuses no longer wait for anything. #}
{% macro demand_is_finished_status(status) -%}
    coalesce(lower({{ status }}) in ('completed', 'delivered', 'invoiced', 'returned', 'closed'), false)
{%- endmacro %}


{#
  Exponential smoothing without a loop. Started at the first value, the smoothed size after n values is (1−α)^(n−1)·x₁ +
  Σ α·(1−α)^(n−i)·xᵢ, a sum with these weights. `rank_from_last`: 0 for the newest value; `is_first`: whether it is the
  oldest.
#}
{% macro demand_smoothing_weight(rank_from_last, is_first, alpha=0.1) -%}
    power(1e0 - {{ alpha }}e0, {{ rank_from_last }}) * case when {{ is_first }} then 1e0 else {{ alpha }}e0 end
{%- endmacro %}


{# The first of the last average_daily_usage_days days; the last one is the as-of date. #}
{% macro demand_window_start() -%}
    {{ add_days(as_of(), 1 - var('average_daily_usage_days')) }}
{%- endmacro %}


{# The last non-null quantity up to the day of each row, per key; a key has one row per day. #}
{% macro last_known_by_day(quantity, key) -%}
    {{ adapter.dispatch('last_known_by_day', 'omnium')(quantity, key) }}
{%- endmacro %}

{# Few engines ignore nulls in a window. The greatest text that begins with a day is that of the last day. #}
{% macro default__last_known_by_day(quantity, key) -%}
    cast(substr(
        max(cast(day as varchar(10)) || cast({{ quantity }} as {{ raw_type('text') }})) over (
            partition by {{ key }} order by day rows between unbounded preceding and current row
        ), 11
    ) as decimal(18, 4))
{%- endmacro %}

{% macro duckdb__last_known_by_day(quantity, key) -%}
    last_value({{ quantity }} ignore nulls) over (
        partition by {{ key }} order by day rows between unbounded preceding and current row
    )
{%- endmacro %}

{% macro spark__last_known_by_day(quantity, key) -%}
    last({{ quantity }}, true) over (
        partition by {{ key }} order by day rows between unbounded preceding and current row
    )
{%- endmacro %}
