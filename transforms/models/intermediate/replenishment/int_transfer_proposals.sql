{{ config(materialized='table') }}

-- One row per SKU, warehouse with an excess and warehouse that would have to order, with the quantity to send instead.
-- The warehouse with the largest excess gives first; the one with the fewest days of cover receives first. A warehouse
-- gives only stock that is there, that it has not promised and that lies above its own order-up-to level, and nothing
-- that it keeps for places that it supplies.

with transfer_times as (
    select
        supplier_id as from_warehouse_code,
        warehouse_code as to_warehouse_code,
        planning_mean_days
    from {{ ref('lead_time') }}
    where level = 'transfer_route'
),

any_transfer as (
    select max(planning_mean_days) as planning_mean_days
    from {{ ref('lead_time') }}
    where level = 'transfer'
),

spare as (
    select
        sku,
        warehouse_code,
        floor(
            -- Stock that other transfers are about to take is still there.
            least(
                {{ real('available - promised_quantity' ~ ('' if var('reserved_includes_awaiting') else ' + awaiting_purchase')) }},
                {{ real('position') }}
            )
            - case when is_store_inactive then 0e0 else order_up_to_level end
            + 1e-9
        ) as units
    from {{ ref('int_replenishment_levels') }} as levels
    where not is_echelon
        and not is_virtual
        and not is_package
        and not exists (
            select 1
            from {{ ref('int_echelon_places') }} as places
            where places.sku = levels.sku
                and places.warehouse_code = levels.warehouse_code
        )
),

missing as (
    select
        sku,
        warehouse_code,
        product_name,
        source_id,
        lead_time_mean_days,
        unit_cost,
        currency,
        daily_demand,
        {{ real('available') }} as available,
        {{ real('position') }} as position,
        reorder_point,
        {{ real('position') }} / nullif(daily_demand, 0e0) as days_of_cover,
        ceil(
            case when is_backorder then 0e0 else order_up_to_level end
            - {{ real('position') }} - {{ real('draft_order') }} - 1e-9
        ) as units
    from {{ ref('int_replenishment_levels') }}
    where not is_echelon
        and not is_virtual
        and not is_package
        and not is_product_inactive
        and not is_store_inactive
        and (daily_demand > 0e0 or position < 0)
        and case when is_backorder then position < 0 else position <= reorder_point end
),

-- Excesses and needs are laid end to end along a line of units. Goods move where an excess and a need overlap.
giving as (
    select
        *,
        sum(units) over (partition by sku order by units desc, warehouse_code rows between unbounded preceding and current row) as until_unit
    from spare
    where units >= 1e0
),

taking as (
    select
        *,
        sum(units) over (
            partition by sku order by days_of_cover nulls first, warehouse_code
            rows between unbounded preceding and current row
        ) as until_unit
    from missing
    where units >= 1e0
),

matched as (
    select
        giving.sku,
        giving.warehouse_code as from_warehouse_code,
        taking.warehouse_code as to_warehouse_code,
        taking.product_name,
        taking.lead_time_mean_days,
        taking.unit_cost,
        taking.currency,
        taking.source_id,
        taking.available,
        taking.position,
        taking.reorder_point,
        giving.units as excess_units,
        taking.units as needed_units,
        least(giving.until_unit, taking.until_unit)
            - greatest(giving.until_unit - giving.units, taking.until_unit - taking.units) as units
    from giving
    inner join taking
        on taking.sku = giving.sku
        and taking.warehouse_code <> giving.warehouse_code
        and giving.until_unit - giving.units < taking.until_unit
        and taking.until_unit - taking.units < giving.until_unit
),

possible as (
    select
        matched.*,
        coalesce(transfer_times.planning_mean_days, any_transfer.planning_mean_days) as transfer_days,
        sum(matched.units) over (partition by matched.sku, matched.to_warehouse_code) as received_units,
        places.place_code is not null as is_return
    from matched
    left join {{ ref('int_echelon_places') }} as places
        on places.sku = matched.sku
        and places.warehouse_code = matched.to_warehouse_code
        and places.place_code = matched.from_warehouse_code
    left join any_transfer
        on true
    left join transfer_times
        on transfer_times.from_warehouse_code = matched.from_warehouse_code
        and transfer_times.to_warehouse_code = matched.to_warehouse_code
    where {{ 'true' if var('transfers_between_places', true) else 'false' }}
        and matched.units >= 1e0
        -- Transfers from the warehouse that the receiver orders from anyway are not proposals of their own.
        and coalesce(matched.source_id, '') <> matched.from_warehouse_code
        and coalesce(transfer_times.planning_mean_days, any_transfer.planning_mean_days, 0e0) <= matched.lead_time_mean_days
)

select
    sku,
    product_name,
    from_warehouse_code,
    to_warehouse_code,
    units,
    excess_units,
    needed_units,
    unit_cost,
    currency,
    lead_time_mean_days,
    transfer_days,
    is_return
from possible
-- A transfer is worthwhile if it avoids the purchase or helps a place with nothing available.
where position + received_units > reorder_point
    or available <= 0e0
