-- One row per SKU, warehouse and week of the next 26, with the stock of today, the proposed quantity and the demand
-- forecast up to then. The most urgent items come first, then those of the greatest demand value.
with items as (
    select
        items.sku,
        items.warehouse_code,
        cast(items.available - items.promised_quantity as {{ real_type() }}) as free_stock,
        case when items.is_echelon then items.own_reorder_point else items.reorder_point end as reorder_point,
        items.suggested_quantity + coalesce(top_ups.top_up_quantity, 0e0) as proposed_quantity,
        ceil(items.lead_time_mean_days) + coalesce(actions.defer_days, 0) as proposal_days
    from {{ ref('int_replenishment_risks') }} as items
    left join {{ ref('int_proposal_top_ups') }} as top_ups
        on top_ups.supplier_id = items.supplier_id
        and top_ups.warehouse_code = items.warehouse_code
        and {{ is_same('top_ups.currency', 'items.currency') }}
        and top_ups.sku = items.sku
    left join {{ ref('int_proposal_actions') }} as actions
        on actions.supplier_id = items.supplier_id
        and actions.warehouse_code = items.warehouse_code
        and {{ is_same('actions.currency', 'items.currency') }}
        and items.block_reason is null
    where items.own_daily_demand > 0e0
        or items.available <> 0
        or items.on_order > 0
    order by
        items.urgency_rank, items.own_daily_demand * items.unit_cost * items.rate desc nulls last,
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
