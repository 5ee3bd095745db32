-- One row per SKU and warehouse whose available stock and expected arrivals (median date) run out, with the first day t
-- on which available + arrivals up to t − d·t < 0.

with arrivals as (
    select
        sku,
        warehouse_code,
        greatest(0, {{ days_between(as_of(), 'p50_arrival_date') }}) as arrival_day,
        sum({{ real('open_quantity') }}) as quantity
    from {{ ref('open_purchase_eta') }}
    where p50_arrival_date is not null
    group by sku, warehouse_code, greatest(0, {{ days_between(as_of(), 'p50_arrival_date') }})
),

steps as (
    select
        items.sku,
        items.warehouse_code,
        items.shelf_demand as daily_demand,
        0 as step_day,
        {{ real('items.available') }} as quantity
    from {{ ref('int_replenishment_quantities') }} as items
    where items.shelf_demand > 0e0 or items.available < 0

    union all

    select
        arrivals.sku,
        arrivals.warehouse_code,
        items.shelf_demand as daily_demand,
        arrivals.arrival_day as step_day,
        arrivals.quantity
    from arrivals
    inner join {{ ref('int_replenishment_quantities') }} as items
        on items.sku = arrivals.sku
        and items.warehouse_code = arrivals.warehouse_code
    where items.shelf_demand > 0e0 or items.available < 0
),

by_day as (
    select
        sku,
        warehouse_code,
        step_day,
        max(daily_demand) as daily_demand,
        sum(quantity) as quantity
    from steps
    group by sku, warehouse_code, step_day
),

running as (
    select
        sku,
        warehouse_code,
        step_day,
        daily_demand,
        sum(quantity) over (
            partition by sku, warehouse_code order by step_day rows between unbounded preceding and current row
        ) as supplied,
        lead(step_day) over (partition by sku, warehouse_code order by step_day) as next_step_day
    from by_day
),

ends as (
    select
        sku,
        warehouse_code,
        next_step_day,
        case
            when supplied - daily_demand * step_day < 0e0 then step_day
            -- supplied / d days are covered; the tiny addition compensates for rounding errors.
            when daily_demand > 0e0 then least(floor(supplied / daily_demand + 1e-9) + 1, 36500)
        end as out_day
    from running
)

select
    sku,
    warehouse_code,
    {{ add_days(as_of(), 'min(out_day)') }} as projected_stock_out_date
from ends
where out_day is not null
    and (next_step_day is null or out_day < next_step_day)
group by sku, warehouse_code
