{{ config(materialized='view') }}

-- Drawn out when read: the table behind it holds only the days on which something happened.
with days as (
    select
        sku,
        warehouse_code,
        day as first_day,
        closing_quantity,
        in_stock_share,
        carried_share,
        {{ demand_day_offsets('run_days') }} as day_offset
    from {{ ref('int_stock_and_demand_days') }}
    where has_stock_record
)

select
    sku,
    warehouse_code,
    {{ add_days('first_day', 'day_offset') }} as day,
    closing_quantity,
    {{ real('case when day_offset = 0 then in_stock_share else carried_share end') }} as in_stock_share
from days
