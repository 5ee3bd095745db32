{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

-- One row per as-of day, SKU and warehouse with any event until then, with the weighted sums of its past.

{{ demand_memories(
    ref('fct_stock_and_demand_change'),
    ref('int_demand_as_of_days'),
    promotion_days=ref('int_promotion_days'),
    promotion_effects=ref('int_promotion_effects'),
    closed_days=ref('int_closed_days'),
) }}
