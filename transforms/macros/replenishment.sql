{#
  The replenishment formulas as queries with parameters. The mart uses the tenant's settings, replenishment_what_if
  those of its caller.
#}

{#
  Reorder point and order-up-to level. `items` has daily_demand; lead_time_mean_days (L), lead_time_sd_days (σ_L) and
  review_days (r); expected_demand and total_forecast_variance of L + r days, and order_interval_demand of the order
  interval after them; min_quantity and max_quantity. service_level (0…1) and order_interval_days (days) are SQL
  expressions on its columns.

  σ² = forecast variance (limited to demand_countable_variance) + d²·σ_L² with d = expected_demand / (L + r).
#}
{% macro replenishment_levels(items, service_level='service_level', order_interval_days='order_interval_days') %}
with spread as (
    select
        *,
        lead_time_mean_days + review_days as protection_days,
        {{ demand_countable_variance('expected_demand', 'total_forecast_variance') }} + power(
            expected_demand / nullif(lead_time_mean_days + review_days, 0e0) * lead_time_sd_days, 2
        ) as demand_variance,
        {{ real(service_level) }} as wanted_service_level,
        case
            when {{ order_interval_days }} = order_interval_days then order_interval_demand
            else order_interval_demand * {{ order_interval_days }} / order_interval_days
        end as interval_demand
    from {{ items }}
),

reordered as (
    {{ demand_with_quantiles(
        'spread', 'expected_demand', 'demand_variance', {'statistical_reorder_point': 'wanted_service_level'}
    ) | indent(4) }}
),

levelled as (
    select
        *,
        sqrt(demand_variance) as demand_sd,
        greatest(statistical_reorder_point, {{ real('min_quantity') }}) as effective_reorder_point,
        statistical_reorder_point + interval_demand as statistical_order_up_to_level
    from reordered
)

select
    *,
    {{ demand_figure('statistical_reorder_point - expected_demand') }} as safety_stock,
    {{ demand_figure('effective_reorder_point') }} as reorder_point,
    {{ demand_figure('greatest(
        effective_reorder_point,
        case
            when max_quantity > 0 then least(statistical_order_up_to_level, ' ~ real('max_quantity') ~ ')
            else statistical_order_up_to_level
        end
    )') }} as order_up_to_level
from levelled
{% endmacro %}


{#
  The quantity to order today, by our formula and by Omnium's. `levels` is the result of replenishment_levels with
  position, draft_order, transfer_in_quantity (what other own warehouses can spare), minimums, packs and the reasons to
  block.
#}
{% macro replenishment_quantities(levels) %}
-- One row per SKU and warehouse, with the quantity to order today by our formula and by Omnium's.

with stock as (
    select
        *,
        {{ real('position') }} as stock_position,
        {{ real('draft_order') }} as drafted,
        {{ real('transfer_in_quantity') }} as spared_elsewhere,
        {{ real('reorder_min_quantity') }} as least_order,
        -- Without a pack, or if packs may be broken, quantities are rounded to whole units.
        case
            when pack_quantity is null or is_package_break_allowed then 1e0
            else {{ real('pack_quantity') }}
        end as pack,
        case
            when is_discontinued then 'discontinued'
            when is_product_inactive then 'inactive product'
            when is_store_inactive then 'inactive store'
            when is_not_purchasable then 'assortment not purchasable'
            when is_virtual then 'virtual product'
            when is_package then 'package sold only as components'
            when is_stock_unknown then 'stock not known'
            when supplier_id is null or not is_supplier_known then 'no supplier'
            when unit_cost is null or unit_cost <= 0 then 'no cost'
        end as block_reason,
        -- Omnium: average usage × (configured lead time + margin), plus one order interval for the level; rounded like
        -- stock.
        {{ demand_figure('daily_demand_naive * configured_lead_time_days') }} as parity_reorder_point,
        {{ demand_figure('daily_demand_naive * (configured_lead_time_days + order_interval_days)') }} as parity_level
    from {{ levels }}
),

needed as (
    select
        *,
        case
            when block_reason is not null then 0e0
            -- For back-order articles, only what customers already wait for is bought.
            when is_backorder then greatest(0e0, -stock_position - drafted - spared_elsewhere)
            when stock_position + spared_elsewhere > reorder_point then 0e0
            else {{ demand_figure('greatest(0e0, order_up_to_level - stock_position - drafted - spared_elsewhere)') }}
        end as raw_quantity,
        case
            when block_reason is not null or stock_position > greatest(parity_reorder_point, min_quantity) then 0e0
            else greatest(
                0e0,
                -- If they contradict each other, the minimum prevails over the maximum, as in order_up_to_level.
                greatest(
                    case when max_quantity > 0 then least(parity_level, max_quantity) else parity_level end, min_quantity
                ) - stock_position - drafted
            )
        end as parity_raw_quantity
    from stock
),

minimums as (
    select
        *,
        case
            when raw_quantity <= 0e0 then 0e0
            {%- if var('reorder_suggestions_min_quantity_round_up') %}
            else greatest(raw_quantity, least_order)
            {%- else %}
            else raw_quantity
            {%- endif %}
        end as wanted,
        case
            when parity_raw_quantity <= 0e0 then 0e0
            {%- if var('reorder_suggestions_min_quantity_round_up') %}
            else greatest(parity_raw_quantity, least_order)
            {%- else %}
            else parity_raw_quantity
            {%- endif %}
        end as parity_wanted
    from needed
),

packed as (
    select
        *,
        -- Reduced by a tiny amount, so that 48.0000000001 units are two packs of 24.
        case when wanted > 0e0 then ceil(wanted / pack - 1e-9) * pack else 0e0 end as packed_quantity,
        case when parity_wanted > 0e0 then ceil(parity_wanted / pack - 1e-9) * pack else 0e0 end as parity_quantity
    from minimums
)

select
    *,
    case
        when max_quantity > 0
            and not is_backorder
            and packed_quantity > 0e0
            and stock_position + drafted + spared_elsewhere + packed_quantity > max_quantity
            and stock_position + drafted + spared_elsewhere + packed_quantity - pack > reorder_point
            and packed_quantity - pack >= least_order
            and packed_quantity - pack > 0e0
            then packed_quantity - pack
        else packed_quantity
    end as suggested_quantity,
    raw_quantity > 0e0 and raw_quantity < least_order as is_below_minimum_quantity
from packed
{% endmacro %}


{#
  In DuckDB, marts.replenishment_what_if(service_level, order_interval_days) returns the proposal for another service
  level (0…1; null keeps that of each row) and another order interval (days; null keeps that of each supplier), with one
  row per SKU and warehouse. For a warehouse that supplies others, it uses the chosen plan. On other engines nothing is
  created.
#}
{% macro create_replenishment_what_if(inputs) -%}
    {{ adapter.dispatch('create_replenishment_what_if', 'omnium')(inputs) }}
{%- endmacro %}

{% macro default__create_replenishment_what_if(inputs) %}{% endmacro %}

{# Without the name of the catalog, because the file may be opened under any name. #}
{% macro duckdb__create_replenishment_what_if(inputs) %}
create or replace macro {{ inputs.schema }}.replenishment_what_if(at_service_level, at_order_interval_days) as table
{{ replenishment_what_if(inputs.schema ~ '.' ~ inputs.identifier, 'at_service_level', 'at_order_interval_days') }}
{% endmacro %}

{# The rows of `inputs`, a relation with the columns of replenishment_input, with the result. #}
{% macro replenishment_what_if(inputs, at_service_level, at_order_interval_days) %}
with what_if_levels as (
    {{ replenishment_levels(
        inputs,
        'coalesce(' ~ real(at_service_level) ~ ', service_level)',
        'coalesce(' ~ real(at_order_interval_days) ~ ', order_interval_days)',
    ) }}
),

what_if_quantities as (
    {{ replenishment_quantities('what_if_levels') }}
)

select
    sku,
    warehouse_code,
    product_name,
    supplier_id,
    supplier_name,
    block_reason,
    {{ demand_figure('safety_stock') }} as safety_stock,
    reorder_point,
    order_up_to_level,
    {{ quantity('position') }} as position,
    {{ quantity('suggested_quantity') }} as suggested_quantity,
    {{ money('unit_cost') }} as unit_cost,
    currency,
    {{ money('suggested_quantity * unit_cost') }} as order_value
from what_if_quantities
{% endmacro %}


{# The same if another engine without such macros built the mart; called by `dbt run-operation`. #}
{% macro create_what_if_of_built_marts() -%}
    {%- set inputs = adapter.get_relation(target.database, 'marts', 'replenishment_input') -%}
    {%- if inputs is not none -%}
        {%- do run_query(create_replenishment_what_if(inputs)) -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}


{# The name of an urgency rank; 1 is the most urgent. #}
{% macro urgency(rank) -%}
    case {{ rank }} when 1 then 'out' when 2 then 'runs_out' when 3 then 'order_now' else 'wait' end
{%- endmacro %}


{#
  The service level of a row: that of its class in var service_level_by_abc; else, with var service_level_from_margin,
  the newsvendor ratio (price − cost) / (price − cost + cost · storage per protection time), limited to 0.5…0.999; else
  var service_level. unit_price and unit_cost are in the default currency.
#}
{% macro replenishment_service_level(abc_class, unit_price, unit_cost, protection_days) -%}
    {%- set by_class = var('service_level_by_abc', {}) -%}
    {%- for name in by_class if name not in ('A', 'B', 'C', 'N') -%}
        {{ exceptions.raise_compiler_error("var service_level_by_abc: '" ~ name ~ "' is none of A, B, C, N") }}
    {%- endfor -%}
    {%- for level in by_class.values() if level is not number or level <= 0 or level >= 1 -%}
        {{ exceptions.raise_compiler_error("var service_level_by_abc: " ~ level ~ " is not between 0 and 1") }}
    {%- endfor -%}
    {%- set margin = '(' ~ unit_price ~ ' - ' ~ unit_cost ~ ')' -%}
    case
        {%- for name, level in by_class.items() %}
        when {{ abc_class }} = '{{ name }}' then {{ real(level) }}
        {%- endfor %}
        {%- if var('service_level_from_margin', false) %}
        when {{ unit_price }} > {{ unit_cost }} and {{ unit_cost }} > 0 then least(0.999e0, greatest(0.5e0,
            {{ margin }} / ({{ margin }} + {{ unit_cost }} * {{ real(var('storage_cost_percent')) }} / 100e0 * {{ protection_days }} / 365e0)
        ))
        {%- endif %}
        when true then {{ real(var('service_level')) }}
    end
{%- endmacro %}


{#
  Days between orders that cost least = 365·√(2A / (h · annual value)), where A is the shipment cost and h the storage
  cost.
#}
{% macro economic_interval(shipment_cost, daily_value) -%}
    case
        when {{ shipment_cost }} > 0e0 and {{ daily_value }} > 0e0
            then {{ demand_figure(
                '365e0 * sqrt(2e0 * ' ~ shipment_cost ~ ' / (' ~ real(var('storage_cost_percent')) ~ ' / 100e0 * 365e0 * ' ~ daily_value ~ '))'
            ) }}
    end
{%- endmacro %}
