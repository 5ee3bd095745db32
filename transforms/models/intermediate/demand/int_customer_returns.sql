{{ config(materialized='table') }}

-- One row per SKU, warehouse and day on which customers returned something.

with order_lines as (
    select
        order_id,
        line_item_id,
        min(warehouse_code) as warehouse_code
    from {{ ref('int_customer_order_lines') }}
    where line_item_id is not null
        and order_id in (select returned.order_id from {{ ref('stg_returns') }} as returned)
    group by order_id, line_item_id
)

select
    coalesce(spellings.sku, lines.sku) as sku,
    coalesce(nullif(returns.store_id, ''), order_lines.warehouse_code) as warehouse_code,
    returns.created_date as day,
    {{ quantity('sum(lines.returned_quantity)') }} as returned_quantity
from {{ ref('stg_return_lines') }} as lines
inner join {{ ref('stg_returns') }} as returns
    on returns.return_row_id = lines.return_row_id
left join {{ ref('int_sku_spellings') }} as spellings
    on spellings.spelling = lines.sku
left join order_lines
    on order_lines.order_id = returns.order_id
    and order_lines.line_item_id = lines.line_item_id
where lines.sku is not null
    and lines.returned_quantity > 0
    and not lines.is_virtual_product
    and coalesce(nullif(returns.store_id, ''), order_lines.warehouse_code) is not null
    and returns.created_date <= {{ as_of() }}
    and not {{ demand_is_canceled_status('returns.status') }}
group by coalesce(spellings.sku, lines.sku), coalesce(nullif(returns.store_id, ''), order_lines.warehouse_code), returns.created_date
