-- One row per kept proposal whose protection time is over: what customers and other warehouses took in the
-- horizon_days after it, and how much of that time it was in stock. Both ends of the time are marked among the days on
-- which something happened, so that sums run over each SKU and warehouse once, however many proposals there are.

with judged as (
    select
        sku,
        warehouse_code,
        recorded_at,
        proposal_date,
        greatest(1, cast(round(cast(protection_days as decimal(18, 4))) as integer)) as horizon_days
    from {{ ref('proposal_history') }}
    where proposal_date < {{ as_of() }}
        and {{ add_days('proposal_date', 'greatest(1, cast(round(cast(protection_days as decimal(18, 4))) as integer))') }} <= {{ as_of() }}
),

marks as (
    select sku, warehouse_code, recorded_at, horizon_days, proposal_date as day, 'begin' as what from judged

    union all

    select
        sku, warehouse_code, recorded_at, horizon_days,
        {{ add_days('proposal_date', 'horizon_days') }} as day, 'end' as what
    from judged
),

changes as (
    select
        changes.*,
        cast(demand_quantity{{ ' + transfer_out_quantity' if var('transfers_are_demand', true) }} as double precision)
            as taken,
        cast(in_stock_share as double precision) + carried_share * (run_days - 1) as in_stock_days
    from {{ ref('fct_stock_and_demand_change') }} as changes
    where exists (
        select 1 from judged
        where judged.sku = changes.sku
            and judged.warehouse_code = changes.warehouse_code
    )
),

-- Sums up to each mark: a mark stands behind the changes of its own day.
timeline as (
    select
        sku, warehouse_code, day, 0 as is_mark, taken, in_stock_days, in_stock_share, carried_share,
        cast(null as timestamp with time zone) as recorded_at, cast(null as integer) as horizon_days,
        cast(null as varchar(5)) as what
    from changes

    union all

    select sku, warehouse_code, day, 1, 0e0, 0e0, null, null, recorded_at, horizon_days, what
    from marks
),

summed as (
    select
        *,
        sum(taken) over so_far as taken_until,
        sum(in_stock_days) over so_far as in_stock_until,
        count(in_stock_share) over so_far as change_number
    from timeline
    window so_far as (
        partition by sku, warehouse_code order by day, is_mark rows between unbounded preceding and current row
    )
),

-- The run of days in which a mark lies is counted to the mark only.
marked as (
    select
        marks.sku,
        marks.warehouse_code,
        marks.recorded_at,
        marks.horizon_days,
        marks.what,
        marks.taken_until,
        marks.in_stock_until
            - coalesce(inside.in_stock_days, 0e0)
            + coalesce(
                inside.in_stock_share + inside.carried_share * {{ days_between('inside.day', 'marks.day') }},
                0e0
            ) as in_stock_until
    from summed as marks
    left join summed as inside
        on inside.sku = marks.sku
        and inside.warehouse_code = marks.warehouse_code
        and inside.change_number = marks.change_number
        and inside.is_mark = 0
    where marks.is_mark = 1
)

select
    sku,
    warehouse_code,
    recorded_at,
    horizon_days,
    max(case when what = 'end' then taken_until end) - max(case when what = 'begin' then taken_until end) as demand,
    (
        max(case when what = 'end' then in_stock_until end) - max(case when what = 'begin' then in_stock_until end)
    ) / horizon_days as in_stock_share
from marked
group by sku, warehouse_code, recorded_at, horizon_days
