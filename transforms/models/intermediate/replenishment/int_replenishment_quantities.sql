-- One row per SKU and warehouse: how much to order today, ours and Omnium's way.

with stock as (
    select
        *,
        cast(position as double precision) as stock_position,
        cast(draft_order as double precision) as drafted,
        cast(reorder_min_quantity as double precision) as least_order,
        -- Without a pack, or where packs may be broken, units are whole.
        case
            when pack_quantity is null or is_package_break_allowed then 1e0
            else cast(pack_quantity as double precision)
        end as pack,
        case
            when is_virtual then 'virtual product'
            when is_package then 'package sold only as components'
            when is_discontinued then 'discontinued'
            when is_not_purchasable then 'assortment not purchasable'
            when supplier_id is null or not is_supplier_known then 'no supplier'
            when unit_cost is null or unit_cost <= 0 then 'no cost'
        end as block_reason,
        -- Omnium: average usage × (configured lead time + margin), then one order interval more
        daily_demand_naive * configured_lead_time_days as parity_reorder_point,
        daily_demand_naive * (configured_lead_time_days + order_interval_days) as parity_level
    from {{ ref('int_replenishment_levels') }}
),

needed as (
    select
        *,
        case
            when block_reason is not null then 0e0
            -- on back order only what customers already wait for is bought
            when is_backorder then greatest(0e0, -stock_position - drafted)
            when stock_position > reorder_point then 0e0
            else {{ demand_figure('greatest(0e0, order_up_to_level - stock_position - drafted)') }}
        end as raw_quantity,
        case
            when block_reason is not null or stock_position > greatest(parity_reorder_point, min_quantity) then 0e0
            else greatest(
                0e0,
                case
                    when max_quantity > 0 then least(greatest(parity_level, min_quantity), max_quantity)
                    else greatest(parity_level, min_quantity)
                end - stock_position - drafted
            )
        end as parity_raw_quantity
    from stock
),

minimums as (
    select
        *,
        case
            when raw_quantity <= 0e0 then 0e0
            {%- if var('reorder_suggestions_min_quantity_round_up') %}
            else greatest(raw_quantity, least_order)
            {%- else %}
            else raw_quantity
            {%- endif %}
        end as wanted,
        case
            when parity_raw_quantity <= 0e0 then 0e0
            {%- if var('reorder_suggestions_min_quantity_round_up') %}
            else greatest(parity_raw_quantity, least_order)
            {%- else %}
            else parity_raw_quantity
            {%- endif %}
        end as parity_wanted
    from needed
),

packed as (
    select
        *,
        -- a hair less, so that 48.0000000001 units are two packs of 24
        case when wanted > 0e0 then ceil(wanted / pack - 1e-9) * pack else 0e0 end as packed_quantity,
        case when parity_wanted > 0e0 then ceil(parity_wanted / pack - 1e-9) * pack else 0e0 end as parity_quantity
    from minimums
)

select
    *,
    case
        when max_quantity > 0
            and not is_backorder
            and packed_quantity > 0e0
            and stock_position + drafted + packed_quantity > max_quantity
            and stock_position + drafted + packed_quantity - pack > reorder_point
            and packed_quantity - pack >= least_order
            and packed_quantity - pack > 0e0
            then packed_quantity - pack
        else packed_quantity
    end as suggested_quantity,
    raw_quantity > 0e0 and raw_quantity < least_order as is_below_minimum_quantity
from packed
