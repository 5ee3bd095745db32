{{ config(materialized='table') }}

-- One row per SKU, warehouse and currency that tops up an order to the supplier's minimum. Packs are added one by one
-- to the SKU with the fewest days of cover, up to 90 days; the first addition to a SKU that is not ordered yet is its
-- minimum order quantity. An order that cannot be filled this way, or only above the supplier's maximum, has no rows.

{% set most_days = 90 %}

{#- The value by which an order may grow; a maximum below the minimum is ignored. -#}
{% set room -%}
case
            when proposals.maximum_order_amount >= proposals.minimum_order_amount
                then proposals.maximum_order_amount - proposals.suggested_value + 0.005e0
        end
{%- endset %}

with items as (
    select
        *,
        {% if var('reorder_suggestions_min_quantity_round_up') -%}
        case when suggested_quantity > 0e0 then 1e0 else greatest(1e0, ceil(least_order / pack - 1e-9)) end
        {%- else -%}
        1e0
        {%- endif %} as first_packs
    from {{ ref('int_proposal_items') }}
    where daily_demand > 0e0
        -- For back-order articles, only what customers wait for is bought.
        and not is_backorder
),

candidates as (
    select
        items.supplier_id,
        items.warehouse_code,
        items.currency,
        items.sku,
        items.pack,
        items.first_packs,
        items.pack * items.unit_cost as pack_value,
        items.daily_demand,
        items.stock + items.suggested_quantity as stock,
        proposals.gap,
        {{ room }} as room,
        least(
            floor(({{ most_days }}e0 * items.daily_demand - items.stock - items.suggested_quantity) / items.pack + 1e-9),
            case
                when items.max_quantity > 0
                    then floor((items.max_quantity - items.stock - items.suggested_quantity) / items.pack + 1e-9)
                else 10000e0
            end,
            greatest(items.first_packs, ceil(proposals.gap / (items.pack * items.unit_cost))),
            coalesce(floor({{ room }} / (items.pack * items.unit_cost)), 10000e0),
            10000e0
        ) as packs
    from items
    inner join {{ ref('int_proposals') }} as proposals
        on proposals.supplier_id = items.supplier_id
        and proposals.warehouse_code = items.warehouse_code
        and {{ is_same('proposals.currency', 'items.currency') }}
    where proposals.is_below_minimum
),

-- Orders that all packs together would not fill are removed before packs are counted one by one. (The sum also avoids
-- an abort of DuckDB 2.0.0, which occurs when rows are expanded directly above a join.)
fillable as (
    select
        *,
        sum(packs * pack_value) over (partition by supplier_id, warehouse_code, currency) as most_value
    from candidates
    where packs >= first_packs
),

steps as (
    select
        *,
        {{ demand_day_offsets('packs - first_packs + 1e0') }} as step
    from fillable
    where most_value >= gap - 0.005e0
),

single_packs as (
    select
        *,
        case when step = 0 then first_packs else 1e0 end as packs_added,
        case when step = 0 then 0e0 else first_packs + step - 1 end as packs_before
    from steps
),

in_turn as (
    select
        *,
        sum(packs_added * pack_value) over (
            partition by supplier_id, warehouse_code, currency
            order by (stock + packs_before * pack) / daily_demand, sku, packs_before
            rows between unbounded preceding and current row
        ) - packs_added * pack_value as value_before
    from single_packs
),

chosen as (
    select
        *,
        sum(packs_added * pack_value) over (partition by supplier_id, warehouse_code, currency) as value_added
    from in_turn
    where value_before < gap - 0.005e0
)

select
    supplier_id,
    warehouse_code,
    currency,
    sku,
    sum(packs_added) * max(pack) as top_up_quantity
from chosen
where room is null
    or value_added <= room
group by supplier_id, warehouse_code, currency, sku
