{{ config(materialized='table') }}

-- One row per SKU and warehouse that is stocked or was sold, with its planning settings and its cost:
-- the inventory row's, else the product's, else that of the newest purchase order line. An inventory row that came after the
-- as-of date makes no pair, but has the settings of one that was sold.

with listed as (
    select
        sku,
        warehouse_code,
        coalesce(created_date, {{ as_of() }}) <= {{ as_of() }} as is_known,
        min_quantity,
        max_quantity,
        reorder_min_quantity,
        cost,
        cost_currency
    from {{ ref('stg_inventory') }}
    where sku is not null
        and warehouse_code is not null
        and not is_virtual

    union all

    select sku, warehouse_code, true, null, null, null, null, null
    from {{ ref('fct_stock_and_demand_change') }}

    union all

    select sku, warehouse_code, true, null, null, null, null, null
    from {{ ref('int_incoming_stock') }}
),

-- Whether there is a pair and what its settings are is asked in one go: there are as many pairs as rows.
pairs as (
    select
        sku,
        warehouse_code,
        max(min_quantity) as min_quantity,
        max(max_quantity) as max_quantity,
        max(reorder_min_quantity) as reorder_min_quantity,
        max(cost) as cost,
        max(cost_currency) as cost_currency
    from listed
    group by sku, warehouse_code
    having max(case when is_known then 1 else 0 end) = 1
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
                partition by sku order by order_date desc, purchase_order_id desc, unit_cost
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
        coalesce(nullif(pairs.min_quantity, 0), products.min_quantity, 0) as min_quantity,
        coalesce(nullif(pairs.max_quantity, 0), products.max_quantity, 0) as max_quantity,
        coalesce(pairs.reorder_min_quantity, 0) as reorder_min_quantity,
        case
            when pairs.cost > 0 then pairs.cost
            when products.cost > 0 then products.cost
            else last_purchase.unit_cost
        end as unit_cost,
        case
            when pairs.cost > 0
                then coalesce(pairs.cost_currency, products.cost_currency, default_currency.currency)
            when products.cost > 0 then coalesce(products.cost_currency, default_currency.currency)
            when last_purchase.unit_cost > 0 then coalesce(last_purchase.currency, default_currency.currency)
        end as currency
    from pairs
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
