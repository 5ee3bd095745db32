{{ config(materialized='table') }}

-- One row per SKU, warehouse and day with customer demand; packages count as their components.

with demanded as (
    select
        line_row_id,
        form_line_row_id,
        sku,
        warehouse_code,
        order_date,
        is_package,
        demand_quantity
    from {{ ref('int_customer_order_lines') }}
    where demand_quantity > 0 and warehouse_code is not null
),

-- What the customer chose stands on the line; else the product says what the package contains.
chosen_components as (
    select
        demanded.line_row_id,
        components.sku,
        sum(components.quantity) as quantity
    from demanded
    inner join {{ ref('stg_order_line_components') }} as components
        on components.line_row_id = demanded.form_line_row_id
    where demanded.is_package and components.sku is not null and components.quantity > 0
    group by demanded.line_row_id, components.sku
),

standard_components as (
    select
        demanded.line_row_id,
        components.component_sku as sku,
        components.quantity
    from demanded
    inner join {{ ref('int_package_components') }} as components
        on components.sku = demanded.sku
    where demanded.is_package
        and not exists (
            select 1 from chosen_components where chosen_components.line_row_id = demanded.line_row_id
        )
),

first_level as (
    select line_row_id, sku, quantity from standard_components
    union all
    select
        chosen_components.line_row_id,
        coalesce(nested.component_sku, chosen_components.sku) as sku,
        chosen_components.quantity * coalesce(nested.quantity, 1) as quantity
    from chosen_components
    left join {{ ref('int_package_components') }} as nested
        on nested.sku = chosen_components.sku
),

units as (
    select
        coalesce(first_level.sku, demanded.sku) as sku,
        demanded.warehouse_code,
        demanded.order_date,
        demanded.demand_quantity * coalesce(first_level.quantity, 1) as demand_quantity
    from demanded
    left join first_level
        on first_level.line_row_id = demanded.line_row_id
)

select
    sku,
    warehouse_code,
    order_date as day,
    {{ quantity('sum(demand_quantity)') }} as demand_quantity
from units
group by sku, warehouse_code, order_date
