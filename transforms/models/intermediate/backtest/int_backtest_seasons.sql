{{ config(materialized='table') }}

-- One row per renewal day, category and number of days ahead, with the season.

{{ demand_seasons(ref('int_backtest_changes'), ref('int_backtest_estimates')) }}
