{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

-- One row per renewal day, SKU and warehouse, with the weighted sums of its past as far as it was known then.

{{ demand_memories(ref('int_backtest_changes'), ref('int_backtest_as_of_days')) }}
