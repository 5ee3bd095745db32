-- One row per kept proposal, with what was ordered after it. An order counts if it was placed after the load that the
-- proposal is based on, and within var('proposal_follow_days') days. Orders before the next kept proposal answer this
-- one.

-- An order of several rows has arrived in full when the last of them has; cancelled quantities are not waited for.
with placed as (
    select
        lines.purchase_order_id,
        lines.sku,
        lines.warehouse_code,
        min(lines.supplier_id) as supplier_id,
        min(lines.order_date) as order_date,
        min(orders.created_at) as created_at,
        sum(lines.ordered_quantity) as ordered_quantity,
        sum(lines.net_quantity) as net_quantity,
        case
            when max(case when lines.net_quantity > 0 and not lines.is_complete then 1 else 0 end) = 0
                then max(case when lines.net_quantity > 0 then lines.full_receipt_days end)
        end as full_receipt_days
    from {{ ref('fct_purchase_order_line') }} as lines
    inner join {{ ref('stg_purchase_orders') }} as orders
        on orders.purchase_order_id = lines.purchase_order_id
    group by lines.purchase_order_id, lines.sku, lines.warehouse_code
),

proposals as (
    select
        sku,
        warehouse_code,
        recorded_at,
        proposal_date,
        supplier_id,
        lead(recorded_at) over (partition by sku, warehouse_code order by recorded_at) as next_recorded_at
    from {{ ref('proposal_history') }} as history
    where proposal_date <= {{ as_of() }}
        -- Proposals of SKUs that were never ordered need not be sorted.
        and exists (
            select 1
            from placed
            where placed.sku = history.sku
                and placed.warehouse_code = history.warehouse_code
        )
),

answers as (
    select
        proposals.sku,
        proposals.warehouse_code,
        proposals.recorded_at,
        placed.purchase_order_id,
        placed.order_date,
        placed.created_at,
        placed.ordered_quantity,
        placed.full_receipt_days,
        proposals.next_recorded_at is null or placed.created_at <= proposals.next_recorded_at as is_of_this_proposal,
        {{ is_same('placed.supplier_id', 'proposals.supplier_id') }} and placed.net_quantity > 0 as is_as_proposed
    from proposals
    inner join placed
        on placed.sku = proposals.sku
        and placed.warehouse_code = proposals.warehouse_code
        and placed.created_at > proposals.recorded_at
        and placed.order_date <= {{ add_days('proposals.proposal_date', var('proposal_follow_days', 7)) }}
),

-- The first answering order to the proposed supplier is compared with what we expected.
ranked as (
    select
        *,
        case
            when is_of_this_proposal and is_as_proposed then row_number() over (
                partition by sku, warehouse_code, recorded_at, is_of_this_proposal, is_as_proposed
                order by created_at, purchase_order_id
            )
        end as place
    from answers
)

select
    sku,
    warehouse_code,
    recorded_at,
    sum(case when is_of_this_proposal then ordered_quantity else 0 end) as ordered_quantity,
    sum(ordered_quantity) as ordered_later_quantity,
    min(order_date) as order_date,
    min(case when place = 1 then order_date end) as promised_from,
    min(case when place = 1 then {{ add_days('order_date', 'full_receipt_days') }} end) as arrival_date
from ranked
group by sku, warehouse_code, recorded_at
