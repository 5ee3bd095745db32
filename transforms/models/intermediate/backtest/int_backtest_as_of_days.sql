-- One row per day on which the estimates of the replay are renewed. It begins with the day before the replay and
-- continues every var('backtest_refresh_days') days.

with period as (
    select
        min(first_day) as first_day,
        {{ days_between('min(first_day)', as_of()) }} + 1 as days
    from {{ ref('int_backtest_items') }}
),

offsets as (
    select
        first_day,
        {{ demand_day_offsets('ceil(days / ' ~ real(var('backtest_refresh_days', 7)) ~ ')') }} as refresh
    from period
    where first_day is not null
)

select
    cast(refresh as integer) as refresh,
    {{ add_days('first_day', 'refresh * ' ~ var('backtest_refresh_days', 7) ~ ' - 1') }} as as_of_day
from offsets
