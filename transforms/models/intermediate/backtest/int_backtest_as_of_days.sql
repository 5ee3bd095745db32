-- One row per day as of which the policies look at history again, every var('backtest_refresh_days') days: the evening
-- before the first day of the replay, and so on.

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
