{{ config(materialized='table') }}

-- One row per SKU, warehouse and plan: from what stock on to order, and up to what.

{{ replenishment_levels(ref('int_replenishment_plans')) }}
