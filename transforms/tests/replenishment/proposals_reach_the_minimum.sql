-- Orders that are filled up reach the supplier's minimum without a pack more than needed; orders that wait do not.
select
    proposals.*
from {{ ref('purchase_proposal') }} as proposals
left join (
    select
        supplier_id, warehouse_code, currency,
        min(case when top_up_quantity > 0 then unit_cost * coalesce(nullif(pack_quantity, 0), 1) end) as cheapest_pack,
        max(case when top_up_quantity > 0 then unit_cost * coalesce(nullif(pack_quantity, 0), 1) end) as dearest_pack
    from {{ ref('purchase_proposal_line') }}
    group by supplier_id, warehouse_code, currency
) as packs
    on packs.supplier_id = proposals.supplier_id
    and packs.warehouse_code = proposals.warehouse_code
    and {{ is_same('packs.currency', 'proposals.currency') }}
where (proposals.action in ('order', 'split', 'top_up') and proposals.value < proposals.minimum_order_amount - 0.05)
    or (proposals.action = 'defer' and proposals.value >= proposals.minimum_order_amount)
    or (proposals.action = 'top_up' and proposals.value - packs.dearest_pack > proposals.minimum_order_amount + 0.05)
    or (proposals.action = 'split') <> (
        proposals.lines > 0 and proposals.maximum_order_amount is not null
        and proposals.value > proposals.maximum_order_amount and proposals.action not in ('top_up', 'defer')
    )
