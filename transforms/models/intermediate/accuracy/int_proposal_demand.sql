-- One row per kept proposal whose horizon is over, with what customers ordered in the horizon_days after it, in the
-- warehouse and, if it plans for other places, in those places, and the share of that time in stock. A warehouse that
-- supplies others without planning for them is also judged by what it sent to them. Both ends of each horizon are
-- inserted as marks among the days with changes, so that the running sums are computed once per SKU and place, however
-- many proposals there are.

{%- set horizon -%}
greatest(1, cast(round(cast(protection_days as decimal(18, 4))) as integer))
{%- endset %}

with judged as (
    select
        sku,
        warehouse_code,
        recorded_at,
        proposal_date,
        coalesce(is_echelon, false) as is_echelon,
        {{ horizon }} as horizon_days
    from {{ ref('proposal_history') }}
    where proposal_date < {{ as_of() }}
        and {{ add_days('proposal_date', horizon) }} <= {{ as_of() }}
),

judged_places as (
    select judged.*, warehouse_code as place_code
    from judged

    union all

    select judged.*, places.place_code
    from judged
    inner join {{ ref('int_echelon_places') }} as places
        on places.sku = judged.sku
        and places.warehouse_code = judged.warehouse_code
    where judged.is_echelon
),

marks as (
    select sku, place_code, warehouse_code, recorded_at, horizon_days, proposal_date as day, 'begin' as what
    from judged_places

    union all

    select
        sku, place_code, warehouse_code, recorded_at, horizon_days,
        {{ add_days('proposal_date', 'horizon_days') }} as day, 'end' as what
    from judged_places
),

planning_warehouses as (
    select distinct sku, warehouse_code from {{ ref('int_echelon_places') }}
),

changes as (
    select
        changes.sku,
        changes.warehouse_code as place_code,
        changes.day,
        {{ real('changes.in_stock_share') }} as in_stock_share,
        changes.carried_share,
        changes.has_stock_record,
        cast(
            changes.demand_quantity
            {%- if var('transfers_are_demand', true) %}
            + case when planning_warehouses.sku is null then changes.transfer_out_quantity else 0 end
            {%- endif %} as {{ real_type() }}
        ) as taken,
        {{ real('changes.in_stock_share') }} + changes.carried_share * (changes.run_days - 1) as in_stock_days
    from {{ ref('fct_stock_and_demand_change') }} as changes
    left join planning_warehouses
        on planning_warehouses.sku = changes.sku
        and planning_warehouses.warehouse_code = changes.warehouse_code
    where exists (
        select 1 from judged_places
        where judged_places.sku = changes.sku
            and judged_places.place_code = changes.warehouse_code
    )
),

-- Running sums up to each mark. A mark comes after the changes of its own day.
timeline as (
    select
        sku, place_code, day, 0 as is_mark, taken, in_stock_days, in_stock_share, carried_share, has_stock_record,
        cast(null as {{ raw_type('text') }}) as warehouse_code, cast(null as {{ instant_type() }}) as recorded_at,
        cast(null as integer) as horizon_days, cast(null as varchar(5)) as what
    from changes

    union all

    select sku, place_code, day, 1, 0e0, 0e0, null, null, null, warehouse_code, recorded_at, horizon_days, what
    from marks
),

summed as (
    select
        *,
        sum(taken) over so_far as taken_until,
        sum(in_stock_days) over so_far as in_stock_until,
        count(in_stock_share) over so_far as change_number,
        min(case when is_mark = 0 then day end) over all_of_it as first_day,
        -- Before its first stock record, a place keeps the share that it has before its first change.
        coalesce(min(case when not has_stock_record then carried_share end) over all_of_it, 0e0) as share_before
    from timeline
    window
        so_far as (
            partition by sku, place_code order by day, is_mark rows between unbounded preceding and current row
        ),
        all_of_it as (
            partition by sku, place_code order by day, is_mark rows between unbounded preceding and unbounded following
        )
),

-- Only the part of a run before the mark counts. Before the first change, days are counted back from it.
marked as (
    select
        marks.sku,
        marks.place_code,
        marks.warehouse_code,
        marks.recorded_at,
        marks.horizon_days,
        marks.what,
        marks.change_number,
        marks.taken_until,
        case
            when marks.change_number = 0
                then coalesce(marks.share_before * ({{ days_between('marks.first_day', 'marks.day') }} + 1), 0e0)
            else marks.in_stock_until
                - coalesce(inside.in_stock_days, 0e0)
                + coalesce(
                    inside.in_stock_share + inside.carried_share * {{ days_between('inside.day', 'marks.day') }},
                    0e0
                )
        end as in_stock_until
    from summed as marks
    left join summed as inside
        on inside.sku = marks.sku
        and inside.place_code = marks.place_code
        and inside.change_number = marks.change_number
        and inside.is_mark = 0
    where marks.is_mark = 1
),

by_place as (
    select
        sku,
        warehouse_code,
        place_code,
        recorded_at,
        horizon_days,
        max(case when what = 'end' then taken_until end) - max(case when what = 'begin' then taken_until end) as demand,
        least(1e0, (
            max(case when what = 'end' then in_stock_until end) - max(case when what = 'begin' then in_stock_until end)
        ) / horizon_days) as in_stock_share
    from marked
    group by sku, warehouse_code, place_code, recorded_at, horizon_days
    -- A place without any event had no demand.
    having warehouse_code = place_code
        or max(change_number) > 0
)

select
    sku,
    warehouse_code,
    recorded_at,
    horizon_days,
    sum(demand) as demand,
    min(in_stock_share) as in_stock_share,
    -- With stock for less than half of the time, the demand cannot be estimated.
    case when min(in_stock_share) >= 0.5e0 then sum(demand / nullif(in_stock_share, 0e0)) end as wanted
from by_place
group by sku, warehouse_code, recorded_at, horizon_days
