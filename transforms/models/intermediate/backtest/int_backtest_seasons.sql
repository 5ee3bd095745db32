{{ config(materialized='table') }}

-- One row per day on which the policies look at history, category and number of days ahead: the season.

{{ demand_seasons(ref('int_backtest_changes'), ref('int_backtest_estimates')) }}
