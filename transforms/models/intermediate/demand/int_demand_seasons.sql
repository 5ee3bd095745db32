{{ config(materialized='table') }}

-- One row per as-of day, category and number of days ahead, with the season of the days until then.

{{ demand_seasons(ref('fct_stock_and_demand_change'), ref('int_demand_estimates')) }}
