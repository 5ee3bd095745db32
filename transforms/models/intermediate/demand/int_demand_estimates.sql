{{ config(materialized='table') }}

-- One row per as-of day, SKU and warehouse with any information, with what it sells on an ordinary day.

{{ demand_estimates(
    ref('int_demand_memories'),
    ref('int_demand_categories'),
    items=ref('int_demand_new_items'),
    as_of_days=ref('int_demand_as_of_days'),
) }}
