{{ config(materialized='table') }}

-- One row per SKU, warehouse and day with customer returns. Packages count as their components.

with order_lines as (
    select
        order_id,
        line_item_id,
        min(warehouse_code) as warehouse_code
    from {{ ref('int_customer_order_lines') }}
    where line_item_id is not null
        and order_id in (select returned.order_id from {{ ref('stg_returns') }} as returned)
    group by order_id, line_item_id
),

lines as (
    select
        return_lines.line_row_id,
        return_lines.line_row_id as form_line_row_id,
        coalesce(spellings.sku, return_lines.sku) as sku,
        coalesce(
            virtual_locations.physical_warehouse_code, nullif(returns.store_id, ''), order_lines.warehouse_code
        ) as warehouse_code,
        returns.created_date as day,
        return_lines.returned_quantity,
        return_lines.is_package
            or coalesce({{ is_package_product('products') }}, false) as is_package
    from {{ ref('stg_return_lines') }} as return_lines
    inner join {{ ref('stg_returns') }} as returns
        on returns.return_row_id = return_lines.return_row_id
    left join {{ ref('int_sku_spellings') }} as spellings
        on spellings.spelling = return_lines.sku
    left join {{ ref('dim_product') }} as products
        on products.sku = coalesce(spellings.sku, return_lines.sku)
    -- What is returned to a virtual stock location goes to the physical warehouse.
    left join {{ ref('int_virtual_locations') }} as virtual_locations
        on virtual_locations.warehouse_code = returns.store_id
    left join order_lines
        on order_lines.order_id = returns.order_id
        and order_lines.line_item_id = return_lines.line_item_id
    where return_lines.sku is not null
        and return_lines.returned_quantity > 0
        and (
            not (return_lines.is_virtual_product or coalesce(products.is_virtual, false))
            or return_lines.is_package or coalesce({{ is_package_product('products') }}, false)
        )
        and returns.created_date <= {{ as_of() }}
        and not {{ demand_is_canceled_status('returns.status') }}
),

contents as (
    {{ opened_packages("(select * from lines where is_package)", ref('stg_return_line_components')) | indent(4) }}
)

select
    coalesce(contents.sku, lines.sku) as sku,
    lines.warehouse_code,
    lines.day,
    {{ quantity('sum(lines.returned_quantity * coalesce(contents.quantity, 1))') }} as returned_quantity
from lines
left join contents
    on contents.line_row_id = lines.line_row_id
where lines.warehouse_code is not null
    and not coalesce(contents.is_virtual, false)
group by coalesce(contents.sku, lines.sku), lines.warehouse_code, lines.day
