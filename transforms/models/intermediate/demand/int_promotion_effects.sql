{{ config(materialized='table') }}

-- One row per as-of day: how many times as much articles sold on promotion in the year before it.

{{ demand_promotion_effects(ref('fct_stock_and_demand_change'), ref('int_demand_as_of_days'), ref('int_promotion_days')) }}
