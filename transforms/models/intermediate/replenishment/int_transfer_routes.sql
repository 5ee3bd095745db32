{{ config(materialized='table') }}

-- One row per SKU and place that an own warehouse supplies, which means that more of its goods came from there in the
-- last year than from suppliers. If two places send each other goods, the one that sends more supplies the other.

with transfers as (
    select
        sku,
        to_warehouse_code as warehouse_code,
        from_warehouse_code,
        count(distinct purchase_order_id) as transfers,
        sum({{ real('net_quantity') }}) as units
    from {{ ref('int_transfer_lines') }}
    where order_date > {{ add_days(as_of(), -365) }}
        and net_quantity > 0
        and from_warehouse_code <> to_warehouse_code
    group by sku, to_warehouse_code, from_warehouse_code
),

purchases as (
    select
        sku,
        warehouse_code,
        sum({{ real('net_quantity') }}) as units
    from {{ ref('fct_purchase_order_line') }}
    where not is_transfer
        and order_date > {{ add_days(as_of(), -365) }}
        and net_quantity > 0
    group by sku, warehouse_code
),

compared as (
    select
        transfers.*,
        row_number() over (
            partition by transfers.sku, transfers.warehouse_code
            order by transfers.units desc, transfers.from_warehouse_code
        ) as preference
    from transfers
    left join purchases
        on purchases.sku = transfers.sku
        and purchases.warehouse_code = transfers.warehouse_code
    left join transfers as backwards
        on backwards.sku = transfers.sku
        and backwards.warehouse_code = transfers.from_warehouse_code
        and backwards.from_warehouse_code = transfers.warehouse_code
    where transfers.units > coalesce(purchases.units, 0e0)
        and transfers.units > coalesce(backwards.units, 0e0)
)

select
    sku,
    warehouse_code,
    from_warehouse_code,
    transfers,
    units,
    -- One or two transfers are not a habit; the place keeps its supplier.
    transfers >= 3 as is_regular
from compared
where preference = 1
