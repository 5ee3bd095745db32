{{ config(materialized='table') }}

-- One row per supplier, warehouse and currency, with the total of its lines and the supplier's terms.

with gathered as (
    select
        supplier_id,
        warehouse_code,
        currency,
        min(supplier_name) as supplier_name,
        min(supplier_warehouse_code) as supplier_warehouse_code,
        count(case when suggested_quantity > 0e0 then 1 end) as suggested_lines,
        sum(suggested_quantity * unit_cost) as suggested_value,
        sum(daily_demand * unit_cost) as daily_value,
        min(minimum_order_amount * terms_rate) as minimum_order_amount,
        min(maximum_order_amount * terms_rate) as maximum_order_amount,
        min(shipment_cost * terms_rate) as shipment_cost,
        -- An order can wait no longer than the first of its lines.
        min(case
            when suggested_quantity <= 0e0 then null
            when is_waited_for then {{ as_of() }}
            else order_by_date
        end) as must_order_date,
        max(case when terms_rate is null then 1 else 0 end) = 1 as is_rate_missing
    from {{ ref('int_proposal_items') }}
    group by supplier_id, warehouse_code, currency
)

select
    *,
    suggested_value > 0e0
        and minimum_order_amount is not null
        and suggested_value < minimum_order_amount - 0.005e0 as is_below_minimum,
    greatest(0e0, minimum_order_amount - suggested_value) as gap,
    {{ economic_interval('shipment_cost', 'daily_value') }} as economic_interval_days
from gathered
