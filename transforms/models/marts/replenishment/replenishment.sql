with quantities as (
    select
        *,
        case
            when demand_sd > 0e0 then (stock_position - expected_demand) / demand_sd
            when stock_position >= expected_demand then 1e9
            else -1e9
        end as safety_factor
    from {{ ref('int_replenishment_quantities') }}
),

risks as (
    select
        *,
        1e0 - ({{ normal_cdf('safety_factor') }}) as stock_out_risk,
        case
            when demand_sd > 0e0 then demand_sd * ({{ normal_loss('safety_factor') }})
            else greatest(0e0, expected_demand - stock_position)
        end as expected_shortage,
        case
            -- a hair more, against rounding; ten years are as good as never
            when daily_demand > 0e0
                then least(3650, greatest(0e0, floor((stock_position - reorder_point) / daily_demand + 1e-9)))
            when stock_position <= reorder_point then 0
        end as days_to_order
    from quantities
),

dated as (
    select
        risks.*,
        {{ add_days(as_of(), 'risks.days_to_order') }} as order_by_date,
        outs.projected_stock_out_date,
        case
            when risks.is_low_evidence or greatest(risks.lead_time_lines, coalesce(risks.supplier_lines, 0)) < 3
                then 'low'
            when risks.in_stock_days >= 30e0
                and risks.lead_time_level <> 'global'
                and greatest(risks.lead_time_lines, coalesce(risks.supplier_lines, 0)) >= 8
                then 'high'
            else 'medium'
        end as confidence
    from risks
    left join {{ ref('int_projected_stock_outs') }} as outs
        on outs.sku = risks.sku
        and outs.warehouse_code = risks.warehouse_code
),

{#- What the sentence is made of. -#}
{%- set sells %}case
        when daily_demand >= 0.1e0 then 'Sells ' || {{ demand_number('daily_demand', 2) }} || ' a day'
        when daily_demand >= 0.00137e0 then 'Sells ' || {{ demand_number('daily_demand * 365e0', 1) }} || ' a year'
        else 'Sells nothing'
    end{% endset %}
{%- set stock %}'; ' || {{ demand_number('available') }} || ' available'
        || case when on_order > 0 then ' and ' || {{ demand_number('on_order') }} || ' on order' else '' end
        || case when on_order_late > 0 then ' (' || {{ demand_number('on_order_late') }} || ' late)' else '' end
        || case
            when available + on_order - stock_position >= 0.0001e0
                then ', of which ' || {{ demand_number('available + on_order - stock_position') }} || ' are promised'
            else ''
        end{% endset %}
{%- set level %}{{ demand_number('reorder_point') }}
        || case when min_quantity > statistical_reorder_point then ' set in Omnium' else '' end{% endset %}
{%- set supplier %}coalesce(supplier_name, 'the supplier')
        || case when lead_time_lines > 0 then ' really takes ' else ' is taken to need ' end
        || {{ demand_number('lead_time_mean_days') }} || ' ± ' || {{ demand_number('lead_time_sd_days') }}
        || ' days (configured: ' || {{ demand_number('configured_lead_time_days') }} || ')'{% endset %}
{%- set otherwise %}case
        when available < 0 then ', as customers are already waiting'
        when available = 0 then ', as there is none left'
        when projected_stock_out_date is not null
            then ', otherwise it runs out on ' || cast(projected_stock_out_date as varchar(10))
        else ''
    end
    || case
        when stock_out_risk >= 0.0005e0
            then ' (' || {{ demand_number('100e0 * stock_out_risk') }} || ' % risk of running short before the next delivery)'
        else ''
    end{% endset %}

explained as (
    select
        *,
        case
            when block_reason is not null then 'Not proposed (' || block_reason || '): ' || lower(substr({{ sells }}, 1, 1))
                || substr({{ sells }}, 2) || {{ stock }} || '.'
            when suggested_quantity > 0e0 then
                {{ sells }} || {{ stock }} || ', and the reorder point of ' || {{ level }} || ' is reached; '
                || {{ supplier }} || ': order ' || {{ demand_number('suggested_quantity') }}
                || case
                    when pack > 1e0 then ' (' || {{ demand_number('suggested_quantity / pack') }} || ' × '
                        || {{ demand_number('pack') }} || ')'
                    else ''
                end
                || {{ otherwise }} || '.'
            when stock_position <= reorder_point and drafted > 0e0 then
                {{ sells }} || {{ stock }} || ', and the draft order of ' || {{ demand_number('drafted') }}
                || ' is what is needed: place it' || {{ otherwise }} || '.'
            when is_backorder then
                {{ sells }} || {{ stock }} || '; bought only on back order, and nobody waits.'
            when daily_demand > 0e0 then
                {{ sells }} || {{ stock }} || ', above the reorder point of ' || {{ level }} || '; ' || {{ supplier }}
                || case
                    when days_to_order >= 3650e0 then ': nothing to order for years.'
                    else ': nothing to order until ' || cast(order_by_date as varchar(10)) || '.'
                end
            else {{ sells }} || {{ stock }} || ': nothing to order.'
        end as explanation
    from dated
)

select
    sku,
    warehouse_code,
    product_name,
    supplier_id,
    supplier_name,
    lead_time_level,
    {{ demand_figure('lead_time_mean_days') }} as lead_time_mean_days,
    {{ demand_figure('lead_time_sd_days') }} as lead_time_sd_days,
    configured_lead_time_days,
    demand_pattern,
    {{ demand_figure('daily_demand') }} as daily_demand,
    {{ demand_figure('daily_demand_sd') }} as daily_demand_sd,
    {{ real('review_days') }} as review_days,
    {{ real('order_interval_days') }} as order_interval_days,
    {{ demand_figure('protection_days') }} as protection_days,
    {{ demand_figure('expected_demand') }} as expected_demand,
    {{ demand_figure('demand_sd') }} as demand_sd,
    {{ demand_figure('safety_stock') }} as safety_stock,
    {{ demand_figure('reorder_point') }} as reorder_point,
    {{ demand_figure('order_up_to_level') }} as order_up_to_level,
    {{ quantity('position') }} as position,
    {{ quantity('draft_order') }} as draft_order,
    {{ quantity('raw_quantity') }} as raw_quantity,
    {{ quantity('suggested_quantity') }} as suggested_quantity,
    {{ quantity('pack_quantity') }} as pack_quantity,
    {{ money('unit_cost') }} as unit_cost,
    currency,
    {{ money('suggested_quantity * unit_cost') }} as order_value,
    order_by_date,
    projected_stock_out_date,
    {{ demand_figure('stock_out_risk') }} as stock_out_risk,
    {{ demand_figure('expected_shortage') }} as expected_shortage,
    {{ demand_figure('case
        when expected_demand > 0e0 then greatest(0e0, 1e0 - expected_shortage / expected_demand)
    end') }} as fill_rate,
    {{ demand_figure('case when daily_demand > 0e0 then greatest(0e0, stock_position) / daily_demand end') }} as days_of_cover,
    block_reason,
    is_below_minimum_quantity,
    {{ quantity('parity_quantity') }} as omnium_parity_quantity,
    confidence,
    explanation
from explained
