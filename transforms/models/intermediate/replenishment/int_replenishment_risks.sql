{{ config(materialized='table') }}

-- One row per SKU and warehouse: how likely it runs short, by when it must be ordered, and how urgent that is.

with quantities as (
    select
        *,
        case
            when demand_sd > 0e0 then (stock_position - expected_demand) / demand_sd
            when stock_position >= expected_demand then 1e9
            else -1e9
        end as safety_factor
    from {{ ref('int_replenishment_quantities') }}
),

risks as (
    select
        *,
        {{ demand_figure('1e0 - (' ~ normal_cdf('safety_factor') ~ ')') }} as stock_out_risk,
        {{ demand_figure('case
            when demand_sd > 0e0 then demand_sd * (' ~ normal_loss('safety_factor') ~ ')
            else greatest(0e0, expected_demand - stock_position)
        end') }} as expected_shortage,
        case
            -- a hair more, against rounding; ten years are as good as never
            when daily_demand > 0e0
                then least(3650, greatest(0e0, floor((stock_position - reorder_point) / daily_demand + 1e-9)))
            when stock_position <= reorder_point then 0
        end as days_to_order
    from quantities
),

dated as (
    select
        risks.*,
        {{ add_days(as_of(), 'risks.days_to_order') }} as order_by_date,
        outs.projected_stock_out_date,
        case
            when risks.block_reason is not null then 4
            when risks.available <= 0 and (risks.daily_demand > 0e0 or risks.available < 0 or risks.awaiting_purchase > 0)
                then 1
            when outs.projected_stock_out_date < {{ add_days(as_of(), 'ceil(risks.lead_time_mean_days)') }} then 2
            when risks.suggested_quantity > 0e0 then 3
            else 4
        end as urgency_rank,
        case
            when risks.is_low_evidence or greatest(risks.lead_time_lines, coalesce(risks.supplier_lines, 0)) < 3
                then 'low'
            when risks.in_stock_days >= 30e0
                and risks.lead_time_level <> 'global'
                and greatest(risks.lead_time_lines, coalesce(risks.supplier_lines, 0)) >= 8
                then 'high'
            else 'medium'
        end as confidence
    from risks
    left join {{ ref('int_projected_stock_outs') }} as outs
        on outs.sku = risks.sku
        and outs.warehouse_code = risks.warehouse_code
)

select
    sku,
    warehouse_code,
    stock_out_risk,
    expected_shortage,
    days_to_order,
    order_by_date,
    projected_stock_out_date,
    {{ urgency('urgency_rank') }} as urgency,
    urgency_rank,
    case when block_reason is null then stock_out_risk * expected_shortage * unit_cost else 0e0 end as money_at_risk,
    confidence
from dated
