{{ config(materialized='table') }}

-- One row per as-of day, SKU, warehouse and day of a promotion to come: what will be sold beside the ordinary demand.

{{ demand_promotions(ref('int_demand_estimates'), ref('int_promotion_days'), ref('int_promotion_effects')) }}
