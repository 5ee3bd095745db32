{{ config(materialized='table') }}

-- One row per as-of day, SKU and warehouse of which anything is known: what it sells on an ordinary day.

{{ demand_estimates(
    ref('fct_stock_and_demand_change'),
    ref('int_demand_as_of_days'),
    ref('int_demand_categories'),
    items=ref('int_demand_new_items'),
    promotion_days=ref('int_promotion_days'),
    promotion_effects=ref('int_promotion_effects'),
    closed_days=ref('int_closed_days'),
) }}
