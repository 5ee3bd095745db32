{{ config(materialized='view' if target.type == 'duckdb' else 'table') }}

-- One row per day on which the policies look at history, SKU and warehouse: what its past, as far as it was known then, says by itself.

{{ demand_memories(ref('int_backtest_changes'), ref('int_backtest_as_of_days')) }}
