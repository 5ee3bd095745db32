{{ config(materialized='table') }}

-- One row per as-of day, warehouse and number of days ahead, with the weekdays of the days until then.

{{ demand_weekdays(ref('fct_stock_and_demand_change'), ref('int_demand_estimates'), ref('int_closed_days')) }}
