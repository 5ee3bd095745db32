{{ config(materialized='table') }}

-- One row per renewal day, SKU and warehouse, with the daily demand that the proposal would have estimated from what
-- was known then.

{{ demand_estimates(ref('int_backtest_memories'), ref('int_demand_categories')) }}
