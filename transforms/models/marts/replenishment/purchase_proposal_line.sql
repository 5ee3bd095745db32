with quantities as (
    select
        items.*,
        coalesce(top_ups.top_up_quantity, 0e0) as top_up_quantity,
        items.suggested_quantity + coalesce(top_ups.top_up_quantity, 0e0) as quantity
    from {{ ref('int_proposal_items') }} as items
    left join {{ ref('int_proposal_top_ups') }} as top_ups
        on top_ups.supplier_id = items.supplier_id
        and top_ups.warehouse_code = items.warehouse_code
        and {{ is_same('top_ups.currency', 'items.currency') }}
        and top_ups.sku = items.sku
)

select
    quantities.supplier_id,
    quantities.supplier_name,
    quantities.supplier_warehouse_code,
    quantities.warehouse_code,
    quantities.currency,
    {{ whole('row_number() over (
        partition by quantities.supplier_id, quantities.warehouse_code, quantities.currency
        order by replenishment.urgency_rank, replenishment.money_at_risk desc, replenishment.order_by_date, quantities.sku
    )') }} as line_number,
    quantities.sku,
    quantities.supplier_sku_id,
    quantities.gtin,
    quantities.product_name,
    {{ quantity('quantities.quantity') }} as quantity,
    {{ quantity('quantities.suggested_quantity') }} as suggested_quantity,
    {{ quantity('quantities.top_up_quantity') }} as top_up_quantity,
    quantities.pack_quantity,
    {{ quantity('quantities.quantity / coalesce(nullif(quantities.pack_quantity, 0), 1)') }} as packs,
    replenishment.unit_cost,
    {{ money('quantities.quantity * quantities.unit_cost') }} as line_value,
    proposals.action,
    proposals.defer_days,
    replenishment.urgency,
    replenishment.urgency_rank,
    replenishment.money_at_risk,
    replenishment.order_by_date,
    {{ add_days(as_of(), 'ceil(quantities.lead_time_mean_days) + coalesce(proposals.defer_days, 0)') }} as expected_arrival_date,
    {{ add_days(as_of(), 'quantities.agreed_lead_time_days + coalesce(proposals.defer_days, 0)') }} as requested_delivery_date,
    replenishment.projected_stock_out_date,
    replenishment.stock_out_risk,
    replenishment.confidence,
    case
        when quantities.suggested_quantity > 0e0 and quantities.top_up_quantity > 0e0 then replenishment.explanation
            || ' (' || {{ demand_number('quantities.top_up_quantity') }} || ' more fill the order up to the supplier''s minimum)'
        when quantities.top_up_quantity > 0e0 then 'Not due yet; '
            || {{ demand_number('quantities.top_up_quantity') }}
            || ' fill the order up to the supplier''s minimum, and it sells '
            || {{ demand_number('quantities.daily_demand', 2) }} || ' a day.'
        else replenishment.explanation
    end as explanation
from quantities
inner join {{ ref('replenishment') }} as replenishment
    on replenishment.sku = quantities.sku
    and replenishment.warehouse_code = quantities.warehouse_code
inner join {{ ref('int_proposal_actions') }} as proposals
    on proposals.supplier_id = quantities.supplier_id
    and proposals.warehouse_code = quantities.warehouse_code
    and {{ is_same('proposals.currency', 'quantities.currency') }}
where quantities.quantity > 0e0
