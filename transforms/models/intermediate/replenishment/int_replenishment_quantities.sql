{{ config(materialized='table') }}

{{ replenishment_quantities(ref('int_replenishment_levels')) }}
