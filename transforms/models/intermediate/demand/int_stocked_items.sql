{{ config(materialized='table') }}

-- One row per SKU and warehouse that is stocked, was sold, is on order or is waited for, with its planning settings and
-- its cost (the inventory row's, else the product's, else that of the newest purchase order line).

with pairs as (
    select
        inventory.sku,
        inventory.warehouse_code
    from {{ ref('stg_inventory') }} as inventory
    where inventory.sku is not null
        and inventory.warehouse_code is not null
        and not inventory.is_virtual
        and coalesce(inventory.created_date, {{ as_of() }}) <= {{ as_of() }}

    union

    select sku, warehouse_code from {{ ref('fct_stock_and_demand_change') }}

    union

    select sku, warehouse_code from {{ ref('int_incoming_stock') }}

    union

    -- Includes repairs, which are not demand.
    select sku, warehouse_code from {{ ref('int_customers_waiting') }}
),

inventory as (
    select
        sku,
        warehouse_code,
        max(min_quantity) as min_quantity,
        max(max_quantity) as max_quantity,
        max(reorder_min_quantity) as reorder_min_quantity,
        max(cost) as cost,
        max(cost_currency) as cost_currency
    from {{ ref('stg_inventory') }}
    where not is_virtual
        and coalesce(created_date, {{ as_of() }}) <= {{ as_of() }}
    group by sku, warehouse_code
),

last_purchase as (
    select
        sku,
        unit_cost,
        currency
    from (
        select
            sku,
            unit_cost,
            currency,
            row_number() over (
                partition by sku order by order_date desc nulls last, purchase_order_id desc, unit_cost
            ) as recency
        from {{ ref('fct_purchase_order_line') }}
        where unit_cost > 0 and not is_transfer
    ) as purchases
    where recency = 1
),

default_currency as (
    select max(currency) as currency from {{ ref('int_currency_rates') }} where is_default
),

costs as (
    select
        pairs.sku,
        pairs.warehouse_code,
        coalesce(nullif(inventory.min_quantity, 0), products.min_quantity, 0) as min_quantity,
        coalesce(nullif(inventory.max_quantity, 0), products.max_quantity, 0) as max_quantity,
        coalesce(inventory.reorder_min_quantity, 0) as reorder_min_quantity,
        case
            when inventory.cost > 0 then inventory.cost
            when products.cost > 0 then products.cost
            else last_purchase.unit_cost
        end as unit_cost,
        case
            when inventory.cost > 0
                then coalesce(inventory.cost_currency, products.cost_currency, default_currency.currency)
            when products.cost > 0 then coalesce(products.cost_currency, default_currency.currency)
            when last_purchase.unit_cost > 0 then coalesce(last_purchase.currency, default_currency.currency)
        end as currency
    from pairs
    left join inventory
        on inventory.sku = pairs.sku
        and inventory.warehouse_code = pairs.warehouse_code
    left join {{ ref('dim_product') }} as products
        on products.sku = pairs.sku
    left join last_purchase
        on last_purchase.sku = pairs.sku
    left join default_currency
        on 1 = 1
    left join {{ ref('stg_stores') }} as stores
        on stores.warehouse_code = pairs.warehouse_code
    where not coalesce(stores.is_virtual, false)
)

select
    costs.sku,
    costs.warehouse_code,
    {{ quantity('costs.min_quantity') }} as min_quantity,
    {{ quantity('costs.max_quantity') }} as max_quantity,
    {{ quantity('costs.reorder_min_quantity') }} as reorder_min_quantity,
    costs.unit_cost,
    costs.currency,
    currency_rate.rate,
    {{ real('costs.unit_cost') }} * currency_rate.rate as unit_cost_in_default_currency
from costs
left join {{ ref('int_currency_rates') }} as currency_rate
    on currency_rate.currency = costs.currency
