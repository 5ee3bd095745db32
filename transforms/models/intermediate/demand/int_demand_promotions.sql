{{ config(materialized='table') }}

-- One row per as-of day, SKU, warehouse and day of a coming promotion, with what will be sold in addition to the
-- ordinary demand.

{{ demand_promotions(ref('int_demand_estimates'), ref('int_promotion_days'), ref('int_promotion_effects')) }}
