-- One row per SKU and warehouse that is stocked or sold, with all inputs of its proposal except the forecast. In the
-- notation of models.md, d is daily_demand, L and σ_L are lead_time_mean_days and lead_time_sd_days, r is review_days
-- and T is order_interval_days.

with packages as (
    select distinct sku from {{ ref('int_package_components') }} where is_package
),

-- Transfers to places whose own demand is planned for must not count as demand of the warehouse a second time.
lumpy_transfers as (
    select
        lines.sku,
        lines.from_warehouse_code as warehouse_code,
        sum(case when places.place_code is null then lines.net_quantity else 0 end) * 1e0
            / nullif(sum(lines.net_quantity), 0) as share
    from {{ ref('int_transfer_lines') }} as lines
    left join {{ ref('int_echelon_places') }} as places
        on places.sku = lines.sku
        and places.warehouse_code = lines.from_warehouse_code
        and places.place_code = lines.to_warehouse_code
        and exists (
            select 1
            from {{ ref('int_demand_estimates') }} as known
            where known.sku = places.sku
                and known.warehouse_code = places.place_code
                and known.as_of_day = {{ as_of() }}
                and known.daily_demand > 0e0
        )
    where lines.order_date > {{ add_days(as_of(), -1 * var('average_daily_usage_days')) }}
    group by lines.sku, lines.from_warehouse_code
)

{%- if var('service_level_from_margin', false) %},

prices as (
    select sku, unit_price from {{ ref('int_sales_prices') }}
)
{%- endif %}

{%- if var('order_interval', 'supplier') == 'economic' %},

economic as (
    select supplier_id, warehouse_code, currency, economic_interval_days from {{ ref('int_economic_intervals') }}
)
{%- endif %}

select
    items.sku,
    items.warehouse_code,
    products.product_name,
    products.gtin,
    products.main_category_name,
    sources.supplier_id,
    sources.supplier_sku_id,
    sources.is_supplier_known,
    sources.is_stand_in,
    sources.supplier_name,
    sources.omnium_store_id,
    sources.source_id,
    sources.is_transfer,
    sources.lead_time_level,
    sources.lead_time_mean_days,
    sources.lead_time_sd_days,
    sources.lead_time_lines,
    sources.supplier_lines,
    sources.agreed_lead_time_days,
    sources.configured_lead_time_days,
    {% if var('order_interval', 'supplier') == 'economic' -%}
    coalesce(least(365e0, greatest(1e0, economic.economic_interval_days)), sources.order_interval_days)
    {%- else -%}
    sources.order_interval_days
    {%- endif %} as order_interval_days,
    sources.review_days,
    items.unit_cost,
    items.currency,
    items.rate,
    items.min_quantity,
    items.max_quantity,
    items.reorder_min_quantity,
    -- A pack of 0 or less is not a pack.
    case when products.pack_quantity > 0 then products.pack_quantity end as pack_quantity,
    coalesce(products.is_package_break_allowed, false) as is_package_break_allowed,
    coalesce(products.is_virtual, false) as is_virtual,
    coalesce(products.is_backorder, false) as is_backorder,
    packages.sku is not null as is_package,
    coalesce(products.is_discontinued or products.is_deleted, false) as is_discontinued,
    not coalesce(products.is_active, true) as is_product_inactive,
    coalesce(stores.is_inactive, false) as is_store_inactive,
    unpurchasable.sku is not null as is_not_purchasable,
    coalesce(position.is_unknown, false) as is_stock_unknown,
    profile.abc_class,
    {{ replenishment_service_level(
        'profile.abc_class', 'prices.unit_price', 'items.unit_cost_in_default_currency',
        '(sources.lead_time_mean_days + sources.review_days)',
    ) }} as service_level,
    coalesce(estimates.daily_demand, 0e0) as own_daily_demand,
    coalesce(estimates.one_off_quantity, 0e0) as one_off_quantity,
    estimates.last_one_off_day as last_one_off_date,
    coalesce(estimates.long_days, 0e0) as known_days,
    coalesce(estimates.first_day <= {{ add_days(as_of(), -2 * demand_constants().new_days) }}, false) as is_long_known,
    {% if var('transfers_are_demand', true) -%}
    coalesce(profile.daily_transfer_out * lumpy_transfers.share, 0e0)
    {%- else -%}
    0e0
    {%- endif %} as daily_transfer_out,
    {% if var('transfers_are_demand', true) -%}
    coalesce(profile.daily_transfer_out_sd * profile.daily_transfer_out_sd * lumpy_transfers.share, 0e0)
    {%- else -%}
    0e0
    {%- endif %} as daily_transfer_out_variance,
    coalesce(profile.daily_demand_sd, 0e0) as own_daily_demand_sd,
    coalesce(profile.daily_demand_naive, 0e0) as daily_demand_naive,
    coalesce(profile.demand_pattern, 'none') as demand_pattern,
    coalesce(profile.in_stock_days, 0e0) as in_stock_days,
    coalesce(profile.is_low_evidence, true) as is_low_evidence,
    case
        when estimates.sku is null then 'none'
        when not profile.is_low_evidence then 'own history'
        when estimates.scaled_daily_demand > 0e0 then 'scaled from other warehouses'
        else 'scaled from category'
    end as evidence,
    position.available,
    position.on_order,
    position.on_order_late,
    position.on_order_expected,
    position.available + position.on_order_expected - position.position as promised_quantity,
    position.draft_order as own_draft_order,
    position.awaiting_purchase,
    position.position as own_position
from {{ ref('int_stocked_items') }} as items
inner join {{ ref('int_item_lead_times') }} as sources
    on sources.sku = items.sku
    and sources.warehouse_code = items.warehouse_code
left join {{ ref('dim_product') }} as products
    on products.sku = items.sku
left join {{ ref('stg_stores') }} as stores
    on stores.warehouse_code = items.warehouse_code
left join {{ ref('demand_profile') }} as profile
    on profile.sku = items.sku
    and profile.warehouse_code = items.warehouse_code
left join {{ ref('int_demand_estimates') }} as estimates
    on estimates.sku = items.sku
    and estimates.warehouse_code = items.warehouse_code
    and estimates.as_of_day = {{ as_of() }}
left join {{ ref('inventory_position') }} as position
    on position.sku = items.sku
    and position.warehouse_code = items.warehouse_code
left join packages
    on packages.sku = items.sku
left join {{ ref('int_unpurchasable_products') }} as unpurchasable
    on unpurchasable.sku = items.sku
left join lumpy_transfers
    on lumpy_transfers.sku = items.sku
    and lumpy_transfers.warehouse_code = items.warehouse_code
{%- if var('service_level_from_margin', false) %}
left join prices
    on prices.sku = items.sku
{%- endif %}
{%- if var('order_interval', 'supplier') == 'economic' %}
left join economic
    on economic.supplier_id = sources.supplier_id
    and economic.warehouse_code = items.warehouse_code
    and {{ is_same('economic.currency', 'items.currency') }}
{%- endif %}
