with weeks as (
    select week, cast(7 * week as integer) as days
    from (
        {%- for week in range(1, 27) %}
        select {{ week }} as week
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as numbers
),

arrivals as (
    select
        eta.sku,
        eta.warehouse_code,
        weeks.week,
        sum({{ real('eta.open_quantity') }}) as quantity
    from {{ ref('open_purchase_eta') }} as eta
    inner join weeks
        on eta.p50_arrival_date <= {{ add_days(as_of(), 'weeks.days') }}
    group by eta.sku, eta.warehouse_code, weeks.week
),

-- Outgoing proposed transfers leave today; incoming ones take their lead time.
sent as (
    select sku, from_warehouse_code as warehouse_code, sum(units) as units
    from {{ ref('int_transfer_proposals') }}
    group by sku, from_warehouse_code
),

brought as (
    select
        transfers.sku,
        transfers.to_warehouse_code as warehouse_code,
        weeks.week,
        sum(transfers.units) as units
    from {{ ref('int_transfer_proposals') }} as transfers
    inner join weeks
        on ceil(coalesce(transfers.transfer_days, 0e0)) <= weeks.days
    group by transfers.sku, transfers.to_warehouse_code, weeks.week
),

coming as (
    select
        forecast.*,
        coalesce(arrivals.quantity, 0e0) as arrived,
        case when forecast.proposal_days <= forecast.days then forecast.proposed_quantity else 0e0 end as proposed,
        coalesce(brought.units, 0e0) - coalesce(sent.units, 0e0) as transferred
    from {{ ref('int_projected_weeks') }} as forecast
    left join arrivals
        on arrivals.sku = forecast.sku
        and arrivals.warehouse_code = forecast.warehouse_code
        and arrivals.week = forecast.week
    left join brought
        on brought.sku = forecast.sku
        and brought.warehouse_code = forecast.warehouse_code
        and brought.week = forecast.week
    left join sent
        on sent.sku = forecast.sku
        and sent.warehouse_code = forecast.warehouse_code
),

supplied as (
    select
        *,
        {{ demand_countable_variance('forecast_mean', 'forecast_variance') }} as countable_variance,
        free_stock + arrived + proposed + transferred as supply
    from coming
),

risks as (
    {{ demand_with_tail(
        'supplied', 'supply', 'forecast_mean', 'countable_variance', exceeds='stock_out_probability', shortage='units_short',
    ) | indent(4) }}
)

select
    sku,
    warehouse_code,
    week,
    {{ add_days(as_of(), 'days') }} as week_end_date,
    {{ demand_figure('forecast_mean') }} as cumulative_demand,
    {{ quantity('arrived') }} as cumulative_arrivals,
    {{ quantity('proposed') }} as cumulative_proposal,
    {{ quantity('transferred') }} as cumulative_transfers,
    {{ demand_figure('supply - forecast_mean') }} as expected_stock,
    {{ demand_figure('reorder_point') }} as reorder_point,
    {{ demand_figure('stock_out_probability') }} as stock_out_probability
from risks
