-- The runs of a SKU and warehouse follow each other without gap or overlap up to the as-of date, so that expanding them
-- gives every day once. Those of a thousand SKUs are expanded, and must give as many days as they state. (Expanding all
-- of them would take longer than the entire build.)
with some_skus as (
    select sku
    from {{ ref('fct_stock_and_demand_change') }}
    group by sku
    order by sku
    limit 1000
),

runs as (
    select
        sku,
        {{ add_days('day', 'run_days') }} as ends_before,
        coalesce(
            lead(day) over (partition by sku, warehouse_code order by day), {{ add_days(as_of(), 1) }}
        ) as next_day
    from {{ ref('fct_stock_and_demand_change') }}
),

wanted as (
    select
        sum(run_days) as demand_days,
        coalesce(sum(case when has_stock_record then run_days end), 0) as stock_days
    from {{ ref('fct_stock_and_demand_change') }}
    where sku in (select sku from some_skus)
)

select 'runs' as part, count(*) as found, 0 as wanted
from runs
where ends_before <> next_day
having count(*) > 0

union all

select 'fct_demand_daily', days.found, wanted.demand_days
from wanted
cross join (
    select count(*) as found
    from {{ ref('fct_demand_daily') }}
    where sku in (select sku from some_skus)
) as days
where days.found <> wanted.demand_days

union all

select 'fct_stock_daily', days.found, wanted.stock_days
from wanted
cross join (
    select count(*) as found
    from {{ ref('fct_stock_daily') }}
    where sku in (select sku from some_skus)
) as days
where days.found <> wanted.stock_days
