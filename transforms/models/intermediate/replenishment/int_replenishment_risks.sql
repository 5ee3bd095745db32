{{ config(materialized='table') }}

-- One row per SKU and warehouse, with the proposal, the risk of a shortage, the day by which to order and the urgency.
-- The table is written column by column, so it contains only what several models read; the rest of a plan is in
-- int_replenishment_levels.

with tails as (
    {{ demand_with_tail(
        ref('int_replenishment_quantities'), 'stock_position', 'expected_demand', 'demand_variance', exceeds='exceeds',
        shortage='shortage',
    ) | indent(4) }}
),

risks as (
    select
        *,
        {{ demand_figure('exceeds') }} as stock_out_risk,
        {{ demand_figure('shortage') }} as expected_shortage,
        case
            -- The tiny addition compensates for rounding errors; ten years mean never.
            when daily_demand > 0e0
                then least(3650, greatest(0e0, floor((stock_position - ordered_from) / daily_demand + 1e-9)))
            when stock_position <= reorder_point then 0
        end as days_to_order
    from (
        select
            *,
            -- A suggestion caused only by a minimum set in Omnium can wait until demand requires it.
            case when suggested_quantity > 0e0 then least(reorder_point, statistical_reorder_point) else reorder_point end as ordered_from
        from tails
    ) as tails
),

dated as (
    select
        risks.*,
        {{ add_days(as_of(), 'risks.days_to_order') }} as order_by_date,
        outs.projected_stock_out_date,
        case
            when risks.block_reason is not null then 4
            when risks.available <= 0 and (risks.shelf_demand > 0e0 or risks.available < 0 or risks.awaiting_purchase > 0)
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
    is_echelon,
    supplier_id,
    supplier_sku_id,
    supplier_name,
    omnium_store_id,
    product_name,
    gtin,
    lead_time_mean_days,
    agreed_lead_time_days,
    unit_cost,
    currency,
    rate,
    min_quantity,
    max_quantity,
    least_order,
    pack_quantity,
    pack,
    is_backorder,
    own_daily_demand,
    daily_demand,
    available,
    on_order,
    promised_quantity,
    awaiting_purchase,
    drafted,
    stock_position,
    transfer_in_quantity,
    spared_elsewhere,
    reorder_point,
    own_reorder_point,
    order_up_to_level,
    block_reason,
    raw_quantity,
    suggested_quantity,
    is_below_minimum_quantity,
    parity_quantity,
    stock_out_risk,
    expected_shortage,
    days_to_order,
    order_by_date,
    projected_stock_out_date,
    {{ urgency('urgency_rank') }} as urgency,
    urgency_rank,
    case
        -- The rest of a pack is not an excess if the article sells.
        when stock_position - case when is_store_inactive then 0e0 else order_up_to_level end
            >= case when daily_demand > 0e0 and not is_store_inactive then greatest(1e0, pack) else 1e0 end
            then floor(stock_position - case when is_store_inactive then 0e0 else order_up_to_level end + 1e-9)
        else 0e0
    end as excess_quantity,
    {{ demand_figure('case
        when daily_demand > 0e0 and protection_days > 0e0 then (expected_demand - promotion_demand) / (daily_demand * protection_days)
        else 1e0
    end') }} as season_factor,
    case when block_reason is null then stock_out_risk * expected_shortage * unit_cost else 0e0 end as money_at_risk,
    confidence
from dated
