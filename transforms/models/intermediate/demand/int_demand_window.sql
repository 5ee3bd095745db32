{{ config(materialized='table') }}

-- One row per SKU, warehouse and run of days within the last average_daily_usage_days days: the rows of
-- fct_stock_and_demand_change, cut at the first day of the window.

with record_begin as (
    select min(day) as first_day
    from {{ ref('fct_stock_and_demand_change') }}
),

-- A SKU that sells without any transaction was on sale before its first order too. Otherwise its first sale would seem
-- to have come immediately.
without_record as (
    select
        sku,
        warehouse_code,
        min(day) as first_day
    from {{ ref('fct_stock_and_demand_change') }}
    group by sku, warehouse_code
    having max(closing_quantity) is null
),

stretches as (
    select
        sku,
        warehouse_code,
        day,
        greatest(day, {{ demand_window_start() }}) as first_day,
        {{ days_between('greatest(day, ' ~ demand_window_start() ~ ')', add_days('day', 'run_days')) }} as days,
        day >= {{ demand_window_start() }} as starts_in_window,
        demand_quantity,
        transfer_out_quantity,
        in_stock_share,
        carried_share
    from {{ ref('fct_stock_and_demand_change') }}
    where {{ add_days('day', 'run_days') }} > {{ demand_window_start() }}

    union all

    select
        without_record.sku,
        without_record.warehouse_code,
        record_begin.first_day as day,
        greatest(record_begin.first_day, {{ demand_window_start() }}) as first_day,
        {{ days_between('greatest(record_begin.first_day, ' ~ demand_window_start() ~ ')', 'without_record.first_day') }} as days,
        false as starts_in_window,
        0 as demand_quantity,
        0 as transfer_out_quantity,
        1 as in_stock_share,
        1 as carried_share
    from without_record
    cross join record_begin
    where without_record.first_day > greatest(record_begin.first_day, {{ demand_window_start() }})
),

cut as (
    select
        sku,
        warehouse_code,
        first_day,
        days,
        cast(case when starts_in_window then demand_quantity else 0 end as {{ real_type() }}) as demand,
        cast(case when starts_in_window then transfer_out_quantity else 0 end as {{ real_type() }}) as transfer_out,
        -- A day with an order from an empty shelf counts as observed.
        cast(case
            when not starts_in_window then carried_share
            when demand_quantity > 0 and in_stock_share <= 0 then 1
            else in_stock_share
        end as {{ real_type() }}) as first_share,
        {{ real('carried_share') }} as carried_share
    from stretches
)

select
    *,
    first_share + (days - 1) * carried_share as in_stock_days,
    (case when first_share >= 1e0 then 1 else 0 end)
        + (days - 1) * (case when carried_share >= 1e0 then 1 else 0 end) as full_stock_days
from cut
