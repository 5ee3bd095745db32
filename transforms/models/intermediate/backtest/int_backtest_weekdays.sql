{{ config(materialized='table') }}

-- One row per renewal day, warehouse and number of days ahead, with the weekdays.

{{ demand_weekdays(ref('int_backtest_changes'), ref('int_backtest_estimates')) }}
