{{ config(materialized='table') }}

-- One row per SKU, warehouse and plan, with the position at which to order and the level up to which to order.

{{ replenishment_levels(ref('int_replenishment_plans')) }}
