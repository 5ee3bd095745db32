with inventory as (
    select
        sku,
        warehouse_code,
        sum(on_hand) as on_hand,
        sum(reserved) as reserved,
        -- The tenant's current row is what was known, unless it changed after the as-of date.
        {{ as_of_is_current() }} or max(modified_date) <= {{ as_of() }} as is_current
    from {{ ref('stg_inventory') }}
    where not is_virtual
        and coalesce(created_date, {{ as_of() }}) <= {{ as_of() }}
    group by sku, warehouse_code
),

-- The stock after the last transaction up to the as-of date.
recorded as (
    select
        sku,
        warehouse_code,
        closing_quantity,
        closing_reserved
    from {{ ref('fct_stock_and_demand_change') }}
    where {{ add_days('day', 'run_days') }} > {{ as_of() }}
),

later as (
    select
        coalesce(spellings.sku, transactions.sku) as sku,
        warehouse_code,
        transaction_id,
        transacted_at,
        coalesce(quantity, 0) as quantity,
        coalesce(reserved_quantity, 0) as reserved_quantity,
        new_inventory,
        coalesce(new_reserved_inventory, 0) as new_reserved_inventory
    from {{ ref('stg_inventory_transactions') }} as transactions
    left join {{ ref('int_sku_spellings') }} as spellings
        on spellings.spelling = transactions.sku
    where not {{ as_of_is_current() }}
        and {{ local_date('transacted_at') }} > {{ as_of() }}
        and new_inventory is not null
        and not is_virtual
),

-- Before an article's first transaction, its opening stock according to that transaction.
opening as (
    select
        sku,
        warehouse_code,
        new_inventory - quantity as opening_quantity,
        new_reserved_inventory - reserved_quantity as opening_reserved
    from (
        select
            *,
            row_number() over (
                partition by sku, warehouse_code
                order by {{ order_of_transactions() }}
            ) as place
        from {{ transactions_in_their_instants('later') | indent(8) }} as later
    ) as later
    where place = 1
),

joined as (
    select
        items.sku,
        items.warehouse_code,
        {{ quantity('case
            -- An impossible figure counts as missing, and the stock after the last transaction is used.
            when inventory.is_current then coalesce(inventory.on_hand, recorded.closing_quantity, 0)
            else coalesce(recorded.closing_quantity, opening.opening_quantity, inventory.on_hand, 0)
        end') }} as on_hand,
        {{ quantity('case
            when inventory.is_current then coalesce(inventory.reserved, 0)
            else coalesce(recorded.closing_reserved, opening.opening_reserved, inventory.reserved, 0)
        end') }} as reserved,
        inventory.sku is not null and inventory.on_hand is null
            and recorded.closing_quantity is null and opening.opening_quantity is null as is_unknown,
        coalesce(incoming.on_order, 0) as on_order,
        coalesce(incoming.on_order_late, 0) as on_order_late,
        least(coalesce(arrivals.on_order_expected, incoming.on_order, 0), coalesce(incoming.on_order, 0)) as on_order_expected,
        coalesce(incoming.draft_order, 0) as draft_order,
        {{ quantity('coalesce(awaiting.awaiting_purchase, 0)') }} as awaiting_purchase,
        coalesce(incoming.transfer_out_pending, 0) as transfer_out_pending
    from {{ ref('int_stocked_items') }} as items
    left join inventory
        on inventory.sku = items.sku
        and inventory.warehouse_code = items.warehouse_code
    left join recorded
        on recorded.sku = items.sku
        and recorded.warehouse_code = items.warehouse_code
    left join opening
        on opening.sku = items.sku
        and opening.warehouse_code = items.warehouse_code
    left join {{ ref('int_incoming_stock') }} as incoming
        on incoming.sku = items.sku
        and incoming.warehouse_code = items.warehouse_code
    left join {{ ref('int_expected_arrivals') }} as arrivals
        on arrivals.sku = items.sku
        and arrivals.warehouse_code = items.warehouse_code
    left join {{ ref('int_customers_waiting') }} as awaiting
        on awaiting.sku = items.sku
        and awaiting.warehouse_code = items.warehouse_code
)

select
    sku,
    warehouse_code,
    on_hand,
    reserved,
    {{ quantity('on_hand - reserved') }} as available,
    {{ quantity('on_order') }} as on_order,
    {{ quantity('on_order_late') }} as on_order_late,
    {{ quantity('on_order_expected') }} as on_order_expected,
    {{ quantity('draft_order') }} as draft_order,
    awaiting_purchase,
    {{ quantity('transfer_out_pending') }} as transfer_out_pending,
    {{ quantity('on_hand - reserved + on_order_expected - transfer_out_pending'
        ~ ('' if var('reserved_includes_awaiting') else ' - awaiting_purchase')) }} as position,
    on_hand < 0 as is_negative,
    is_unknown
from joined
