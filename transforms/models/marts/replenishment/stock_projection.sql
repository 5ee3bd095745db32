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

supplied as (
    select
        forecast.*,
        {{ demand_countable_variance('forecast.forecast_mean', 'forecast.forecast_variance') }} as countable_variance,
        coalesce(arrivals.quantity, 0e0) as arrived,
        case when forecast.proposal_days <= forecast.days then forecast.suggested_quantity else 0e0 end as proposed,
        forecast.free_stock + coalesce(arrivals.quantity, 0e0)
            + case when forecast.proposal_days <= forecast.days then forecast.suggested_quantity else 0e0 end as supply
    from {{ ref('int_projected_weeks') }} as forecast
    left join arrivals
        on arrivals.sku = forecast.sku
        and arrivals.warehouse_code = forecast.warehouse_code
        and arrivals.week = forecast.week
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
    {{ demand_figure('supply - forecast_mean') }} as expected_stock,
    {{ demand_figure('reorder_point') }} as reorder_point,
    {{ demand_figure('stock_out_probability') }} as stock_out_probability
from risks
