-- One row per SKU and warehouse with demand in the window, with the size of a sale and the interval to the next one,
-- smoothed with α = 0.1 from the first sale on. Time is counted in days in stock, because a day without stock is not a
-- day without demand.

{% set alpha = 0.1 %}

with stretches as (
    select
        sku,
        warehouse_code,
        first_day,
        demand,
        first_share,
        sum(in_stock_days) over (partition by sku, warehouse_code) as in_stock_days,
        -- Days in stock up to the end of the first day of the run.
        sum(in_stock_days) over (
            partition by sku, warehouse_code order by first_day rows between unbounded preceding and current row
        ) - in_stock_days + first_share as in_stock_until
    from {{ ref('int_demand_window') }}
),

sales as (
    select
        sku,
        warehouse_code,
        demand,
        in_stock_days,
        in_stock_until,
        in_stock_until - coalesce(
            lag(in_stock_until) over (partition by sku, warehouse_code order by first_day), 0e0
        ) as interval_days,
        row_number() over (partition by sku, warehouse_code order by first_day) = 1 as is_first,
        row_number() over (partition by sku, warehouse_code order by first_day desc) - 1 as sales_since
    from stretches
    where demand > 0
),

smoothed as (
    select
        sku,
        warehouse_code,
        count(*) as sales_days,
        avg(demand) as mean_size,
        -- A single sale has no variance.
        coalesce(var_samp(demand), 0e0) as size_variance,
        sum(demand * {{ demand_smoothing_weight('sales_since', 'is_first', alpha) }}) as smoothed_size,
        sum(interval_days * {{ demand_smoothing_weight('sales_since', 'is_first', alpha) }}) as smoothed_interval,
        -- The probability of a sale on a day starts at 1 / first interval and decays on every day.
        sum(
            power(1e0 - {{ alpha }}e0, in_stock_days - in_stock_until)
            * case when is_first then 1e0 / greatest(1e0, in_stock_until) else {{ alpha }}e0 end
        ) as smoothed_probability
    from sales
    group by sku, warehouse_code
)

select
    sku,
    warehouse_code,
    sales_days,
    {{ demand_figure('size_variance / (mean_size * mean_size)') }} as cv_squared,
    -- Syntetos–Boylan: Croston's ratio without its bias.
    {{ demand_figure('(1e0 - ' ~ alpha ~ 'e0 / 2e0) * smoothed_size / nullif(smoothed_interval, 0e0)') }} as sba_daily_demand,
    -- Teunter–Syntetos–Babai: decays while nothing sells.
    {{ demand_figure('smoothed_size * smoothed_probability') }} as tsb_daily_demand
from smoothed
