{{ config(materialized='table_unless_huge', drawn_from='fct_stock_and_demand_change') }}

-- The table behind this one has only days with events; each of its rows is expanded to the days until the next.
with days as (
    select
        sku,
        warehouse_code,
        day as first_day,
        closing_quantity,
        in_stock_share,
        carried_share,
        {{ demand_day_offsets('run_days') }} as day_offset
    from {{ ref('fct_stock_and_demand_change') }}
    where has_stock_record
)

select
    sku,
    warehouse_code,
    {{ add_days('first_day', 'day_offset') }} as day,
    closing_quantity,
    {{ real('case when day_offset = 0 then in_stock_share else carried_share end') }} as in_stock_share
from days
