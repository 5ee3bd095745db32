{#
  Days. A day is a calendar day in var('time_zone'). The distance between two days is a date difference, never hours
  divided by 24.
#}

{# The type of an instant (a point in time). #}
{% macro instant_type() -%}
    {{ return(adapter.dispatch('instant_type', 'omnium')()) }}
{%- endmacro %}

{% macro default__instant_type() -%}
    {{ return('timestamp with time zone') }}
{%- endmacro %}

{# Spark's timestamps are instants, shown in the time zone of the session, which the program sets to UTC. #}
{% macro spark__instant_type() -%}
    {{ return('timestamp') }}
{%- endmacro %}


{# An instant as a literal, from a time in UTC (`2026-01-31 00:00:00`). #}
{% macro instant_literal(time) -%}
    {{ return(instant_type() ~ " '" ~ time ~ "+00:00'") }}
{%- endmacro %}


{# The clock time in UTC at an instant, as a timestamp without time zone. #}
{% macro utc(instant) -%}
    {{ return(adapter.dispatch('utc', 'omnium')(instant)) }}
{%- endmacro %}

{% macro default__utc(instant) -%}
    {{ return('(' ~ instant ~ " at time zone 'UTC')") }}
{%- endmacro %}

{% macro spark__utc(instant) -%}
    {{ return('cast(' ~ instant ~ ' as timestamp_ntz)') }}
{%- endmacro %}


{# The instant at which clocks in UTC show a time (a timestamp without time zone). #}
{% macro from_utc(time) -%}
    {{ return(adapter.dispatch('from_utc', 'omnium')(time)) }}
{%- endmacro %}

{% macro default__from_utc(time) -%}
    {{ return('(' ~ time ~ " at time zone 'UTC')") }}
{%- endmacro %}

{% macro spark__from_utc(time) -%}
    {{ return('cast(' ~ time ~ ' as timestamp)') }}
{%- endmacro %}


{# The calendar day of an instant. 0001-01-01, the "no date" of .NET, is not a day. #}
{% macro local_date(instant) -%}
    {{ adapter.dispatch('local_date', 'omnium')(instant) }}
{%- endmacro %}

{% macro default__local_date(instant) -%}
    case
        when {{ instant }} >= {{ instant_literal('0002-01-01 00:00:00') }}
        then cast({{ instant }} at time zone '{{ var("time_zone") }}' as date)
    end
{%- endmacro %}

{% macro spark__local_date(instant) -%}
    case
        when {{ instant }} >= {{ instant_literal('0002-01-01 00:00:00') }}
        then cast(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}') as date)
    end
{%- endmacro %}


{#
  The calendar day that an instant stands for. A form without time zones sends a day as its midnight in UTC, which in
  America is the evening before; that stands for the named day in every time zone. Any other instant is a time on the
  day on which it falls.
#}
{% macro named_day(instant) -%}
    case
        when {{ instant }} >= {{ instant_literal('0002-01-01 00:00:00') }}
            and {{ utc(instant) }} = cast(cast({{ utc(instant) }} as date) as timestamp)
        then cast({{ utc(instant) }} as date)
        else {{ local_date(instant) }}
    end
{%- endmacro %}

{#
  The last calendar day of a period that ends at an instant, by the same rule. A period that ends with a day in UTC, at
  midnight or in the minute before, ends with that day in every time zone, not an hour into the next one.
#}
{% macro last_named_day(instant) -%}
    {%- set last_second = second_before(instant) | trim -%}
    case
        when extract(hour from {{ utc(last_second) }}) = 23 and extract(minute from {{ utc(last_second) }}) = 59
        then cast({{ utc(last_second) }} as date)
        else {{ local_date(last_second) }}
    end
{%- endmacro %}


{# Days from one date to another, as an integer; negative if `until` comes first. #}
{% macro days_between(since, until) -%}
    {{ adapter.dispatch('days_between', 'omnium')(since, until) }}
{%- endmacro %}

{% macro default__days_between(since, until) -%}
    {{ dbt.datediff(since, until, 'day') }}
{%- endmacro %}

{# The macro of dbt-spark asserts that neither date is null. #}
{% macro spark__days_between(since, until) -%}
    cast(datediff({{ until }}, {{ since }}) as bigint)
{%- endmacro %}

{% macro duckdb__days_between(since, until) -%}
    (({{ until }}) - ({{ since }}))
{%- endmacro %}

{% macro postgres__days_between(since, until) -%}
    (({{ until }}) - ({{ since }}))
{%- endmacro %}


{# The date `days` later; `days` may be any integer expression. #}
{% macro add_days(day, days) -%}
    {{ adapter.dispatch('add_days', 'omnium')(day, days) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    cast({{ dbt.dateadd('day', days, day) }} as date)
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, cast({{ days }} as integer))
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
    (({{ day }}) + cast({{ days }} as integer))
{%- endmacro %}

{% macro postgres__add_days(day, days) -%}
    (({{ day }}) + cast({{ days }} as integer))
{%- endmacro %}


{#
  The date as of which every mart answers, as a literal, so that a build has a single answer: var('as_of_date'), else
  the date of the newest finished load, else (if nothing was ever loaded) today.
#}
{% macro as_of() -%}
    {%- if var('as_of_date') -%}
        cast('{{ var("as_of_date") }}' as date)
    {%- elif not execute -%}
        current_date
    {%- else -%}
        {%- set cache = graph.setdefault('_as_of', {}) -%}
        {%- if 'date' not in cache -%}{%- do cache.update({'date': newest_load_date()}) -%}{%- endif -%}
        cast('{{ cache["date"] }}' as date)
    {%- endif -%}
{%- endmacro %}

{#
  Selects the newest load from a table of loads, by its number if it has one, because the clock may have been ahead at
  an earlier load.
#}
{% macro where_newest_load(table) -%}
    {%- if 'load_id' in raw_columns(table) -%}
        where load_id = (select max(load_id) from {{ raw_relation(table) }})
    {%- endif -%}
{%- endmacro %}

{% macro newest_load_date() -%}
    {%- for table, column in [('_dlt_loads', 'inserted_at'), ('_omnium_runs', 'finished_at')] -%}
        {%- if column in raw_columns(table) -%}
            {%- set newest = run_query(
                "select cast(" ~ local_date("max(" ~ column ~ ")") ~ " as " ~ raw_type('text') ~ ") from " ~ raw_relation(table)
                ~ ' ' ~ where_newest_load(table)
            ).rows[0][0] -%}
            {%- if newest -%}{{ return(newest) }}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(run_started_at.strftime('%Y-%m-%d')) }}
{%- endmacro %}


{#
  Whether the as-of date counts as a day of observed demand. A load at night or in the morning finds no sales of its own
  day yet. Counted like any other day, the newest day, which weighs most, would be one without demand. It counts from
  noon on (in var('time_zone')). A day set explicitly counts too, because it is answered as of its end. A lake does not
  record when it was loaded, so var('is_as_of_day_over') decides.
#}
{% macro is_as_of_day_over() -%}
    {%- if var('as_of_date') or not execute -%}
        {{ return(var('is_as_of_day_over', true)) }}
    {%- endif -%}
    {%- set cache = graph.setdefault('_as_of', {}) -%}
    {%- if 'is_over' not in cache -%}
        {%- set passed = demand_day_fraction(newest_load_instant(), as_of()) -%}
        {%- set found = run_query('select case when ' ~ passed ~ ' < 0.5e0 then 0 else 1 end') -%}
        {%- do cache.update({'is_over': found.rows[0][0] != 0}) -%}
    {%- endif -%}
    {{ return(cache['is_over']) }}
{%- endmacro %}

{# The last complete day as of `as_of_day`; the day before, if that is the as-of date and not over. #}
{% macro last_whole_day(as_of_day) -%}
    {%- if is_as_of_day_over() -%}
        {{ as_of_day }}
    {%- else -%}
        case when {{ as_of_day }} = {{ as_of() }} then {{ add_days(as_of(), -1) }} else {{ as_of_day }} end
    {%- endif -%}
{%- endmacro %}


{#
  Whether as_of() is on or after the date of the newest load. The current state of every row was then known, and no
  history is needed. Renders `true` or `false`.
#}
{% macro as_of_is_current() -%}
    {%- if not var('as_of_date') -%}
        true
    {%- elif execute -%}
        {{ 'true' if var('as_of_date') | string >= newest_load_date() else 'false' }}
    {%- endif -%}
{%- endmacro %}


{# The instant a second earlier, because the last day of a period that ends at midnight is the day before. #}
{% macro second_before(instant) -%}
    {{ adapter.dispatch('second_before', 'omnium')(instant) }}
{%- endmacro %}

{% macro default__second_before(instant) -%}
    {{ dbt.dateadd('second', -1, instant) }}
{%- endmacro %}

{% macro spark__second_before(instant) -%}
    ({{ instant }} - interval '1 second')
{%- endmacro %}

{% macro duckdb__second_before(instant) -%}
    ({{ instant }} - interval '1 second')
{%- endmacro %}

{% macro postgres__second_before(instant) -%}
    ({{ instant }} - interval '1 second')
{%- endmacro %}
