{{ config(materialized='table') }}

{# The lead time that Omnium stores on the product is that of its primary supplier; 0 means that none is configured. #}
{%- set agreed -%}
coalesce(
            case when products.supplier_lead_time_days > 0 then products.supplier_lead_time_days end,
            case when suppliers.lead_time_days > 0 then suppliers.lead_time_days end,
            {{ var('default_average_lead_time_days') }}
        )
{%- endset %}

-- One row per SKU and warehouse that is stocked or sold, with its source and the lead time from there. In the notation
-- of models.md, L and σ_L are lead_time_mean_days and lead_time_sd_days, and r is review_days.

with suppliers as (
    select
        supplier_id,
        supplier_name,
        omnium_store_id,
        lead_time_days,
        safety_margin_days,
        order_interval_days
    -- As configured at the as-of date.
    from {{ ref('dim_supplier') }}
    where not is_deleted
),

-- Suppliers that are own warehouses. A place that such a warehouse supplies orders from it.
own_warehouses as (
    select
        omnium_store_id as warehouse_code,
        min(supplier_id) as supplier_id
    from suppliers
    where omnium_store_id is not null
    group by omnium_store_id
),

tenant_lead_time as (
    select
        planning_mean_days,
        planning_sd_days,
        completed_lines
    from {{ ref('lead_time') }}
    where level = 'global'
),

-- The supplier's figures or, if the supplier is one of the own warehouses, those of the transfers from it.
lead_times as (
    select
        case level
            when 'transfer_route' then 'supplier_warehouse'
            when 'transfer' then 'any transfer'
            else level
        end as match_on,
        level,
        supplier_id,
        warehouse_code,
        sku,
        completed_lines,
        planning_mean_days,
        planning_sd_days,
        level in ('transfer_route', 'transfer') as is_transfer
    from {{ ref('lead_time') }}
),

routes as (
    select
        routes.sku,
        routes.warehouse_code,
        own_warehouses.supplier_id
    from {{ ref('int_transfer_routes') }} as routes
    inner join own_warehouses
        on own_warehouses.warehouse_code = routes.from_warehouse_code
    where routes.is_regular
),

-- A regular route has priority over the product's supplier. A warehouse cannot order from itself.
sourced as (
    select
        items.sku,
        items.warehouse_code,
        case
            when routes.supplier_id is not null then routes.supplier_id
            when sources.omnium_store_id = items.warehouse_code then sources.alternative_supplier_id
            else sources.supplier_id
        end as supplier_id,
        case
            when routes.supplier_id is not null then null
            when sources.omnium_store_id = items.warehouse_code then sources.alternative_supplier_sku_id
            else sources.supplier_sku_id
        end as supplier_sku_id,
        case
            when routes.supplier_id is not null then false
            when sources.omnium_store_id = items.warehouse_code then sources.alternative_supplier_id is not null
            else coalesce(sources.is_stand_in, false)
        end as is_stand_in
    from {{ ref('int_stocked_items') }} as items
    left join {{ ref('int_purchase_sources') }} as sources
        on sources.sku = items.sku
    left join routes
        on routes.sku = items.sku
        and routes.warehouse_code = items.warehouse_code
),

joined as (
    select
        sources.sku,
        sources.warehouse_code,
        sources.supplier_id,
        sources.supplier_sku_id,
        suppliers.supplier_id is not null as is_supplier_known,
        sources.is_stand_in,
        coalesce(suppliers.supplier_name, sources.supplier_id) as supplier_name,
        suppliers.omnium_store_id,
        coalesce(suppliers.omnium_store_id, sources.supplier_id) as source_id,
        suppliers.omnium_store_id is not null as is_transfer,
        {{ agreed }} as agreed_lead_time_days,
        {{ agreed }}
            + coalesce(suppliers.safety_margin_days, {{ var('lead_time_safety_margin_days') }}) as configured_lead_time_days,
        {{ real("coalesce(nullif(suppliers.order_interval_days, 0), 30)") }} as order_interval_days,
        coalesce(order_days.review_days, {{ real(var('review_days')) }}) as review_days
    from sourced as sources
    left join {{ ref('dim_product') }} as products
        on products.sku = sources.sku
        and products.supplier_id = sources.supplier_id
    left join suppliers
        on suppliers.supplier_id = sources.supplier_id
    left join {{ ref('int_supplier_order_days') }} as order_days
        on order_days.supplier_id = sources.supplier_id
)

select
    joined.*,
    coalesce(by_sku.level, by_warehouse.level, by_supplier.level, transfers.level, 'global') as lead_time_level,
    coalesce(
        by_sku.planning_mean_days, by_warehouse.planning_mean_days, by_supplier.planning_mean_days,
        transfers.planning_mean_days, tenant_lead_time.planning_mean_days
    ) as lead_time_mean_days,
    coalesce(
        by_sku.planning_sd_days, by_warehouse.planning_sd_days, by_supplier.planning_sd_days,
        transfers.planning_sd_days, tenant_lead_time.planning_sd_days
    ) as lead_time_sd_days,
    coalesce(
        by_sku.completed_lines, by_warehouse.completed_lines, by_supplier.completed_lines,
        transfers.completed_lines, tenant_lead_time.completed_lines
    ) as lead_time_lines,
    by_supplier.completed_lines as supplier_lines
from joined
cross join tenant_lead_time
left join lead_times as by_sku
    on by_sku.match_on = 'supplier_warehouse_sku'
    and not joined.is_transfer
    and by_sku.supplier_id = joined.source_id
    and by_sku.warehouse_code = joined.warehouse_code
    and by_sku.sku = joined.sku
left join lead_times as by_warehouse
    on by_warehouse.match_on = 'supplier_warehouse'
    and by_warehouse.is_transfer = joined.is_transfer
    and by_warehouse.supplier_id = joined.source_id
    and by_warehouse.warehouse_code = joined.warehouse_code
left join lead_times as by_supplier
    on by_supplier.match_on = 'supplier'
    and not joined.is_transfer
    and by_supplier.supplier_id = joined.source_id
left join lead_times as transfers
    on transfers.match_on = 'any transfer'
    and joined.is_transfer
