-- Topped-up orders reach the supplier's minimum without a superfluous pack. Orders that are deferred or below the
-- minimum do not reach it.
select
    proposals.*
from {{ ref('purchase_proposal') }} as proposals
left join (
    select
        lines.supplier_id, lines.warehouse_code, lines.currency,
        max(case when lines.top_up_quantity > 0 then (lines.unit_cost + 0.01) * case
            -- What was not due is added by its minimum order quantity.
            when lines.suggested_quantity = 0 then greatest(1, coalesce(lines.pack_quantity, 1), items.reorder_min_quantity + coalesce(lines.pack_quantity, 1))
            else greatest(1, coalesce(lines.pack_quantity, 1))
        end end) as dearest_pack
    from {{ ref('purchase_proposal_line') }} as lines
    inner join {{ ref('replenishment_input') }} as items
        on items.sku = lines.sku
        and items.warehouse_code = lines.warehouse_code
    group by lines.supplier_id, lines.warehouse_code, lines.currency
) as packs
    on packs.supplier_id = proposals.supplier_id
    and packs.warehouse_code = proposals.warehouse_code
    and {{ is_same('packs.currency', 'proposals.currency') }}
-- Each line is rounded to a hundredth.
where (
        proposals.action in ('order', 'split', 'top_up')
        and proposals.value < proposals.minimum_order_amount - 0.01 * (proposals.lines + 1)
    )
    or (
        proposals.action in ('defer', 'order_below_minimum')
        and proposals.value > proposals.minimum_order_amount + 0.01 * (proposals.lines + 1)
    )
    or (
        proposals.action = 'top_up'
        and proposals.value - packs.dearest_pack > proposals.minimum_order_amount + 0.01 * (proposals.lines + 1)
    )
    or (
        proposals.action = 'split'
        and proposals.value < proposals.maximum_order_amount - 0.01 * (proposals.lines + 1)
    )
    or (
        proposals.action = 'order'
        and proposals.value > proposals.maximum_order_amount + 0.01 * (proposals.lines + 1)
        -- A maximum below the minimum is ignored.
        and proposals.maximum_order_amount >= coalesce(proposals.minimum_order_amount, 0)
    )
