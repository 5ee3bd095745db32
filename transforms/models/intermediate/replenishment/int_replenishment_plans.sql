-- One row per SKU, warehouse and plan: its own customers' demand and, if it supplies other places, the demand of all of
-- them against the stock of all of them (is_echelon). Only columns that are read later are selected, because the tables
-- built from this view are written column by column.

with items as (
    select
        *,
        lead_time_mean_days + review_days as forecast_days,
        lead_time_mean_days + review_days + order_interval_days as order_up_to_days
    from {{ ref('int_replenishment_items') }}
),

forecast as (
    {{ demand_forecast_over('items', {'forecast': 'forecast_days', 'order_up_to': 'order_up_to_days'}) }}
),

-- First day of a SKU's current or next promotion, in all stores or in one.
next_promotions as (
    select sku, warehouse_code, min(promotion_date) as promotion_date
    from {{ ref('int_promotion_days') }}
    where day > {{ as_of() }}
    group by sku, warehouse_code
),

-- For a warehouse that supplies others, both plans: for its own customers, and for all of them.
echelons as (
    select
        plans.*,
        kinds.is_echelon
    from {{ ref('int_echelon_plans') }} as plans
    cross join (select false as is_echelon union all select true as is_echelon) as kinds
),

plans as (
    select
        forecast.sku,
        forecast.warehouse_code,
        forecast.product_name,
        forecast.gtin,
        forecast.supplier_id,
        forecast.supplier_sku_id,
        forecast.is_supplier_known,
        forecast.is_stand_in,
        forecast.supplier_name,
        forecast.omnium_store_id,
        forecast.source_id,
        forecast.lead_time_level,
        forecast.lead_time_mean_days,
        forecast.lead_time_sd_days,
        forecast.lead_time_lines,
        forecast.supplier_lines,
        forecast.agreed_lead_time_days,
        forecast.configured_lead_time_days,
        forecast.order_interval_days,
        forecast.review_days,
        forecast.unit_cost,
        forecast.currency,
        forecast.rate,
        forecast.min_quantity,
        forecast.max_quantity,
        forecast.reorder_min_quantity,
        forecast.pack_quantity,
        forecast.is_package_break_allowed,
        forecast.is_virtual,
        forecast.is_backorder,
        forecast.is_package,
        forecast.is_discontinued,
        forecast.is_product_inactive,
        forecast.is_store_inactive,
        forecast.is_not_purchasable,
        forecast.is_stock_unknown,
        forecast.service_level,
        forecast.own_daily_demand,
        forecast.one_off_quantity,
        forecast.last_one_off_date,
        forecast.known_days,
        forecast.is_long_known,
        forecast.daily_demand_naive,
        forecast.demand_pattern,
        forecast.in_stock_days,
        forecast.is_low_evidence,
        forecast.evidence,
        forecast.available,
        forecast.on_order,
        forecast.on_order_late,
        forecast.on_order_expected,
        forecast.promised_quantity,
        forecast.awaiting_purchase,
        coalesce(echelons.is_echelon, false) as is_echelon,
        echelons.sku is not null as has_two_plans,
        case when echelons.is_echelon then echelons.supplied_places else 0 end as supplied_places,
        forecast.own_daily_demand + forecast.daily_transfer_out
            + case when echelons.is_echelon then echelons.daily_demand else 0e0 end as daily_demand,
        -- Demand served from the warehouse's own shelf.
        forecast.own_daily_demand + case when echelons.is_echelon then 0e0 else forecast.daily_transfer_out end as shelf_demand,
        sqrt(
            forecast.own_daily_demand_sd * forecast.own_daily_demand_sd + forecast.daily_transfer_out_variance
            + case when echelons.is_echelon then echelons.daily_demand_variance else 0e0 end
        ) as daily_demand_sd,
        -- Places of unknown demand count by their irregular transfers.
        forecast.forecast_mean + forecast.daily_transfer_out * forecast.forecast_days
            + case when echelons.is_echelon then echelons.forecast_mean else 0e0 end as expected_demand,
        forecast.forecast_promotion + case when echelons.is_echelon then echelons.promotion_demand else 0e0 end as promotion_demand,
        least(next_promotions.promotion_date, promotions_here.promotion_date) as promotion_date,
        forecast.forecast_variance + forecast.daily_transfer_out_variance * forecast.forecast_days
            + case when echelons.is_echelon then echelons.forecast_variance else 0e0 end as total_forecast_variance,
        forecast.order_up_to_mean - forecast.forecast_mean + forecast.daily_transfer_out * forecast.order_interval_days
            + case when echelons.is_echelon then echelons.order_up_to_mean - echelons.forecast_mean else 0e0 end
            as order_interval_demand,
        forecast.own_draft_order + case when echelons.is_echelon then echelons.draft_order else 0 end as draft_order,
        forecast.own_position + case when echelons.is_echelon then echelons.position else 0 end as position
    from forecast
    left join echelons
        on echelons.sku = forecast.sku
        and echelons.warehouse_code = forecast.warehouse_code
    left join next_promotions
        on next_promotions.sku = forecast.sku
        and next_promotions.warehouse_code = ''
    left join next_promotions as promotions_here
        on promotions_here.sku = forecast.sku
        and promotions_here.warehouse_code = forecast.warehouse_code
)

select * from plans
