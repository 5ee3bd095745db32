-- One row per kept proposal: what was ordered of it afterwards. Orders count that were placed after the load on which
-- the proposal rests, within var('proposal_follow_days') days; those before the next kept proposal answer this one.

with proposals as (
    select
        sku,
        warehouse_code,
        recorded_at,
        proposal_date,
        supplier_id,
        lead(recorded_at) over (partition by sku, warehouse_code order by recorded_at) as next_recorded_at
    from {{ ref('proposal_history') }}
    where proposal_date <= {{ as_of() }}
),

placed as (
    select
        lines.sku,
        lines.warehouse_code,
        lines.supplier_id,
        lines.order_date,
        orders.created_at,
        lines.ordered_quantity,
        case when lines.is_complete then lines.full_receipt_days end as full_receipt_days
    from {{ ref('fct_purchase_order_line') }} as lines
    inner join {{ ref('stg_purchase_orders') }} as orders
        on orders.purchase_order_id = lines.purchase_order_id
)

select
    proposals.sku,
    proposals.warehouse_code,
    proposals.recorded_at,
    sum(case
        when proposals.next_recorded_at is null or placed.created_at <= proposals.next_recorded_at
            then placed.ordered_quantity
        else 0
    end) as ordered_quantity,
    sum(placed.ordered_quantity) as ordered_later_quantity,
    min(placed.order_date) as order_date,
    min(case
        when (proposals.next_recorded_at is null or placed.created_at <= proposals.next_recorded_at)
            and {{ is_same('placed.supplier_id', 'proposals.supplier_id') }}
            then placed.order_date
    end) as promised_from,
    min(case
        when (proposals.next_recorded_at is null or placed.created_at <= proposals.next_recorded_at)
            and {{ is_same('placed.supplier_id', 'proposals.supplier_id') }}
            then {{ add_days('placed.order_date', 'placed.full_receipt_days') }}
    end) as arrival_date
from proposals
inner join placed
    on placed.sku = proposals.sku
    and placed.warehouse_code = proposals.warehouse_code
    and placed.created_at > proposals.recorded_at
    and placed.order_date <= {{ add_days('proposals.proposal_date', var('proposal_follow_days', 7)) }}
group by proposals.sku, proposals.warehouse_code, proposals.recorded_at
