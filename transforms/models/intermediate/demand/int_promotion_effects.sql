{{ config(materialized='table') }}

-- One row per as-of day, with the factor by which promotions multiplied sales in the year before it.

{{ demand_promotion_effects(ref('fct_stock_and_demand_change'), ref('int_demand_as_of_days'), ref('int_promotion_days')) }}
