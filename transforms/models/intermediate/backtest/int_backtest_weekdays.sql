{{ config(materialized='table') }}

-- One row per day on which the policies look at history, warehouse and number of days ahead: the weekdays.

{{ demand_weekdays(ref('int_backtest_changes'), ref('int_backtest_estimates')) }}
