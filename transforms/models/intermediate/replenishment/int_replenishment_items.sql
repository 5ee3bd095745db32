-- One row per SKU and warehouse that is stocked or sold, with everything its proposal depends on.
-- d, σ_d of models.md: daily_demand, daily_demand_sd; L, σ_L: lead_time_mean_days, lead_time_sd_days;
-- r: review_days; T: order_interval_days.

{# What Omnium wrote on the product is its primary supplier's lead time. #}
{%- set agreed %}coalesce(
            case when not sources.is_stand_in then products.supplier_lead_time_days end,
            suppliers.lead_time_days,
            {{ var('default_average_lead_time_days') }}
        ){% endset -%}

with suppliers as (
    select
        supplier_id,
        supplier_name,
        omnium_store_id,
        currency,
        lead_time_days,
        safety_margin_days,
        order_interval_days
    from {{ ref('stg_suppliers') }}
),

tenant_lead_time as (
    select
        planning_mean_days,
        planning_sd_days,
        completed_lines
    from {{ ref('lead_time') }}
    where level = 'global'
),

-- The supplier's figures; where the supplier is one of the own warehouses, those of the transfers from it.
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

packages as (
    select distinct sku from {{ ref('int_package_components') }}
),

joined as (
    select
        items.sku,
        items.warehouse_code,
        products.product_name,
        products.gtin,
        sources.supplier_id,
        sources.supplier_sku_id,
        coalesce(sources.is_supplier_known, false) as is_supplier_known,
        coalesce(sources.is_stand_in, false) as is_stand_in,
        coalesce(suppliers.supplier_name, sources.supplier_id) as supplier_name,
        suppliers.omnium_store_id,
        coalesce(suppliers.omnium_store_id, sources.supplier_id) as source_id,
        suppliers.omnium_store_id is not null as is_transfer,
        items.unit_cost,
        items.currency,
        items.rate,
        items.min_quantity,
        items.max_quantity,
        items.reorder_min_quantity,
        -- a pack of nothing, or of less, is no pack
        case when products.pack_quantity > 0 then products.pack_quantity end as pack_quantity,
        coalesce(products.is_package_break_allowed, false) as is_package_break_allowed,
        coalesce(products.is_virtual, false) as is_virtual,
        coalesce(products.is_backorder, false) as is_backorder,
        (products.is_package or products.is_bundle or products.is_kit) and packages.sku is not null as is_package,
        coalesce(products.is_discontinued or products.is_deleted, false) as is_discontinued,
        not coalesce(products.is_active, true) as is_product_inactive,
        coalesce(stores.is_inactive, false) as is_store_inactive,
        unpurchasable.sku is not null as is_not_purchasable,
        {{ agreed }} as agreed_lead_time_days,
        {{ agreed }}
            + coalesce(suppliers.safety_margin_days, {{ var('lead_time_safety_margin_days') }}) as configured_lead_time_days,
        {{ real("coalesce(nullif(suppliers.order_interval_days, 0), 30)") }} as order_interval_days,
        {{ real(var('review_days')) }} as review_days,
        coalesce(profile.daily_demand, 0e0)
            {{- ' + coalesce(profile.daily_transfer_out, 0e0)' if var('transfers_are_demand', true) }} as daily_demand,
        sqrt(
            coalesce(profile.daily_demand_sd * profile.daily_demand_sd, 0e0)
            {{- ' + coalesce(profile.daily_transfer_out_sd * profile.daily_transfer_out_sd, 0e0)'
                if var('transfers_are_demand', true) }}
        ) as daily_demand_sd,
        coalesce(profile.daily_demand_naive, 0e0) as daily_demand_naive,
        coalesce(profile.demand_pattern, 'none') as demand_pattern,
        coalesce(profile.in_stock_days, 0e0) as in_stock_days,
        coalesce(profile.is_low_evidence, true) as is_low_evidence,
        position.available,
        position.on_order,
        position.on_order_late,
        position.draft_order,
        position.awaiting_purchase,
        position.position
    from {{ ref('int_stocked_items') }} as items
    left join {{ ref('dim_product') }} as products
        on products.sku = items.sku
    left join {{ ref('int_purchase_sources') }} as sources
        on sources.sku = items.sku
    left join suppliers
        on suppliers.supplier_id = sources.supplier_id
    left join {{ ref('stg_stores') }} as stores
        on stores.warehouse_code = items.warehouse_code
    left join {{ ref('demand_profile') }} as profile
        on profile.sku = items.sku
        and profile.warehouse_code = items.warehouse_code
    left join {{ ref('inventory_position') }} as position
        on position.sku = items.sku
        and position.warehouse_code = items.warehouse_code
    left join packages
        on packages.sku = items.sku
    left join {{ ref('int_unpurchasable_products') }} as unpurchasable
        on unpurchasable.sku = items.sku
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
