{#
  The calendar of the days ahead: the season of a category, and the weekdays and closed days of a warehouse.
#}

{# Monday 0 … Sunday 6. #}
{% macro demand_weekday(day) -%}
    mod({{ days_between("cast('2000-01-03' as date)", day) }}, 7)
{%- endmacro %}


{#
  One row per as-of day, category and number of days ahead (0…400). season_days is the sum of the days until then, each
  weighted by its sales relative to now. The weight is what the category sold on the same days a year ago, relative to
  what it sold just before the same day a year ago, to the power of var season_weight (0.5 by default, because one year
  is weak evidence). If the category sells seldom, it is pulled towards the figure of the entire tenant, and that one
  towards 1. With less than thirteen months of history, season_days is the number of days.

  estimates: a relation of demand_estimates. The sales of an article are measured in its own usual size.
#}
{% macro demand_seasons(changes, estimates) -%}
{%- set k = demand_constants() -%}
with counted as (
    select
        estimates.as_of_day,
        estimates.category,
        {{ days_between('estimates.as_of_day', 'changes.day') }} + {{ k.season_shift_days }} as ahead_days,
        sum(least({{ k.one_off_factor }}e0, {{ real('changes.demand_quantity') }} * {{ k.one_off_factor }}e0 / estimates.one_off_size)) as sales
    from {{ estimates }} as estimates
    inner join {{ changes }} as changes
        on changes.sku = estimates.sku
        and changes.warehouse_code = estimates.warehouse_code
    where changes.demand_quantity > 0
        and changes.day <= estimates.as_of_day
        -- Older days have no weight.
        and changes.day > {{ add_days('estimates.as_of_day', -1 * k.memory_limit_days) }}
    group by estimates.as_of_day, estimates.category, changes.day
),

begins as (
    select
        as_of_day,
        -- Days of record before the same day a year ago.
        -min(ahead_days) as days_before
    from counted
    group by as_of_day
),

categories as (
    select distinct as_of_day, category from {{ estimates }}
),

weekdays as (
    select
        as_of_day,
        {{ demand_weekday(add_days('as_of_day', 'ahead_days')) }} as weekday,
        sum(sales) as sales
    from counted
    where ahead_days > {{ k.season_shift_days - 182 }}
    group by as_of_day, {{ demand_weekday(add_days('as_of_day', 'ahead_days')) }}
),

weeks as (
    select as_of_day, sum(sales) as sales
    from weekdays
    group by as_of_day
),

now as (
    select
        categories.as_of_day,
        categories.category,
        coalesce(sum(case
            when counted.ahead_days <= 0
                then counted.sales * {{ demand_weight('-' ~ real('counted.ahead_days'), k.season_half_life) }}
        end), 0e0)
            * {{ 1 - 0.5 ** (1 / k.season_half_life) }}e0
            / (1e0 - {{ demand_weight('(' ~ real('max(begins.days_before)') ~ ' + 1e0)', k.season_half_life) }}) as daily_sales
    from categories
    inner join begins
        on begins.as_of_day = categories.as_of_day
        and begins.days_before >= {{ k.season_least_days }}
    left join counted
        on counted.as_of_day = categories.as_of_day
        and counted.category = categories.category
    group by categories.as_of_day, categories.category
),

offsets as (
    select {{ demand_day_offsets(k.ahead_days + 1) }} as ahead_days
),

ahead as (
    select
        now.as_of_day,
        now.category,
        cast(offsets.ahead_days as integer) as ahead_days,
        -- Closing on Saturdays is not a season: sales are expected by weekday, from the recent sales of each; a weekday
        -- without a row sold nothing.
        now.daily_sales * (7e0 * coalesce(weekdays.sales, 0e0) + {{ k.weekday_prior_sale_days }}e0)
            / (coalesce(weeks.sales, 0e0) + {{ k.weekday_prior_sale_days }}e0) as expected_sales,
        coalesce(counted.sales, 0e0) as sales
    from now
    cross join offsets
    left join weeks
        on weeks.as_of_day = now.as_of_day
    left join weekdays
        on weekdays.as_of_day = now.as_of_day
        and weekdays.weekday = {{ demand_weekday(add_days('now.as_of_day', 'offsets.ahead_days')) }}
    left join counted
        on counted.as_of_day = now.as_of_day
        and counted.category = now.category
        -- After a year it repeats.
        and counted.ahead_days = case
            when offsets.ahead_days > {{ k.season_shift_days }} then offsets.ahead_days - {{ k.season_shift_days }}
            else offsets.ahead_days
        end
    where offsets.ahead_days > 0
),

summed as (
    select
        as_of_day,
        category,
        ahead_days,
        sum(sales) over (partition by as_of_day, category order by ahead_days rows unbounded preceding) as sales,
        sum(expected_sales) over (partition by as_of_day, category order by ahead_days rows unbounded preceding)
            as expected_sales
    from ahead
),

of_tenant as (
    select
        as_of_day,
        ahead_days,
        (sum(sales) + {{ k.season_prior_sale_days }}e0) / (sum(expected_sales) + {{ k.season_prior_sale_days }}e0) as season
    from summed
    group by as_of_day, ahead_days
),

of_category as (
    select
        summed.as_of_day,
        summed.category,
        summed.ahead_days,
        power(
            (summed.sales + {{ k.season_prior_sale_days }}e0 * of_tenant.season)
            / (summed.expected_sales + {{ k.season_prior_sale_days }}e0),
            {{ real(var('season_weight', 0.5)) }}
        ) as season
    from summed
    inner join of_tenant
        on of_tenant.as_of_day = summed.as_of_day
        and of_tenant.ahead_days = summed.ahead_days
),

days as (
    select
        categories.as_of_day,
        categories.category,
        cast(offsets.ahead_days as integer) as ahead_days,
        offsets.ahead_days * coalesce(of_category.season, 1e0) as season_days
    from categories
    cross join offsets
    left join of_category
        on of_category.as_of_day = categories.as_of_day
        and of_category.category = categories.category
        and of_category.ahead_days = offsets.ahead_days
)

select
    as_of_day,
    category,
    ahead_days,
    season_days,
    lead(season_days) over (partition by as_of_day, category order by ahead_days) as next_season_days
from days
{%- endmacro %}


{#
  One row per as-of day, warehouse and number of days ahead (0…400). weekday_days is the sum of the days until then,
  each weighted by the sales of its weekday (over 26 weeks, one-offs cut, pulled slightly towards 1). Over full weeks,
  it is the number of days less those on which the warehouse is closed (closed_days: a relation like int_closed_days).
  A day on which it opens although it is usually closed on that weekday counts as much as its usual open days on average.
#}
{% macro demand_weekdays(changes, estimates, closed_days=none) -%}
{%- set k = demand_constants() -%}
with counted as (
    select
        estimates.as_of_day,
        estimates.warehouse_code,
        {{ demand_weekday('changes.day') }} as weekday,
        sum(least({{ k.one_off_factor }}e0, {{ real('changes.demand_quantity') }} * {{ k.one_off_factor }}e0 / estimates.one_off_size)) as sales
    from {{ estimates }} as estimates
    inner join {{ changes }} as changes
        on changes.sku = estimates.sku
        and changes.warehouse_code = estimates.warehouse_code
    where changes.demand_quantity > 0
        and changes.day <= estimates.as_of_day
        and changes.day > {{ add_days('estimates.as_of_day', -182) }}
    group by estimates.as_of_day, estimates.warehouse_code, {{ demand_weekday('changes.day') }}
),

totals as (
    select as_of_day, warehouse_code, sum(sales) as sales
    from counted
    group by as_of_day, warehouse_code
),

offsets as (
    select {{ demand_day_offsets(k.ahead_days + 1) }} as ahead_days
),

places as (
    select distinct as_of_day, warehouse_code from {{ estimates }}
),

{%- if closed_days %}

closed_weekdays as (
    select distinct warehouse_code, {{ demand_weekday('day') }} as weekday
    from {{ closed_days }}
    where is_weekly
),

open_weekdays as (
    select warehouse_code, 7 - count(*) as open_weekdays
    from closed_weekdays
    group by warehouse_code
),
{%- endif %}

factors as (
    select
        places.as_of_day,
        places.warehouse_code,
        cast(offsets.ahead_days as integer) as ahead_days,
        case
            when offsets.ahead_days = 0 then 0e0
            {%- if closed_days %}
            when closed_days.day is not null then 0e0
            when closed_weekdays.weekday is not null then 7e0 / open_weekdays.open_weekdays
            {%- endif %}
            else (
                7e0 * coalesce(counted.sales, 0e0)
                + {{ k.weekday_prior_sale_days }}e0 {% if closed_days %}* 7e0 / coalesce(open_weekdays.open_weekdays, 7){% endif %}
            )
                / (coalesce(totals.sales, 0e0) + {{ k.weekday_prior_sale_days }}e0)
        end as weekday_factor
    from places
    cross join offsets
    left join totals
        on totals.as_of_day = places.as_of_day
        and totals.warehouse_code = places.warehouse_code
    left join counted
        on counted.as_of_day = places.as_of_day
        and counted.warehouse_code = places.warehouse_code
        and counted.weekday = {{ demand_weekday(add_days('places.as_of_day', 'offsets.ahead_days')) }}
    {%- if closed_days %}
    left join open_weekdays
        on open_weekdays.warehouse_code = places.warehouse_code
    left join {{ closed_days }} as closed_days
        on closed_days.warehouse_code = places.warehouse_code
        and closed_days.day = {{ add_days('places.as_of_day', 'offsets.ahead_days') }}
    left join closed_weekdays
        on closed_weekdays.warehouse_code = places.warehouse_code
        and closed_weekdays.weekday = {{ demand_weekday(add_days('places.as_of_day', 'offsets.ahead_days')) }}
    {%- endif %}
),

summed as (
    select
        as_of_day,
        warehouse_code,
        ahead_days,
        sum(weekday_factor) over (partition by as_of_day, warehouse_code order by ahead_days rows unbounded preceding)
            as weekday_days
    from factors
)

select
    as_of_day,
    warehouse_code,
    ahead_days,
    weekday_days,
    lead(weekday_days) over (partition by as_of_day, warehouse_code order by ahead_days) as next_weekday_days
from summed
{%- endmacro %}
