{{ config(materialized='table') }}

-- One row per SKU and warehouse that may be ordered, with the supplier's terms in the line's currency.

with rates as (
    select currency, rate from {{ ref('int_currency_rates') }}
)

select
    items.supplier_id,
    items.warehouse_code,
    items.currency,
    items.sku,
    items.supplier_sku_id,
    items.gtin,
    items.product_name,
    items.supplier_name,
    items.omnium_store_id as supplier_warehouse_code,
    items.pack,
    items.pack_quantity,
    items.max_quantity,
    items.daily_demand,
    items.stock_position + items.drafted + items.spared_elsewhere as stock,
    items.is_backorder,
    items.least_order,
    items.suggested_quantity,
    items.lead_time_mean_days,
    items.agreed_lead_time_days,
    items.available <= 0 or items.awaiting_purchase > 0 as is_waited_for,
    items.order_by_date,
    {{ real('items.unit_cost') }} as unit_cost,
    case
        when suppliers.currency is null or suppliers.currency = items.currency then 1e0
        else supplier_rates.rate / line_rates.rate
    end as terms_rate,
    cast(nullif(suppliers.minimum_order_amount, 0) as {{ real_type() }}) as minimum_order_amount,
    cast(nullif(suppliers.maximum_order_amount, 0) as {{ real_type() }}) as maximum_order_amount,
    {{ real('suppliers.shipment_cost') }} as shipment_cost
from {{ ref('int_replenishment_risks') }} as items
-- The supplier's terms at the as-of date.
inner join {{ ref('dim_supplier') }} as suppliers
    on suppliers.supplier_id = items.supplier_id
    and not suppliers.is_deleted
left join rates as supplier_rates
    on supplier_rates.currency = suppliers.currency
left join rates as line_rates
    on line_rates.currency = items.currency
where items.block_reason is null
    -- For back-order articles, only what customers wait for is bought.
    and (not items.is_backorder or items.suggested_quantity > 0e0)
