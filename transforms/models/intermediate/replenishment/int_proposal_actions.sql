{{ config(materialized='table') }}

-- One row per supplier, warehouse and currency, with what to do with its order.

with top_ups as (
    select
        items.supplier_id,
        items.warehouse_code,
        items.currency,
        sum(top_ups.top_up_quantity) as top_up_units,
        sum(top_ups.top_up_quantity * items.unit_cost) as top_up_value
    from {{ ref('int_proposal_top_ups') }} as top_ups
    inner join {{ ref('int_proposal_items') }} as items
        on items.supplier_id = top_ups.supplier_id
        and items.warehouse_code = top_ups.warehouse_code
        and {{ is_same('items.currency', 'top_ups.currency') }}
        and items.sku = top_ups.sku
    group by items.supplier_id, items.warehouse_code, items.currency
),

gathered as (
    select
        proposals.*,
        coalesce(top_ups.top_up_units, 0e0) as top_up_units,
        coalesce(top_ups.top_up_value, 0e0) as top_up_value,
        -- An order may name a warehouse on each line, so one order can serve all of them.
        sum(proposals.suggested_value + coalesce(top_ups.top_up_value, 0e0))
            over (partition by proposals.supplier_id, proposals.currency) as pooled_value,
        -- If nothing sells, waiting does not fill the order.
        case when proposals.daily_value > 0e0 then ceil(proposals.gap / proposals.daily_value - 1e-9) end as days_to_minimum
    from {{ ref('int_proposals') }} as proposals
    left join top_ups
        on top_ups.supplier_id = proposals.supplier_id
        and top_ups.warehouse_code = proposals.warehouse_code
        and {{ is_same('top_ups.currency', 'proposals.currency') }}
),

decided as (
    select
        *,
        case
            when suggested_value <= 0e0 then 'none'
            when top_up_units > 0e0 then 'top_up'
            when is_below_minimum
                and days_to_minimum <= {{ days_between(as_of(), 'must_order_date') }} then 'defer'
            when is_below_minimum then 'order_below_minimum'
            -- A maximum below the minimum cannot be observed, because the parts would be below the minimum.
            when maximum_order_amount < suggested_value - 0.005e0
                and maximum_order_amount >= coalesce(minimum_order_amount, 0e0) then 'split'
            else 'order'
        end as action_alone
    from gathered
),

compared as (
    select
        *,
        max(case when action_alone = 'order_below_minimum' then 1 else 0 end)
            over (partition by supplier_id, currency) = 1 as is_one_urgent,
        sum(case when action_alone = 'defer' then 0e0 else suggested_value + top_up_value end)
            over (partition by supplier_id, currency) as value_today
    from decided
),

-- A deferrable order is placed today if another warehouse's order cannot wait and reaches the minimum only with it.
pooled as (
    select
        *,
        case
            when action_alone = 'defer'
                and is_one_urgent
                and value_today < minimum_order_amount - 0.005e0
                and pooled_value >= minimum_order_amount - 0.005e0
                then 'order_below_minimum'
            else action_alone
        end as action
    from compared
)

select
    *,
    case when action = 'defer' then cast(days_to_minimum as integer) end as defer_days,
    action = 'order_below_minimum' and pooled_value >= minimum_order_amount - 0.005e0 as is_pooled
from pooled
