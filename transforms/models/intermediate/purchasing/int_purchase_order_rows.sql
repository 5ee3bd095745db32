{#
  One row per purchase order, SKU, receiving warehouse and promised date. The parts of a line that Omnium split are one
  row as long as they have the same promise. What is received in excess belongs to the last row of its order, SKU and
  warehouse.
#}
{{ config(materialized='table_by_key') }}

with lines as (

    select * from {{ ref('int_purchase_order_line_states') }}
    where sku is not null
        and {{ of_changed_keys('purchase_order_id') }}

),

grouped as (

    select
        purchase_order_id,
        sku,
        warehouse_code,
        promised_date,
        -- All lines of an order share its status.
        max(status) as status,
        min(promise_source) as promise_source,
        min(first_promised_date) as first_promised_date,
        {{ whole('sum(promise_slips)') }} as promise_slips,
        {{ quantity('sum(ordered_quantity)') }} as ordered_quantity,
        {{ quantity('sum(canceled_quantity)') }} as canceled_quantity,
        {{ quantity('sum(delivered_quantity)') }} as delivered_quantity,
        case
            when count(distinct currency) > 1 then null
            when sum(ordered_quantity) <> 0
            then sum({{ worth('ordered_quantity', 'unit_cost') }})
                / nullif(sum(case when unit_cost is not null then ordered_quantity end), 0)
            else min(unit_cost)
        end as unit_cost,
        case when count(distinct currency) = 1 then min(currency) end as currency
    from lines
    group by purchase_order_id, sku, warehouse_code, promised_date

),

netted as (

    select
        grouped.*,
        {{ quantity('greatest(0, ordered_quantity - canceled_quantity)') }} as net_quantity
    from grouped

)

select
    netted.*,
    lead(purchase_order_id) over (
        partition by purchase_order_id, sku, warehouse_code
        order by promised_date nulls last
    ) is null as is_last
from netted
