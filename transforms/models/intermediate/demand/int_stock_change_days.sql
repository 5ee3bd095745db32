{{ config(materialized='table_by_key') }}

-- One row per SKU, warehouse and day on which an inventory transaction changed the stock.

-- depends_on: {{ ref('stg_inventory_transactions') }}
with transactions as (
    select
        coalesce(spellings.sku, transactions.sku) as sku,
        transactions.warehouse_code,
        transactions.transaction_id,
        transactions.transacted_at,
        {{ local_date('transactions.transacted_at') }} as day,
        coalesce(transactions.quantity, 0) as quantity,
        coalesce(transactions.reserved_quantity, 0) as reserved_quantity,
        transactions.new_inventory,
        coalesce(transactions.new_reserved_inventory, 0) as new_reserved_inventory
    from (
        {{ stg_inventory_transactions_rows(of_keys=['variant', 'warehouse_code']) | indent(8) }}
    ) as transactions
    left join {{ ref('int_sku_spellings') }} as spellings
        on spellings.spelling = transactions.sku
    left join {{ ref('stg_stores') }} as stores
        on stores.warehouse_code = transactions.warehouse_code
    where transactions.sku is not null
        and transactions.warehouse_code is not null
        and transactions.new_inventory is not null
        and not transactions.is_virtual
        and not coalesce(stores.is_virtual, false)
),

known as (
    select
        *,
        {{ demand_day_fraction('transacted_at', 'day') }} as day_fraction
    from transactions
    where day <= {{ as_of() }}
),

-- Ordered by instant, because an hour of local clock time repeats when clocks are set back.
with_neighbours as (
    select
        *,
        new_inventory - new_reserved_inventory > 0 as is_available,
        lead(day) over changes as next_day,
        lead(day_fraction) over changes as next_day_fraction,
        lag(new_inventory - new_reserved_inventory) over changes as previous_available,
        lag(day) over changes as previous_day
    from {{ transactions_in_their_instants('known') | indent(4) }} as known
    window changes as (
        partition by sku, warehouse_code
        order by {{ order_of_transactions() }}
    )
),

shares as (
    select
        sku,
        warehouse_code,
        day,
        new_inventory,
        new_reserved_inventory,
        next_day is null or next_day > day as is_last_of_day,
        previous_day is null as is_first_of_all,
        new_inventory - quantity as opening_quantity,
        new_inventory - quantity - (new_reserved_inventory - reserved_quantity) as opening_available,
        -- From this change to the next one of the day, or to its end.
        case when is_available then
            (case when next_day = day then next_day_fraction else 1e0 end) - day_fraction
        else 0e0 end
        -- From midnight to the first change of the day.
        + case
            when previous_day = day then 0e0
            when coalesce(
                previous_available, new_inventory - quantity - (new_reserved_inventory - reserved_quantity)
            ) > 0 then day_fraction
            else 0e0
        end as in_stock_share
    from with_neighbours
)

select
    sku,
    warehouse_code,
    day,
    {{ quantity('max(case when is_last_of_day then new_inventory end)') }} as closing_quantity,
    {{ quantity('max(case when is_last_of_day then new_reserved_inventory end)') }} as closing_reserved,
    {{ quantity('max(case when is_first_of_all then opening_quantity end)') }} as opening_quantity,
    {{ quantity('max(case when is_first_of_all then opening_available end)') }} as opening_available,
    -- Rounded, so that a day of many parts is 1 if all of them are in stock.
    round(cast(least(1e0, greatest(0e0, sum(in_stock_share))) as decimal(18, 9)), 6) as in_stock_share
from shares
group by sku, warehouse_code, day
