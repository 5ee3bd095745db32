{{ config(materialized='table') }}

-- One row per day on which the policies look at history, SKU and warehouse: what the proposal would have taken it to
-- sell, of what was known then.

{{ demand_estimates(ref('int_backtest_memories'), ref('int_demand_categories')) }}
