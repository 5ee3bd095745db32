{{ config(materialized='table') }}

-- One row per replayed SKU, place and run of days without another change: the rows of fct_stock_and_demand_change that
-- the replay needs. This is a table because DuckDB 2.0.0 aborts ("dict-surviving cache") when rows are expanded
-- directly above a join.

select
    places.item_id,
    places.place_code,
    items.first_day,
    changes.day,
    changes.run_days,
    changes.demand_quantity,
    changes.in_stock_share,
    changes.carried_share,
    changes.closing_quantity
from {{ ref('int_backtest_places') }} as places
inner join {{ ref('int_backtest_items') }} as items
    on items.item_id = places.item_id
inner join {{ ref('fct_stock_and_demand_change') }} as changes
    on changes.sku = places.sku
    and changes.warehouse_code = places.place_code
where {{ add_days('changes.day', 'changes.run_days') }} >= items.first_day
