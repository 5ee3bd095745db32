{{ config(materialized='table_by_key') }}

-- One row per SKU, warehouse and day with any event, up to the as-of date, and the number of days (run_days, this one
-- included) until the next event. The daily marts expand these rows; sums over a period are sums over them. A grid of
-- all days would have a hundred times as many rows.

with happened as (
    select
        sku, warehouse_code, day,
        demand_quantity, 0 as returned_quantity, 0 as transfer_out_quantity,
        {{ quantity('null') }} as closing_quantity, {{ quantity('null') }} as closing_reserved,
        {{ quantity('null') }} as opening_quantity, {{ quantity('null') }} as opening_available,
        cast(null as decimal(18, 6)) as in_stock_share
    from {{ ref('int_customer_demand') }}
    where {{ of_changed_keys('sku', 'warehouse_code') }}

    union all

    select
        sku, warehouse_code, day,
        0, returned_quantity, 0, null, null, null, null, null
    from {{ ref('int_customer_returns') }}
    where {{ of_changed_keys('sku', 'warehouse_code') }}

    union all

    select
        sku, warehouse_code, day,
        0, 0, transfer_out_quantity, null, null, null, null, null
    from {{ ref('int_transfers_out') }}
    where {{ of_changed_keys('sku', 'warehouse_code') }}

    union all

    select
        sku, warehouse_code, day,
        0, 0, 0, closing_quantity, closing_reserved, opening_quantity, opening_available, in_stock_share
    from {{ ref('int_stock_change_days') }}
    where {{ of_changed_keys('sku', 'warehouse_code') }}
),

days as (
    select
        sku,
        warehouse_code,
        day,
        sum(demand_quantity) as demand_quantity,
        sum(returned_quantity) as returned_quantity,
        sum(transfer_out_quantity) as transfer_out_quantity,
        max(closing_quantity) as closing_quantity,
        max(closing_reserved) as closing_reserved,
        max(opening_quantity) as opening_quantity,
        max(opening_available) as opening_available,
        max(in_stock_share) as in_stock_share
    from happened
    group by sku, warehouse_code, day
),

-- Days without a transaction keep the stock of the last one before them. Days before the first transaction have its
-- opening stock.
spans as (
    select
        *,
        count(closing_quantity) over (
            partition by sku, warehouse_code order by day rows between unbounded preceding and current row
        ) as stock_changes,
        {{ last_known_by_day('closing_quantity', 'sku, warehouse_code') }} as carried_quantity,
        {{ last_known_by_day('closing_reserved', 'sku, warehouse_code') }} as carried_reserved,
        coalesce(
            lead(day) over (partition by sku, warehouse_code order by day), {{ add_days(as_of(), 1) }}
        ) as next_day,
        -- Ordered only so that all of these windows share one sort.
        max(opening_quantity) over (
            partition by sku, warehouse_code order by day rows between unbounded preceding and unbounded following
        ) as first_opening_quantity,
        max(opening_available) over (
            partition by sku, warehouse_code order by day rows between unbounded preceding and unbounded following
        ) as first_opening_available
    from days
),

filled as (
    select
        *,
        case
            when stock_changes > 0 then case when carried_quantity - carried_reserved > 0 then 1e0 else 0e0 end
            when first_opening_available is not null then case when first_opening_available > 0 then 1e0 else 0e0 end
            -- Without any transaction, nothing indicates that the SKU was out of stock.
            else 1e0
        end as carried_share
    from spans
)

select
    sku,
    warehouse_code,
    day,
    {{ days_between('day', 'next_day') }} as run_days,
    stock_changes > 0 as has_stock_record,
    {{ quantity('demand_quantity') }} as demand_quantity,
    {{ quantity('returned_quantity') }} as returned_quantity,
    {{ quantity('transfer_out_quantity') }} as transfer_out_quantity,
    {{ quantity('case when stock_changes > 0 then carried_quantity else first_opening_quantity end') }} as closing_quantity,
    {{ quantity('case when stock_changes > 0 then carried_reserved end') }} as closing_reserved,
    coalesce(in_stock_share, carried_share) as in_stock_share,
    carried_share
from filled
