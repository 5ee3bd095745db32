-- One row per supplier, warehouse and currency, with the days between orders that cost least = 365·√(2A / (h · Σ cost ·
-- annual demand)), where A is the shipment cost in that currency and h is var storage_cost_percent / 100.

with rates as (
    select currency, rate from {{ ref('int_currency_rates') }}
),

daily as (
    select
        sources.supplier_id,
        items.warehouse_code,
        items.currency,
        sum(estimates.daily_demand * {{ real('items.unit_cost') }}) as daily_value,
        min({{ real('suppliers.shipment_cost') }} * case
            when suppliers.currency is null or suppliers.currency = items.currency then 1e0
            else supplier_rates.rate / line_rates.rate
        end) as shipment_cost
    from {{ ref('int_stocked_items') }} as items
    inner join {{ ref('int_item_lead_times') }} as sources
        on sources.sku = items.sku
        and sources.warehouse_code = items.warehouse_code
    inner join {{ ref('int_demand_estimates') }} as estimates
        on estimates.sku = items.sku
        and estimates.warehouse_code = items.warehouse_code
        and estimates.as_of_day = {{ as_of() }}
    inner join {{ ref('dim_supplier') }} as suppliers
        on suppliers.supplier_id = sources.supplier_id
        and not suppliers.is_deleted
    left join rates as supplier_rates
        on supplier_rates.currency = suppliers.currency
    left join rates as line_rates
        on line_rates.currency = items.currency
    group by sources.supplier_id, items.warehouse_code, items.currency
)

select
    supplier_id,
    warehouse_code,
    currency,
    daily_value,
    {{ economic_interval('shipment_cost', 'daily_value') }} as economic_interval_days
from daily
