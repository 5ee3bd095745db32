with lines as (
    select
        supplier_id,
        warehouse_code,
        currency,
        count(*) as lines,
        sum(quantity) as units,
        sum(line_value) as value,
        sum(top_up_quantity) as top_up_units,
        min(order_by_date) as order_by_date
    from {{ ref('purchase_proposal_line') }}
    group by supplier_id, warehouse_code, currency
),

decided as (
    select
        proposals.*,
        coalesce(lines.lines, 0) as lines,
        {{ quantity('coalesce(lines.units, 0)') }} as units,
        {{ money('coalesce(lines.value, 0)') }} as value,
        {{ quantity('coalesce(lines.top_up_units, 0)') }} as top_up_units,
        lines.order_by_date,
        case
            when proposals.suggested_value <= 0e0 then 'none'
            when lines.top_up_units > 0 then 'top_up'
            when proposals.is_below_minimum then 'defer'
            when proposals.maximum_order_amount < proposals.suggested_value - 0.005e0 then 'split'
            else 'order'
        end as action
    from {{ ref('int_proposals') }} as proposals
    left join lines
        on lines.supplier_id = proposals.supplier_id
        and lines.warehouse_code = proposals.warehouse_code
        and {{ is_same('lines.currency', 'proposals.currency') }}
)

select
    supplier_id,
    supplier_name,
    warehouse_code,
    currency,
    lines,
    units,
    value,
    {{ money('minimum_order_amount') }} as minimum_order_amount,
    {{ money('maximum_order_amount') }} as maximum_order_amount,
    {{ money('shipment_cost') }} as shipment_cost,
    action,
    top_up_units,
    -- nothing sells: waiting would not fill the order
    case when action = 'defer' and daily_value > 0e0 then cast(ceil(gap / daily_value - 1e-9) as integer) end as defer_days,
    {{ real('economic_interval_days') }} as economic_interval_days,
    order_by_date,
    is_rate_missing
from decided
