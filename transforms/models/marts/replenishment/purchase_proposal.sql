with lines as (
    select
        supplier_id,
        warehouse_code,
        currency,
        count(*) as lines,
        sum(quantity) as units,
        sum(line_value) as value,
        sum(top_up_quantity) as top_up_units,
        sum(money_at_risk) as money_at_risk,
        min(order_by_date) as order_by_date,
        min(requested_delivery_date) as requested_delivery_date,
        min(urgency_rank) as urgency_rank
    from {{ ref('purchase_proposal_line') }}
    group by supplier_id, warehouse_code, currency
)

select
    proposals.supplier_id,
    proposals.supplier_name,
    proposals.supplier_warehouse_code,
    proposals.warehouse_code,
    proposals.currency,
    coalesce(lines.lines, 0) as lines,
    {{ quantity('coalesce(lines.units, 0)') }} as units,
    {{ money('coalesce(lines.value, 0)') }} as value,
    {{ money('proposals.minimum_order_amount') }} as minimum_order_amount,
    {{ money('proposals.maximum_order_amount') }} as maximum_order_amount,
    {{ money('proposals.shipment_cost') }} as shipment_cost,
    proposals.action,
    {{ quantity('coalesce(lines.top_up_units, 0)') }} as top_up_units,
    proposals.defer_days,
    proposals.is_pooled,
    {{ estimated_money('proposals.pooled_value') }} as pooled_value,
    {{ money("case when proposals.action = 'defer' then 0 else coalesce(lines.value, 0) end") }} as ordered_value,
    {{ real('proposals.economic_interval_days') }} as economic_interval_days,
    lines.order_by_date,
    lines.requested_delivery_date,
    {{ urgency('coalesce(lines.urgency_rank, 4)') }} as urgency,
    cast(coalesce(lines.urgency_rank, 4) as integer) as urgency_rank,
    {{ money('coalesce(lines.money_at_risk, 0)') }} as money_at_risk,
    proposals.is_rate_missing
from {{ ref('int_proposal_actions') }} as proposals
left join lines
    on lines.supplier_id = proposals.supplier_id
    and lines.warehouse_code = proposals.warehouse_code
    and {{ is_same('lines.currency', 'proposals.currency') }}
