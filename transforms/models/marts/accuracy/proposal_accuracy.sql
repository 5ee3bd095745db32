{%- set kept -%}
select
        history.*,
        orders.ordered_quantity,
        orders.ordered_later_quantity,
        orders.promised_from,
        orders.arrival_date
    from {{ ref('proposal_history') }} as history
    left join {{ ref('int_proposal_orders') }} as orders
        on orders.sku = history.sku
        and orders.warehouse_code = history.warehouse_code
        and orders.recorded_at = history.recorded_at
    where history.proposal_date <= {{ as_of() }}
{%- endset -%}

-- Most days have a single load, and their rows need not be sorted.
with days_of_several_loads as (
    select proposal_date
    from {{ ref('proposal_history') }}
    group by proposal_date
    having count(distinct recorded_at) > 1
),

of_one_load as (
    {{ kept }}
        and history.proposal_date not in (select proposal_date from days_of_several_loads)
),

of_several_loads as (
    {{ kept }}
        and history.proposal_date in (select proposal_date from days_of_several_loads)
),

-- If a day has several loads, one that proposed something is preferred, then one after which something was ordered,
-- then the last.
ranked as (
    select
        *,
        row_number() over (
            partition by sku, warehouse_code, proposal_date
            order by
                case
                    when proposed_quantity <= 0 then 2
                    when ordered_quantity > 0 then 0
                    else 1
                end,
                recorded_at desc
        ) as place
    from of_several_loads
),

proposals as (
    select *, 1 as place from of_one_load

    union all

    select * from ranked
    where place = 1
),

measured as (
    select
        proposals.*,
        demand.horizon_days,
        demand.demand,
        demand.in_stock_share,
        demand.wanted,
        proposals.expected_demand * demand.horizon_days / nullif(proposals.protection_days, 0e0) as forecast,
        decisions.purchaser_decision,
        decisions.decided_quantity,
        decisions.decided_at,
        {{ add_days('proposals.promised_from', 'cast(ceil(proposals.lead_time_mean_days) as integer)') }} as expected_arrival_date,
        {{ add_days(
            'proposals.promised_from',
            'cast(ceil(proposals.lead_time_mean_days + 1.2815515655446004e0 * proposals.lead_time_sd_days) as integer)',
        ) }} as latest_arrival_date
    from proposals
    left join {{ ref('int_proposal_demand') }} as demand
        on demand.sku = proposals.sku
        and demand.warehouse_code = proposals.warehouse_code
        and demand.recorded_at = proposals.recorded_at
    left join {{ ref('int_purchaser_decisions') }} as decisions
        on decisions.sku = proposals.sku
        and decisions.warehouse_code = proposals.warehouse_code
        and decisions.proposal_date = proposals.proposal_date
)

select
    sku,
    warehouse_code,
    proposal_date,
    supplier_id,
    {{ demand_figure('daily_demand') }} as daily_demand,
    {{ demand_figure('reorder_point') }} as reorder_point,
    {{ demand_figure('service_level') }} as service_level,
    {{ quantity('position') }} as position,
    {{ quantity('proposed_quantity') }} as proposed_quantity,
    action,
    {{ demand_figure('protection_days') }} as protection_days,
    horizon_days,
    horizon_days is not null as is_judged,
    {{ demand_figure('coalesce(forecast, expected_demand)') }} as forecast_demand,
    {{ quantity('demand') }} as demand_quantity,
    {{ demand_figure('in_stock_share') }} as in_stock_share,
    {{ demand_figure('wanted') }} as wanted_quantity,
    {{ demand_figure('forecast - wanted') }} as forecast_error,
    case
        when demand > reorder_point + 1e-6 then false
        when wanted is not null then wanted <= reorder_point + 1e-6
    end as has_reorder_point_held,
    {{ quantity('coalesce(ordered_quantity, 0)') }} as ordered_quantity,
    case
        when proposed_quantity <= 0 and ordered_quantity > 0 then 'unasked'
        when proposed_quantity <= 0 then 'nothing proposed'
        when ordered_quantity = proposed_quantity then 'followed'
        when ordered_quantity > 0 then 'changed'
        when ordered_later_quantity > 0 then 'superseded'
        when {{ add_days('proposal_date', var('proposal_follow_days', 7)) }} >= {{ as_of() }} then 'open'
        else 'ignored'
    end as decision,
    purchaser_decision,
    {{ quantity('decided_quantity') }} as decided_quantity,
    decided_at,
    promised_from as order_date,
    expected_arrival_date,
    latest_arrival_date,
    arrival_date,
    {{ days_between('expected_arrival_date', 'arrival_date') }} as days_late,
    case
        when arrival_date is not null then arrival_date <= latest_arrival_date
        when latest_arrival_date < {{ as_of() }} then false
    end as has_arrived_in_time
from measured
