{{ config(materialized='table') }}

-- One row per replayed SKU and warehouse and stretch of days on which nothing else happened: the rows of
-- fct_stock_and_demand_change that the replay and the days to learn from need. A table, because DuckDB 2.0.0
-- aborts ("dict-surviving cache") where rows are drawn out right above a join.

select
    items.item_id,
    items.supplier_id,
    items.first_day,
    changes.day as change_day,
    changes.run_days,
    changes.demand_quantity as change_demand,
    changes.transfer_out_quantity as change_transfer,
    changes.in_stock_share as change_share,
    changes.carried_share,
    changes.closing_quantity
from {{ ref('int_backtest_items') }} as items
inner join {{ ref('fct_stock_and_demand_change') }} as changes
    on changes.sku = items.sku
    and changes.warehouse_code = items.warehouse_code
where {{ add_days('changes.day', 'changes.run_days') }}
    > {{ add_days('items.first_day', -1 * var('average_daily_usage_days')) }}
