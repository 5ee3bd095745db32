-- The runs of a SKU and warehouse follow each other without gap or overlap up to the as-of date, so that drawing
-- them out gives every day once; and each SKU and warehouse has one row on the last day. (To group all drawn-out
-- days would take longer than to build everything.)
with runs as (
    select
        sku,
        warehouse_code,
        {{ add_days('day', 'run_days') }} as ends_before,
        coalesce(
            lead(day) over (partition by sku, warehouse_code order by day), {{ add_days(as_of(), 1) }}
        ) as next_day
    from {{ ref('fct_stock_and_demand_change') }}
),

pairs as (
    select
        count(distinct sku || ' / ' || warehouse_code) as all_pairs,
        count(distinct case when has_stock_record then sku || ' / ' || warehouse_code end) as recorded_pairs
    from {{ ref('fct_stock_and_demand_change') }}
)

select 'runs' as part, count(*) as found, 0 as wanted
from runs
where ends_before <> next_day
having count(*) > 0

union all

select 'fct_demand_daily', days.found, pairs.all_pairs
from pairs
cross join (select count(*) as found from {{ ref('fct_demand_daily') }} where day = {{ as_of() }}) as days
where days.found <> pairs.all_pairs

union all

select 'fct_stock_daily', days.found, pairs.recorded_pairs
from pairs
cross join (select count(*) as found from {{ ref('fct_stock_daily') }} where day = {{ as_of() }}) as days
where days.found <> pairs.recorded_pairs
