{{ config(materialized='table') }}

-- One row per SKU and warehouse whose history is replayed. Among those bought from suppliers before the replay begins,
-- they are the var('backtest_items') with the greatest demand value in the average_daily_usage_days before it. Nothing
-- later influences the choice.

with period as (
    select
        first_day,
        least(
            {{ var('backtest_warm_up_days', 60) }},
            cast(floor({{ real(days_between('first_day', as_of())) }} / 2e0) as integer)
        ) as warm_up_days
    from (
        select
            greatest(
                {{ add_days(as_of(), 1 - var('backtest_days', 120) - var('backtest_warm_up_days', 60)) }},
                {{ add_days('min(day)', var('average_daily_usage_days')) }}
            ) as first_day
        from {{ ref('fct_stock_and_demand_change') }}
    ) as begins
),

purchased as (
    select
        lines.sku,
        lines.warehouse_code,
        count(*) as lines
    from {{ ref('fct_purchase_order_line') }} as lines
    cross join period
    where not lines.is_transfer
        and lines.order_date < period.first_day
    group by lines.sku, lines.warehouse_code
),

wanted as (
    select
        changes.sku,
        changes.warehouse_code,
        sum(changes.demand_quantity + changes.transfer_out_quantity) as quantity
    from {{ ref('fct_stock_and_demand_change') }} as changes
    cross join period
    where changes.day < period.first_day
        and changes.day >= {{ add_days('period.first_day', -1 * var('average_daily_usage_days')) }}
    group by changes.sku, changes.warehouse_code
),

ranked as (
    select
        items.sku,
        items.warehouse_code,
        items.source_id as supplier_id,
        period.first_day,
        period.warm_up_days,
        {{ real('items.unit_cost') }} * items.rate as unit_cost,
        items.min_quantity,
        items.max_quantity,
        items.reorder_min_quantity,
        items.pack_quantity,
        items.is_package_break_allowed,
        items.order_interval_days,
        items.review_days,
        items.configured_lead_time_days,
        row_number() over (
            order by
                coalesce({{ real('wanted.quantity') }}, 0e0) * {{ real('items.unit_cost') }}
                    * items.rate desc nulls last,
                items.sku,
                items.warehouse_code
        ) as item_id
    from {{ ref('int_replenishment_items') }} as items
    cross join period
    inner join purchased
        on purchased.sku = items.sku
        and purchased.warehouse_code = items.warehouse_code
    left join wanted
        on wanted.sku = items.sku
        and wanted.warehouse_code = items.warehouse_code
    where items.supplier_id is not null
        and not items.is_transfer
        and items.unit_cost * items.rate > 0
        and period.first_day < {{ as_of() }}
)

select * from ranked
where item_id <= {{ var('backtest_items', 1000) }}
