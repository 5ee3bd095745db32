{{ config(materialized='table') }}

-- One row per warehouse and day on which it is closed, from four years before the as-of date to the end of the forecast
-- horizon. These are single days (holidays, a refit) and the weekdays on which it is usually closed, except on days on
-- which it opens nevertheless (the Sundays before Christmas).

with stores as (
    select * from {{ ref('stg_stores') }}
),

-- A store without any opening hours, or that is never open, has no weekly closing days.
weekly as (
    select warehouse_code, weekday
    from (
        {%- for day in ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] %}
        select warehouse_code, {{ loop.index0 }} as weekday, is_open_on_{{ day }} as is_open
        from stores
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as hours
    where not is_open
        and warehouse_code in (
            select warehouse_code
            from stores
            where is_open_on_monday or is_open_on_tuesday or is_open_on_wednesday or is_open_on_thursday
                or is_open_on_friday or is_open_on_saturday or is_open_on_sunday
        )
),

offsets as (
    select {{ demand_day_offsets(demand_constants().memory_limit_days + demand_constants().ahead_days + 1) }} as day_offset
),

calendar as (
    select {{ add_days(as_of(), 'day_offset - ' ~ demand_constants().memory_limit_days) }} as day
    from offsets
),

weekly_days as (
    select
        weekly.warehouse_code,
        calendar.day
    from weekly
    inner join calendar
        on {{ demand_weekday('calendar.day') }} = weekly.weekday
),

single_days as (
    select
        stores.warehouse_code,
        {{ named_day('special_days.named_at') }} as day,
        -- of two entries for a day the one that says closed
        max(case when special_days.is_closed then 1 else 0 end) = 1 as is_closed
    from {{ ref('stg_store_special_days') }} as special_days
    inner join stores
        on stores.store_key = special_days.store_key
    where {{ named_day('special_days.named_at') }} > {{ add_days(as_of(), -1 * demand_constants().memory_limit_days) }}
        and {{ named_day('special_days.named_at') }} <= {{ add_days(as_of(), demand_constants().ahead_days) }}
    group by stores.warehouse_code, {{ named_day('special_days.named_at') }}
)

select weekly_days.warehouse_code, weekly_days.day, true as is_weekly
from weekly_days
left join single_days
    on single_days.warehouse_code = weekly_days.warehouse_code
    and single_days.day = weekly_days.day
where coalesce(single_days.is_closed, true)

union all

select single_days.warehouse_code, single_days.day, false as is_weekly
from single_days
left join weekly_days
    on weekly_days.warehouse_code = single_days.warehouse_code
    and weekly_days.day = single_days.day
where weekly_days.day is null
    and single_days.is_closed
