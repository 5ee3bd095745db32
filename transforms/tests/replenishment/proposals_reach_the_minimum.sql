-- Orders that are filled up reach the supplier's minimum without a pack more than needed; those that wait
-- or are ordered all the same do not.
select
    proposals.*
from {{ ref('purchase_proposal') }} as proposals
left join (
    select
        supplier_id, warehouse_code, currency,
        max(case when top_up_quantity > 0 then (unit_cost + 0.01) * greatest(1, coalesce(pack_quantity, 1)) end) as dearest_pack
    from {{ ref('purchase_proposal_line') }}
    group by supplier_id, warehouse_code, currency
) as packs
    on packs.supplier_id = proposals.supplier_id
    and packs.warehouse_code = proposals.warehouse_code
    and {{ is_same('packs.currency', 'proposals.currency') }}
-- each line is rounded to a hundredth
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
    )
