-- One row per SKU, warehouse and day, and none missing, over the last 31 days (the whole of it can be very large;
-- the rows before are drawn out the same way).
with days as (
    select 'fct_stock_daily' as mart, sku, warehouse_code, day
    from {{ ref('fct_stock_daily') }}
    where day > {{ add_days(as_of(), -31) }}

    union all

    select 'fct_demand_daily' as mart, sku, warehouse_code, day
    from {{ ref('fct_demand_daily') }}
    where day > {{ add_days(as_of(), -31) }}
)

select mart, sku, warehouse_code
from days
group by mart, sku, warehouse_code
having count(*) <> count(distinct day)
    or max(day) <> {{ as_of() }}
    or count(*) <> {{ days_between('min(day)', 'max(day)') }} + 1
