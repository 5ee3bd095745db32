-- One row per SKU, warehouse and week of the next 26: what is there today, and what will have been sold by then.
-- The most urgent items first, then those worth most.
with items as (
    select
        items.sku,
        items.warehouse_code,
        cast(items.available - items.promised_quantity as {{ real_type() }}) as free_stock,
        case when items.is_echelon then items.own_reorder_point else items.reorder_point end as reorder_point,
        items.suggested_quantity,
        ceil(items.lead_time_mean_days) as proposal_days
    from {{ ref('int_replenishment_quantities') }} as items
    inner join {{ ref('int_replenishment_risks') }} as risks
        on risks.sku = items.sku
        and risks.warehouse_code = items.warehouse_code
    where items.own_daily_demand > 0e0
        or items.available <> 0
        or items.on_order > 0
    order by
        risks.urgency_rank, items.own_daily_demand * items.unit_cost * items.rate desc nulls last,
        items.sku, items.warehouse_code
    limit {{ var('projected_items', 50000) }}
),

weeks as (
    {%- for week in range(1, 27) %}
    select {{ week }} as week, {{ 7 * week }}e0 as days
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

asked as (
    select
        items.*,
        weeks.week,
        weeks.days
    from items
    cross join weeks
),

forecast as (
    {{ demand_forecast_over('asked', {'forecast': 'days'}) }}
)

select * from forecast
