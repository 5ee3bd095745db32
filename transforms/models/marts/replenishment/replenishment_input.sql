{{ config(post_hook="{{ create_replenishment_what_if(this) }}") }}

select
    levels.sku,
    levels.warehouse_code,
    levels.product_name,
    levels.supplier_id,
    levels.supplier_name,
    levels.is_supplier_known,
    levels.demand_pattern,
    {{ demand_figure('levels.daily_demand') }} as daily_demand,
    {{ demand_figure('levels.daily_demand_sd') }} as daily_demand_sd,
    {{ demand_figure('levels.daily_demand_naive') }} as daily_demand_naive,
    {{ demand_figure('levels.expected_demand') }} as expected_demand,
    {{ demand_figure('levels.total_forecast_variance') }} as total_forecast_variance,
    {{ demand_figure('levels.order_interval_demand') }} as order_interval_demand,
    levels.is_echelon,
    levels.supplied_places,
    {{ real('levels.lead_time_mean_days') }} as lead_time_mean_days,
    {{ real('levels.lead_time_sd_days') }} as lead_time_sd_days,
    levels.configured_lead_time_days,
    {{ real('levels.review_days') }} as review_days,
    {{ real('levels.order_interval_days') }} as order_interval_days,
    {{ real('levels.service_level') }} as service_level,
    {{ real(var('service_level')) }} as configured_service_level,
    {{ quantity('levels.min_quantity') }} as min_quantity,
    {{ quantity('levels.max_quantity') }} as max_quantity,
    {{ quantity('levels.reorder_min_quantity') }} as reorder_min_quantity,
    {{ quantity('levels.pack_quantity') }} as pack_quantity,
    levels.is_package_break_allowed,
    {{ quantity('levels.position') }} as position,
    {{ quantity('levels.draft_order') }} as draft_order,
    {{ quantity('risks.transfer_in_quantity') }} as transfer_in_quantity,
    {{ money('levels.unit_cost') }} as unit_cost,
    levels.currency,
    levels.is_virtual,
    levels.is_package,
    levels.is_discontinued,
    levels.is_product_inactive,
    levels.is_store_inactive,
    levels.is_not_purchasable,
    levels.is_stock_unknown,
    levels.is_backorder
from {{ ref('int_replenishment_levels') }} as levels
inner join {{ ref('int_replenishment_risks') }} as risks
    on risks.sku = levels.sku
    and risks.warehouse_code = levels.warehouse_code
    -- If there are two plans, the chosen one.
    and risks.is_echelon = levels.is_echelon
